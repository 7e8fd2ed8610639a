"""What goes wrong, said so that the user can mend it: op, types, place, remedy."""

from __future__ import annotations

import linecache
import os
from typing import Any

from tapec.ir.origin import shown

__all__ = [
    "CheckFailed",
    "DTypeError",
    "IRError",
    "ParseError",
    "ShapeError",
    "TapecError",
    "TraceError",
    "UnsupportedError",
    "at",
    "excerpt",
    "expression",
    "note_place",
]


class TapecError(Exception):
    """Base of all errors that tapec raises on purpose."""


class TraceError(TapecError):
    """The user's program asks for something that cannot be recorded.

    >>> import numpy as np, tapec
    >>> try:
    ...     tapec.scan(lambda c, x: ("a", x), 0.0, np.ones(1))
    ... except tapec.TraceError as error:
    ...     print(str(error).splitlines()[0])
    scan: the carry starts as * and comes back as 'a'
    """


class ShapeError(TraceError, ValueError):
    """Operand shapes do not fit an op.

    >>> import numpy as np, tapec
    >>> try:
    ...     tapec.jit(lambda x: x + np.ones(3))(np.ones(4))
    ... except tapec.ShapeError as error:
    ...     print(str(error).splitlines()[0])
    add: shapes do not broadcast: f64[4] with f64[3]
    """


class DTypeError(TraceError, TypeError):
    """Operand dtypes do not fit an op.

    >>> import numpy as np, tapec
    >>> try:
    ...     tapec.jit(lambda x: x << 1)(1.5)
    ... except tapec.DTypeError as error:
    ...     print(str(error).splitlines()[0])
    left_shift: not defined for dtypes float, int
    """


class UnsupportedError(TraceError, TypeError):
    """A function or argument that tapec cannot trace; the text names what to use.

    >>> import numpy as np, tapec
    >>> try:
    ...     tapec.jit(lambda x: np.spacing(x))(1.0)
    ... except tapec.UnsupportedError as error:
    ...     print(str(error).splitlines()[0])
    np.spacing has no form on tensors; use np.nextafter
    """


class ParseError(TapecError, ValueError):
    """Text that is not IR: file, line, column and what was expected there.

    >>> import tapec; from tapec.text import parse
    >>> try:
    ...     parse("func @f(%x: f64) {")
    ... except tapec.ParseError as error:
    ...     print(str(error).splitlines()[0])
    <text>:1:13: expected a type such as `f64[3]` but found `f64`
    """


class IRError(TapecError):
    """The IR broke an invariant: tapec's fault, never the user's."""


class CheckFailed(TapecError):
    """A recorded check met another truth value than when it was traced."""

    def __init__(self, op: Any = None) -> None:
        super().__init__("a check of this program version failed")
        self.op = op


def excerpt(loc: Any) -> str:
    """The user's line with the expression underlined; empty when unknown.

    examples/fit.py:23, in bad
      return (s * y).sum()
              ^^^^^
    """
    if loc is None:
        return ""
    line, end_line, col, end_col = loc.span
    head = f"  {_short(loc.filename)}:{line}, in {loc.function}"
    text = linecache.getline(loc.filename, line) if line else ""
    if not text.strip():
        return head
    body = text.strip()
    indent = len(text) - len(text.lstrip())
    lines = [head, f"    {body}"]
    if col is not None and end_col is not None:
        raw = text.encode()
        start = len(raw[:col].decode(errors="replace")) - indent
        stop = len(raw[:end_col].decode(errors="replace")) - indent
        if end_line != line:
            stop = len(body)
        lines.append("    " + " " * start + "^" * max(stop - start, 1))
    return "\n".join(lines)


def expression(loc: Any) -> str:
    """The user's expression in one line; empty when unknown."""
    if loc is None:
        return ""
    line, end_line, col, end_col = loc.span
    text = linecache.getline(loc.filename, line) if line else ""
    if col is None or not text.strip():
        return text.strip()
    raw = text.encode()
    part = raw[col : end_col if end_line == line else None]
    more = " ..." if end_line != line else ""
    return part.decode(errors="replace").strip() + more


def at(error: TapecError, loc: Any) -> TapecError:
    """`error` with the user's line appended (once)."""
    place = excerpt(loc)
    if place and place not in str(error):
        error.args = (f"{error}\n{place}",)
    return error


def note_place(error: BaseException, loc: Any) -> None:
    """Note the user's line on an error that an op raised as it ran (once)."""
    place = excerpt(loc)
    if place and not any(
        note.startswith("  ") for note in getattr(error, "__notes__", ())
    ):
        error.add_note(place)


def _short(filename: str) -> str:
    filename = shown(filename)
    relative = os.path.relpath(filename) if os.path.isabs(filename) else filename
    return filename if relative.startswith("..") else relative
