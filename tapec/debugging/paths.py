"""The way of a gradient from a source to a target, op by op."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tapec.debugging.trees import name_of, place_of
from tapec.errors import expression
from tapec.ir import Function, Value, users

__all__ = ["path_lines", "shortest_path"]

SHOWN = 12
"""Lines of a path; of a longer one the middle is left out."""


def shortest_path(
    fn: Function, sources: Iterable[Value], through: Collection[Value],
    targets: Collection[Value],
) -> list[Value]:  # fmt: skip
    """Values from a source to a target, each an operand of the next.

    Empty if there is no way `through` these ops.
    """
    readers = users(fn)
    came: dict[Value, Value | None] = {v: None for v in sources if v in readers}
    queue = list(came)
    for v in queue:
        if v in targets:
            path = [v]
            while (before := came[path[-1]]) is not None:
                path.append(before)
            return path[::-1]
        for op in readers[v]:
            if op in through and op not in came:
                came[op] = v
                queue.append(op)
    return []


def path_lines(path: Sequence[Value]) -> list[str]:
    """A line per op: `%3 = sum  fit.py:7  np.sum(x * x)`."""
    ops = [v for v in path if v.prim is not None]
    rows = [
        (f"{name_of(op)} = {op.prim.name}", place_of(op), expression(op.meta.loc))
        for op in ops
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    lines = [
        f"  {head:<{widths[0]}}  {place:<{widths[1]}}  {text}".rstrip()
        for head, place, text in rows
    ]
    if len(lines) <= SHOWN:
        return lines
    half = SHOWN // 2
    return [*lines[:half], f"  ... {len(lines) - SHOWN} more", *lines[-half:]]
