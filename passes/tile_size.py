"""How many rows a tile has: so many that its values stay in a cache.

That is the second one, as long as examples become lanes (`tile_lanes`), which take
many. In a linear model they do not: rows of data are reduced to one number each, and
read once more with what comes of it. A few rows are enough there, and the second time
they are read from the first cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tapec.ir import Value
from tapec.native.levels import Levels

if TYPE_CHECKING:
    from tapec.passes.tile_plan import Loop

__all__ = ["near", "usual"]

TILE = 1 << 19
"""Bytes of a tile's values, about: they stay in the second cache."""

FEWEST, MOST = 64, 256
"""Rows in a tile."""

NEAR, FEWEST_NEAR = 3 << 13, 8
"""Bytes of a tile's values, and of what all tiles share, that stay in the first cache;
rows in such a tile, for which the costs that each tile has are worth it."""


def usual(row: int) -> int:
    """Rows of a tile in the second cache. row: bytes of the values of one example."""
    return _power(max(FEWEST, TILE // row))


def near(loop: Loop, info: Levels, row: int) -> int | None:
    """Rows of a tile in the first cache; None if that does not pay.

    What all tiles share is read again by each: it has to be small beside the rows.
    """
    members = set(loop.members)
    outside = {a for op in loop.members for a in op.args} - members
    if not _is_linear(loop, info, [a for a in outside if a in loop.axes]):
        return None
    shared = [a for a in outside if a not in loop.axes] + [*loop.sums]
    nbytes = sum(int(v.type.nbytes) for v in shared)
    rows = (NEAR - nbytes) // row
    return _power(rows) if rows >= FEWEST_NEAR and rows * row >= 2 * nbytes else None


def _is_linear(loop: Loop, info: Levels, parts: list[Value]) -> bool:
    """Whether an example is numbers side by side, of which one is made."""
    made = (op for op in loop.members if op in loop.axes and info.kind(op) != "view")
    return all(op.type.size == loop.length for op in made) and all(
        math.prod(a.shape[: loop.axes[a]]) == 1 for a in parts
    )


def _power(rows: int) -> int:
    return 1 << int(math.log2(min(MOST, rows)))
