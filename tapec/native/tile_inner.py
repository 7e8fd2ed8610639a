"""Products as rows times rows: the sums run along the lanes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.native.driver import _Loop
from tapec.native.tile_contraction import Contraction, any_of

__all__ = ["Inner"]

ROWS = 4
"""Rows of a block, and its columns."""


class Inner(Contraction):
    """Each row of the left factor times rows of the right one."""

    def matrix(self) -> None:
        rows, columns = ROWS, ROWS
        if self.n == 1:
            rows, columns = 2 * ROWS, 1
        elif self.m == 1:
            rows, columns = 1, 2 * ROWS

        def down(i: Any, r: int) -> None:
            self.blocks(self.n, columns, lambda j, s: across(i, r, j, s))

        def across(i: Any, r: int, j: Any, s: int) -> None:
            self._if_wanted(
                (rows, columns), i, j,
                lambda: self._inner_block(i, r, j, s),
                lambda: self._inner_start(i, r, j, s),
            )  # fmt: skip

        self.blocks(self.m, rows, down)

    def _if_wanted(
        self, sizes: tuple[int, int], i: Any, j: Any, yes: Any, no: Any
    ) -> None:
        """`yes()` if a part of the block from (i, j) on is wanted, else `no()`."""
        if self.wanted is None:
            yes()
            return
        rows, columns = sizes
        blocks = any_of(any_of(self.wanted, rows).T, columns).T
        number = self.offset(
            self.at.udiv(j, self.number(columns)),
            (self.at.udiv(i, self.number(rows)), blocks.shape[1]),
        )
        with self.at.if_else(self.flag(self.flags(blocks), number)) as (some, none):
            with some:
                yes()
            with none:
                no()

    def _inner_block(self, i: Any, r: int, j: Any, s: int) -> None:
        """`r` rows from `i` on, `s` columns from `j` on."""
        at, left, right = self.at, self.way.left, self.way.right
        cells = [[self.cell(self.zero) for _ in range(s)] for _ in range(r)]
        downs = [
            self.offset(self.left_base, (self.plus(i, p), left.down)) for p in range(r)
        ]
        acrosses = [
            self.offset(self.right_base, (self.plus(j, q), right.right))
            for q in range(s)
        ]

        def step(c: Any, mask: Any) -> None:
            xs = [self.load(self.left, at.add(d, c), mask) for d in downs]
            ys = [self.load(self.right, at.add(a, c), mask) for a in acrosses]
            for row, x in zip(cells, xs, strict=True):
                for cell, y in zip(row, ys, strict=True):
                    self.fma(cell, x, y)

        self.along(self.k, step)
        for p, row in enumerate(cells):
            for q, cell in enumerate(row):
                self._inner_store(
                    self.plus(i, p), self.plus(j, q), self.sum(self.held(cell))
                )

    def _inner_store(self, i: Any, j: Any, x: Any) -> None:
        place = self._place(i, j)
        if self.wanted is not None:
            chosen = self.flag(self.flags(self.wanted), self.offset(j, (i, self.n)))
            x = self.at.select(chosen, x, ir.Constant(self.element, 0.0))
        if self.start is not None:
            x = self.at.fadd(x, self.load_one(self.start, place))
        self.store_one(self.out, place, x)

    def _inner_start(self, i: Any, r: int, j: Any, s: int) -> None:
        """A block that nobody wants."""
        at, none = self.at, self.number(0)
        with _Loop(at, none, self.number(r)) as p, _Loop(at, none, self.number(s)) as q:
            place = self._place(at.add(i, p), at.add(j, q))
            x = ir.Constant(self.element, 0.0)
            if self.start is not None:
                x = self.load_one(self.start, place)
            self.store_one(self.out, place, x)
