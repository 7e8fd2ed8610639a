"""Where the debugger stops: at NaN, at an op by name, at a line, at a value."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Location, Value

__all__ = ["Break", "break_at", "lines_of"]


class Break(NamedTuple):
    """kind: nan, op, line or uid; what: the name, `file.py:5` (or `5`), the number."""

    kind: str
    what: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.what}".rstrip()

    def holds(self, op: Value, args: Sequence[Any], out: Any, outermost: bool) -> bool:
        """Whether to stop after `op` gave `out`."""
        match self.kind:
            case "nan":
                return _has_nan(out) and not any(map(_has_nan, args))
            case "op":
                return bool(op.prim.name == self.what)
            case "line":
                return _is_at(op.meta.loc, self.what)
        return outermost and self.what in (str(op.uid), op.name)


def break_at(text: str) -> Break:
    """The break of `nan`, `op exp`, `line fit.py:5` or `%7`; ValueError otherwise."""
    kind, _, what = text.replace("=", " ", 1).strip().partition(" ")
    what = what.strip()
    if kind.startswith("%") and kind[1:] and not what:
        return Break("uid", kind[1:])
    if what if kind in ("op", "line", "uid") else text.strip() == "nan":
        return Break(kind, what.removeprefix("%"))
    raise ValueError(f"{text!r} is none of: nan, op NAME, line FILE:NUMBER, %UID")


def _has_nan(x: Any) -> bool:
    if isinstance(x, tuple):
        return any(map(_has_nan, x))
    a = np.asarray(x)
    return a.dtype.kind in "fc" and bool(np.isnan(a).any())


def _is_at(loc: Location | None, what: str) -> bool:
    file, _, number = what.rpartition(":")
    if loc is None or not number.isdecimal():
        return False
    return any(
        first <= int(number) <= last and (not file or _ends(name, file))
        for name, first, last in lines_of(loc)
    )


def _ends(path: str, file: str) -> bool:
    """Whether `file` is the end of the path."""
    parts = os.path.normpath(file).split(os.sep)
    return os.path.normpath(path).split(os.sep)[-len(parts) :] == parts


def lines_of(loc: Location) -> Iterator[tuple[str, int, int]]:
    """File, first and last line of each of the user's frames, innermost first."""
    for code, lasti in loc.frames:
        positions = itertools.islice(code.co_positions(), lasti // 2, None)
        first, last, *_ = next(positions)
        if first is not None:
            yield code.co_filename, first, last or first
