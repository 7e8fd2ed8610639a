"""Products as numbers times rows: the columns of the result are the lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native.driver import _Loop
from tapec.native.tile_contraction import Contraction, Range, any_of
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
        if self.wanted is not None:
            rows, most = min(2 * rows, 8), min(most, 2)  # smaller parts to leave out
        mask = self.way.left.mask
        if mask is None or mask.size > UNROLLED or self.wanted is not None:
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
            self._outer_columns(i, r, rows, most, run_of(i, r))

        self.blocks(self.m, rows, down)

    def _outer_columns(self, i: Any, r: int, rows: int, most: int, run: Run) -> None:
        """One block of rows."""

        block = self._block_of(i, r, run)
        unwanted = self._block_of(i, r, None)

        def across(j: Any, v: int, mask: Any, first: int = 0) -> None:
            self._if_part_wanted(
                (rows, first, v), i,
                lambda: block(j, v, mask), lambda: unwanted(j, v, mask),
            )  # fmt: skip

        self.vectors(self.n, most, across)

    def _block_of(self, i: Any, r: int, run: Run | None) -> Callable[..., None]:
        """What emits a block of `r` rows from `i` on; without `run` nobody wants it."""

        def block(j: Any, v: int, mask: Any) -> None:
            places = [
                [
                    self._place(self.plus(i, p), self.plus(j, q * self.width))
                    for q in range(v)
                ]
                for p in range(r)
            ]
            masks = [*[None] * (v - 1), mask]
            if run is None:
                self._outer_start(places, masks)
            else:
                self._outer_block(i, j, places, masks, run)

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

    def _if_part_wanted(
        self, part: tuple[int, int, int], i: Any, yes: Any, no: Any
    ) -> None:
        """The same for the columns of some vectors, known beforehand."""
        if self.wanted is None:
            yes()
            return
        rows, first, v = part
        columns = self.wanted[:, first : first + v * self.width]
        blocks = any_of(columns, rows).any(axis=1)
        block = self.at.udiv(i, self.number(rows))
        with self.at.if_else(self.flag(self.flags(blocks), block)) as (some, none):
            with some:
                yes()
            with none:
                no()

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
        for p, (row_places, row_cells) in enumerate(zip(places, cells, strict=True)):
            for q, m in enumerate(masks):
                x = self.held(row_cells[q])
                if self.wanted is not None:
                    column = self.plus(j, q * self.width)
                    place = self.offset(column, (self.plus(i, p), self.n))
                    chosen = self.flag_vector(self.flags(self.wanted), place)
                    x = self.at.select(chosen, x, self._started(row_places[q], m))
                self.store(self.out, row_places[q], x, m)

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

    def _outer_start(self, places: Any, masks: list[Any]) -> None:
        """A block that nobody wants."""
        for row in places:
            for place, m in zip(row, masks, strict=True):
                self.store(self.out, place, self._started(place, m), m)
