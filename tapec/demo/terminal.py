"""What the demo writes: headings, digits drawn in characters, a progress bar."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Progress", "Screen", "seconds"]

SHADES = " ░▒▓█"
PLAIN_SHADES = " .:+#"
INDENT = "  "


class Screen:
    """A stream to write on: colours and bars on a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stdout if stream is None else stream
        self.live = self.stream.isatty()
        self.colour = self.live and "NO_COLOR" not in os.environ
        encoding = getattr(self.stream, "encoding", None) or "ascii"
        self.unicode = _can_write("░█·×→", encoding)
        self.width = shutil.get_terminal_size().columns if self.live else 88

    def line(self, text: str = "") -> None:
        """One line; what the stream cannot write is replaced."""
        if not self.unicode:
            text = text.translate(_ASCII).encode("ascii", "replace").decode()
        self.stream.write(f"{INDENT}{text}".rstrip() + "\n")
        self.stream.flush()

    def lines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.line(text)

    def heading(self, text: str) -> None:
        self.line()
        self.line(self.bold(text))

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def pictures(
        self, images: Sequence[NDArray[np.float64]], captions: Sequence[str]
    ) -> None:
        """8 x 8 images side by side, two characters to a pixel, captions below."""
        shades = SHADES if self.unicode else PLAIN_SHADES
        for row in range(8):
            rows = [np.reshape(image, (8, 8))[row] for image in images]
            self.line("  ".join("".join(_shade(p, shades) for p in r) for r in rows))
        self.line("  ".join(self.dim(f"{c:^16}") for c in captions))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns: the first to the left, the others to the right; first row dim."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for i, row in enumerate(rows):
            cells = [row[0].ljust(widths[0])]
            cells += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
            text = "   ".join(cells)
            self.line(text if i else self.dim(text))


_ASCII = str.maketrans({"·": "-", "×": "x", "→": ">", "µ": "u", "─": "-"})


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _shade(pixel: float, shades: str) -> str:
    return shades[round(float(pixel) * (len(shades) - 1))] * 2


class Progress:
    """A bar that moves on a terminal; elsewhere a line at each quarter.

    with Progress(screen, 30) as progress:
        progress.update(1, "loss 0.31")
    """

    def __init__(self, screen: Screen, total: int, what: str) -> None:
        self.screen = screen
        self.total = total
        self.what = what
        self.note = ""
        self.done = 0
        self._quarter = 0
        self._drawn = -1.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.screen.live:
            self._draw()
            self.screen.stream.write("\n")
        elif self._quarter < 4 and exc[0] is None:
            self._say()

    def update(self, done: int, note: str) -> None:
        """So much is done."""
        self.done, self.note = done, note
        if self.screen.live:
            if time.monotonic() - self._drawn > 0.04:  # 25 pictures a second
                self._draw()
        elif done * 4 // self.total > self._quarter:
            self._quarter = done * 4 // self.total
            self._say()

    def _say(self) -> None:
        self.screen.line(f"{self.what} {self.done:>3} of {self.total}   {self.note}")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        full, empty = ("█", "░") if self.screen.unicode else ("#", ".")
        room = max(8, min(32, self.screen.width - len(self.what) - 48))
        filled = min(room, room * self.done // self.total)
        bar = full * filled + self.screen.dim(empty * (room - filled))
        text = f"{bar}  {self.what} {self.done:>3} of {self.total}   {self.note}"
        self.screen.stream.write(f"\r\x1b[K{INDENT}{text}")
        self.screen.stream.flush()


def seconds(t: float) -> str:
    """A duration with three digits and a unit that fits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if t * scale >= 0.9995 or unit == "µs":
            value = t * scale
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    raise AssertionError
