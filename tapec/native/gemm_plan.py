"""How a large matrix product is cut into tiles and parts, and what is copied.

All follows from sizes and the processor. An element of the result is the same sum in
the same order wherever it is cut, so not even the number of threads changes it.
The numbers are measured: `python -m benchmarks --only products`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec.native.gemm_kernel import VECTORS, most_rows
from tapec.native.platform import vector_width

__all__ = ["Shape", "Tiling", "lanes", "nanoseconds", "tiling"]

DEPTH = 1024
"""Steps along k of a block, at most: a panel of B of so many rows stays near."""

OVERHEAD = 0.5
"""Of a tile in the time of a row: the lower it is, the more often B is read."""

PART, NEAR = 1 << 19, 3 << 16
"""Bytes of A in a part, at most, where B is copied and where it is not."""

LOW, HIGH, WIDE = 4, 8, 16
"""Tiles of a part: below each other if A is copied, and at most if neither is; beside
each other, at most."""

TALL, FAR = 14, 2048
"""Tiles below each other for which it pays to copy B: if A fits into a part, or there
are so many bytes from one row of B to the next."""

LONG = 96
"""Steps along k for which it pays to copy A, each of which is in another row."""

LEAST, MOST = 6_000, 8
"""Nanoseconds that a part should take, and parts for which smaller ones are made."""

LONGEST = 2_000_000
"""Nanoseconds of a part, at most."""


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
    """A result is cut into tiles. Below each other there are `every`, of `rows` rows.

    tall: how many of them do not overlap. The last one may overlap the one before it,
    and compute the same there; but where k is cut into blocks, which are added, the
    rows are dealt out, and those behind the first `tall` have one row less.

    panel: the width of a tile, in elements; `across` of them are side by side.
    blocks, panels: tiles of a part, below and beside each other. depth: of a block
    along k. copy_a, copy_b: whether these matrices are copied.
    """

    rows: int
    tall: int
    every: int
    dealt: bool
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
        return _covering(self.across, self.panels)

    @property
    def parts(self) -> int:
        """Of one matrix."""
        return _covering(self.every, self.blocks) * self.parts_across


def lanes(dtype: np.dtype[Any]) -> int:
    """Elements of a vector register."""
    return vector_width() // 8 // dtype.itemsize


def nanoseconds(s: Shape) -> float:
    """That all of it takes, about."""
    return s.number * s.m * s.n * s.k / (4 * lanes(s.dtype))


def tiling(s: Shape) -> Tiling:
    """Of the products of this shape."""
    item = s.dtype.itemsize
    along_k = _covering(s.k, DEPTH)
    depth, dealt = _covering(s.k, along_k), along_k > 1
    rows, every = _dealt(s.m) if dealt else _tiles(s.m)
    missing = rows * every - s.m
    tall = every - (missing if dealt else missing > 0)
    panel = VECTORS * lanes(s.dtype)
    across = _covering(s.n, panel)
    tile = rows * depth * item
    whole = every * tile <= PART
    copy_a = s.turned_a and s.k >= LONG and across > 2 and not whole
    copy_b = every >= TALL and (whole or (s.n * item >= FAR and not copy_a))
    copy_b = s.turned_b or copy_b
    if copy_a:
        blocks = HIGH if copy_b else LOW
    else:
        blocks = max(LOW, PART // tile if copy_b else min(HIGH, NEAR // tile))
    blocks = min(blocks, every)
    panels = min(WIDE, across)
    made = Tiling(
        rows, tall, every, dealt, panel, across, blocks, panels, depth, copy_a, copy_b
    )  # fmt: skip
    time = nanoseconds(s)
    parts = max(min(MOST, time / LEAST), time / LONGEST)
    while s.number * made.parts < parts and (smaller := _smaller(made)):
        made = smaller
    return made


def _tiles(m: int) -> tuple[int, int]:
    """Rows of a tile, and tiles: such that little is computed twice."""
    most = min(m, most_rows())
    ways = [(rows, _covering(m, rows)) for rows in range(most, most * 2 // 3, -1)]
    return min(ways, key=lambda way: way[1] * (way[0] + OVERHEAD))


def _dealt(m: int) -> tuple[int, int]:
    every = _covering(m, most_rows())
    return _covering(m, every), every


def _smaller(t: Tiling) -> Tiling | None:
    """With parts of half the size; None if they are single tiles.

    Panels come first: their parts share nothing but A. If that is copied, or its blocks
    along k take turns in the cache, some panels stay together.
    """
    if t.panels > (HIGH if t.copy_a or t.dealt else 1):
        return t._replace(panels=_covering(t.panels, 2))
    if t.blocks > LOW:
        return t._replace(blocks=_covering(t.blocks, 2))
    if t.panels > 1:
        return t._replace(panels=_covering(t.panels, 2))
    return t._replace(blocks=_covering(t.blocks, 2)) if t.blocks > 1 else None


def _covering(a: int, b: int) -> int:
    """How many of length b cover a."""
    return -(-a // b)
