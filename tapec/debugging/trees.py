"""What a value is computed from, or what is computed from it, as a tree.

%3 = multiply  f64[3]   fit.py:4
├─ %2 = tanh   f64[3]   fit.py:3
│  └─ %x       f64[3]
└─ %2 = tanh   f64[3]   (above)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from tapec.ir import Function, Value, users

__all__ = ["find", "name_of", "place_of", "tree"]

MOST = 200
"""Lines of one tree."""


def tree(
    fn: Function, uid: int | str, depth: int | None = None, *, up: bool = False,
    note: Callable[[Value], str] | None = None,
) -> str:  # fmt: skip
    """The operands of value `uid`, their operands, and so on down to `depth`.

    up: the ops that read it instead, those that read these. A value that was shown
    before is not opened again. note: more about a value, at the end of its line.
    """
    root = find(fn, uid)
    readers = users(fn) if up else {}
    rows: list[tuple[str, str, str]] = []
    opened: set[Value] = set()
    pending = [(root, "", "", 0)]
    while pending:
        v, first, rest, level = pending.pop()
        if len(rows) == MOST:
            rows.append((first + "...", "", ""))
            break
        below = readers[v] if up else list(dict.fromkeys(v.args))
        again = v in opened and bool(below)
        opened.add(v)
        cut = bool(below) and depth is not None and level >= depth
        mark = "(above)" if again else "..." if cut else place_of(v)
        more = note(v) if note and not again else ""
        rows.append((first + _head(v), _type(v), f"{mark}  {more}".strip()))
        if again or cut:
            continue
        for i, child in reversed(list(enumerate(below))):
            last = i == len(below) - 1
            branch, stem = ("└─ ", "   ") if last else ("├─ ", "│  ")
            pending.append((child, rest + branch, rest + stem, level + 1))
    return "\n".join(_aligned(rows))


def _aligned(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for head, type_, mark in rows:
        yield f"{head:<{widths[0]}}  {type_:<{widths[1]}}  {mark}".rstrip()


def _head(v: Value) -> str:
    return name_of(v) if v.prim is None else f"{name_of(v)} = {v.prim.name}"


def _type(v: Value) -> str:
    return "" if v.prim is not None and v.prim.effect else repr(v.type)


def name_of(v: Value) -> str:
    """`%x` for a parameter with a name, else `%7`."""
    return f"%{v.name}" if v.prim is None and v.name else f"%{v.uid}"


def place_of(v: Value) -> str:
    """`fit.py:7`, empty when unknown."""
    loc: Any = v.meta.loc
    return "" if loc is None else f"{os.path.basename(loc.filename)}:{loc.line}"


def find(fn: Function, uid: int | str) -> Value:
    """A parameter or op by number or name; KeyError otherwise."""
    wanted = str(uid).removeprefix("%")
    for v in (*fn.params, *fn.ops):
        if wanted in (str(v.uid), v.name):
            return v
    raise KeyError(f"there is no %{wanted} in @{fn.name}")
