"""How a large matrix product is cut into tiles and parts, and what is copied.

All follows from sizes and the processor. An element of the result is the same sum in
the same order wherever it is cut, so not even the number of threads changes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec.native.gemm_kernel import VECTORS, most_rows
from tapec.native.platform import vector_width

__all__ = ["Shape", "Tiling", "nanoseconds", "tiling"]

DEPTH = 400
"""Steps along k of a block, at most: a panel of B of so many rows stays near."""

HIGH, WIDE = 8, 16
"""Tiles below and beside each other in a part that is large enough."""

PART = 1 << 19
"""Bytes of A in a part for which B is copied: the taller, the fewer copies."""

LEAST, MOST = 6_000, 8
"""Nanoseconds that a part should take, and parts for which smaller ones are made."""

LONGEST = 2_000_000
"""Nanoseconds of a part, at most."""

LONG = 96
"""Steps along k from which columns of A that are far from each other are copied."""

FAR, TALL = 2048, 10
"""Bytes from one row of B to the next from which these are copied, and tiles below each
other for which that pays."""

SET = 4096
"""Bytes: at multiples of this distance few lines fit in the first cache at a time."""


class Shape(NamedTuple):
    """Of `number` products C[m, n] = A[m, k] B[k, n]. turned_a, turned_b: whether these
    are stored as [k, m] and [n, k]."""

    number: int
    m: int
    n: int
    k: int
    turned_a: bool
    turned_b: bool
    dtype: np.dtype[Any]


class Tiling(NamedTuple):
    """A result is cut into tiles; rows are dealt out evenly.

    rows: of the first `tall` of `every` tiles below each other; the others have one
    less. panel: the width of a tile, in elements; `across` of them are side by side.
    blocks, panels: tiles of a part, below and beside each other. depth: of a block
    along k. copy_a, copy_b: whether these matrices are copied.
    """

    rows: int
    tall: int
    every: int
    panel: int
    across: int
    blocks: int
    panels: int
    depth: int
    copy_a: bool
    copy_b: bool

    @property
    def parts_across(self) -> int:
        """Parts beside each other."""
        return _up(self.across, self.panels)

    @property
    def parts(self) -> int:
        """Of one matrix."""
        return _up(self.every, self.blocks) * self.parts_across


def _lanes(dtype: np.dtype[Any]) -> int:
    return vector_width() // 8 // dtype.itemsize


def nanoseconds(s: Shape) -> float:
    """That all of it takes, about."""
    return s.number * s.m * s.n * s.k / (4 * _lanes(s.dtype))


def tiling(s: Shape) -> Tiling:
    """Of the products of this shape."""
    every = _up(s.m, most_rows())
    rows = _up(s.m, every)
    tall = s.m - (rows - 1) * every
    panel = VECTORS * _lanes(s.dtype)
    across = _up(s.n, panel)
    along_k = _up(s.k, DEPTH)
    depth = _up(s.k, along_k)
    copy_a, copy_b = _copies_a(s) and across > 2, _copies_b(s, every)
    blocks, panels = min(HIGH, every), min(WIDE, across)
    if copy_b:
        blocks = min(every, max(1, PART // (rows * depth * s.dtype.itemsize)))
    made = Tiling(
        rows, tall, every, panel, across, blocks, panels, depth, copy_a, copy_b
    )
    time = nanoseconds(s)
    parts = max(min(MOST, time / LEAST), time / LONGEST)
    while s.number * made.parts < parts and (smaller := _smaller(made, along_k)):
        made = smaller
    return made


def _copies_a(s: Shape) -> bool:
    if s.turned_a:
        return s.k >= LONG
    return s.k * s.dtype.itemsize % SET == 0


def _copies_b(s: Shape, every: int) -> bool:
    return s.turned_b or (every >= TALL and s.n * s.dtype.itemsize >= FAR)


def _smaller(t: Tiling, blocks_along_k: int) -> Tiling | None:
    """With parts of half the size; None if they are single tiles.

    What comes first costs least: where B is copied once for all rows, or read once for
    some, and where A is copied, or its blocks are read again for each panel.
    """
    again = t.copy_a or blocks_along_k > 1
    if t.copy_b and t.panels > (8 if again else 1):
        return t._replace(panels=_up(t.panels, 2))
    if t.blocks > (8 if t.copy_b else 4):
        return t._replace(blocks=_up(t.blocks, 2))
    if t.panels > 1:
        return t._replace(panels=_up(t.panels, 2))
    return t._replace(blocks=_up(t.blocks, 2)) if t.blocks > 1 else None


def _up(a: int, b: int) -> int:
    return -(-a // b)
