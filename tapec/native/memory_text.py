"""The memory of a running call as text: how much of the arena each step finds in use.

arena 2.00 MB; at most 2.00 MB in use at once
0  kernel   1.00 MB  ####################
1  kernel   2.00 MB  ########################################
2  library  1.00 MB  ####################
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

__all__ = ["memory_text"]

WIDTH = 40
ROWS = 40
"""Lines at most: of a longer program, each stands for several steps and the most they
need."""


def memory_text(program: Any) -> str:
    """The curve of a program."""
    plan = program.plan
    most = plan.live_bytes
    head = f"arena {_size(plan.nbytes)}; at most {_size(most)} in use at once"
    rows = list(_rows(program))
    wide = max((len(where) for where, _, _ in rows), default=0)
    long = max((len(kinds) for _, kinds, _ in rows), default=0)
    lines = [head]
    for where, kinds, live in rows:
        bar = "#" * (-(-WIDTH * live // most) if most else 0)
        text = f"{where:>{wide}}  {kinds:<{long}}  {_size(live):>9}  {bar}"
        lines.append(text.rstrip())
    return "\n".join(lines)


def _rows(program: Any) -> Iterator[tuple[str, str, int]]:
    """Which steps, what they are, and the most bytes in use during one of them."""
    curve = program.plan.curve()
    begins = [step for step, _ in curve]
    live = []
    for number in range(len(program.steps)):
        at = bisect_right(begins, number)
        live.append(curve[at - 1][1] if at else 0)
    several = -(-len(live) // ROWS) or 1
    for first in range(0, len(live), several):
        part = program.steps[first : first + several]
        where = f"{first}" if len(part) == 1 else f"{first}-{first + len(part) - 1}"
        kinds = ", ".join(dict.fromkeys(step.kind for step in part))
        yield where, kinds, max(live[first : first + several])


def _size(nbytes: int) -> str:
    for unit, scale in (("MB", 1e6), ("KB", 1e3)):
        if nbytes >= scale:
            return f"{nbytes / scale:.2f} {unit}"
    return f"{nbytes} B"
