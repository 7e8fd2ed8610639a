"""What the terminal can show: colour and width."""

from __future__ import annotations

import os
import sys
from typing import Literal

__all__ = ["Colour", "colours", "cut", "lane_colour", "width_of"]

Colour = bool | Literal["auto"]

LANES = (36, 33, 32, 35, 34, 31)
"""ANSI colours of neighbouring lanes."""


def colours(wanted: Colour) -> bool:
    """Whether to write colours; "auto": on a terminal, as the environment says.

    NO_COLOR (not empty) says no, FORCE_COLOR says yes, TERM=dumb says no.
    """
    if wanted != "auto":
        return bool(wanted)
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def width_of(wanted: int | None) -> int | None:
    """Columns to fill: as wanted, else those of the terminal; None: no limit."""
    if wanted is not None:
        return wanted
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def cut(text: str, width: int | None) -> str:
    """`text` in at most so many columns."""
    if width is None or len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…"


def lane_colour(lane: int, text: str) -> str:
    """`text` in the colour of a lane."""
    return f"\x1b[{LANES[lane % len(LANES)]}m{text}\x1b[0m"
