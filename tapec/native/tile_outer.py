"""Products as numbers times rows: the columns of the result are the lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native.driver import _Loop
from tapec.native.tile_contraction import Contraction, Range
from tapec.native.tile_ways import Mask

__all__ = ["Outer"]

ROWS, VECTORS, LONE = 4, 4, 12
"""Rows and vectors of a block, which leave registers for what is loaded; vectors of a
block of one row."""

UNROLLED = 200
"""Elements of a factor with known zeros that is written out."""

Run = Callable[[Any, Any, list[Any], Any], None]


class Outer(Contraction):
    """Each number of the left factor times a row of the right one."""

    def matrix(self) -> None:
        rows, most = (1, LONE) if self.m == 1 else (ROWS, VECTORS)
        mask = self.way.left.mask
        if mask is None or mask.size > UNROLLED:
            ranges = self._ranges(rows)
            self._outer_rows(rows, most, lambda i, r: self._summed(ranges(i)))
        else:
            self._outer_written(mask, rows, most)

    def _outer_written(self, mask: Mask, rows: int, most: int) -> None:
        """Only what is not zero, without loops; what fills no block, or all if numbers
        are not finite, is summed by a loop over everything."""
        at, size = self.at, self.way.right.value.shape[-2:]
        finite = self.all_finite(self.right, self.right_base, size[0] * size[1])
        self.zeros = self.flags(mask)
        done = self.number(0)
        before = at.block
        with at.if_then(finite):
            for first in range(0, len(mask), rows):
                part = mask[first : first + rows]
                block = self._block_of(
                    self.number(first), len(part), self._written(part)
                )
                end = self.whole_blocks(self.n, most, block)
            behind = at.block
        first = at.phi(done.type)
        first.add_incoming(done, before)
        first.add_incoming(end, behind)
        whole = self._summed([(done, self.number(self.k), True)])
        with _Loop(at, done, self.number(self.m)) as i:
            self.single_vectors(first, self.n, self._block_of(i, 1, whole))

    def _outer_rows(self, rows: int, most: int, run_of: Any) -> None:
        """Blocks of rows, one after the other; `run_of` says what each sums."""

        def down(i: Any, r: int) -> None:
            self.vectors(self.n, most, self._block_of(i, r, run_of(i, r)))

        self.blocks(self.m, rows, down)

    def _block_of(self, i: Any, r: int, run: Run) -> Callable[..., None]:
        """What emits a block of `r` rows from `i` on."""

        def block(j: Any, v: int, mask: Any) -> None:
            places = [
                [
                    self._place(self.plus(i, p), self.plus(j, q * self.width))
                    for q in range(v)
                ]
                for p in range(r)
            ]
            self._outer_block(i, j, places, [*[None] * (v - 1), mask], run)

        return block

    def _summed(self, ranges: list[Range]) -> Run:
        """Loops over ranges of what is summed."""

        def run(i: Any, j: Any, masks: list[Any], cells: Any) -> None:
            for begin, end, partly in ranges:
                with _Loop(self.at, begin, end) as c:
                    held = [[self.held(cell) for cell in row] for row in cells]
                    used = [*enumerate(held)]
                    self._outer_step(i, j, c, masks, used, partly)
                    for row, values in zip(cells, held, strict=True):
                        for cell, x in zip(row, values, strict=True):
                            self.at.store(x, cell)

        return run

    def _written(self, part: Mask) -> Run:
        """Only what is not zero, one after the other."""

        def run(i: Any, j: Any, masks: list[Any], cells: Any) -> None:
            held = [[self.held(cell) for cell in row] for row in cells]
            for c in np.flatnonzero(part.any(axis=0)):
                used = [(p, held[p]) for p in np.flatnonzero(part[:, c])]
                self._outer_step(i, j, self.number(int(c)), masks, used, False)
            for row, values in zip(cells, held, strict=True):
                for cell, x in zip(row, values, strict=True):
                    self.at.store(x, cell)

        return run

    def _outer_block(
        self, i: Any, j: Any, places: Any, masks: list[Any], run: Run
    ) -> None:
        """Rows from `i` on, vectors from `j` on."""
        cells = [
            [
                self.cell(self._started(place, m))
                for place, m in zip(row, masks, strict=True)
            ]
            for row in places
        ]
        run(i, j, masks, cells)
        for row_places, row_cells in zip(places, cells, strict=True):
            for place, cell, m in zip(row_places, row_cells, masks, strict=True):
                self.store(self.out, place, self.held(cell), m)

    def _outer_step(
        self, i: Any, j: Any, c: Any, masks: list[Any], sums: Any, partly: bool
    ) -> None:
        """One column of the left factor times one row of the right one.

        sums: numbers of rows, and for each the list of vectors that is brought up.
        """
        left = self.way.left
        row = self.offset(self.right_base, (c, self.way.right.down), (j, 1))
        vectors = [
            self.load(self.right, self.plus(row, q * self.width), m)
            for q, m in enumerate(masks)
        ]
        for p, row_sums in sums:
            down = self.plus(i, int(p))
            place = self.offset(self.left_base, (down, left.down), (c, left.right))
            x = self.load_one(self.left, place)
            if partly:
                there = self.flag(self.zeros, self.offset(c, (down, self.k)))
                x = self.at.select(there, x, ir.Constant(self.element, 0.0))
            number = self.filled(x)
            for q, vector in enumerate(vectors):
                row_sums[q] = self.fused(number, vector, row_sums[q])
