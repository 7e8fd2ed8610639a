"""Products of which only a part is wanted: in the gradient of a triangle, say.

The rest stays what it was. So the result begins as what it is added to; in a loop over
tiles they are one buffer, and nothing is copied. Each block of rows then has the
vectors from its first wanted one to its last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native.driver import _item, _Loop
from tapec.native.tile_contraction import any_of
from tapec.native.tile_outer import ROWS, Outer, Run

__all__ = ["Part"]


class Part(Outer):
    """Each number of the left factor times a row of the right one, where wanted.

    used, full: whether a block of `rows` rows and one vector has wanted elements; only
    wanted ones.
    """

    rows = 2 * ROWS

    def matrix(self) -> None:
        self._begin()
        self.used = self._any(self.wanted)
        self.full = ~self._any(~self.wanted)
        whole = self.n // self.width
        spans = np.array([_span(row[:whole]) for row in self.used])
        ranges = self._ranges(self.rows)

        def down(i: Any, r: int) -> None:
            self._across(i, r, spans, self._summed(ranges(i)))

        self.blocks(self.m, self.rows, down)

    def _any(self, part: Any) -> Any:
        """For each block of rows, and each vector, whether anything is set."""
        return any_of(any_of(part, self.rows).T, self.width).T

    def _begin(self) -> None:
        """Make the result what it is added to, or zeros, unless it is already."""
        at = self.at

        def copy(place: Any, mask: Any) -> None:
            place = at.add(self.base, place)
            self.store(self.out, place, self._started(place, mask), mask)

        size = self.m * self.n
        if self.start is None:
            self.along(size, copy)
            return
        with at.if_then(at.icmp_unsigned("!=", self.start, self.out)):
            self.along(size, copy)

    def _across(self, i: Any, r: int, spans: Any, run: Run) -> None:
        """One block of rows: two vectors at once, then one, then a part of one."""
        at, one = self.at, self.number(1)
        block = at.udiv(i, self.number(self.rows))
        begin, end = (_item(at, self.table(column), block) for column in spans.T)
        count = at.sub(end, begin)
        if np.any(np.diff(spans) > 1):
            with _Loop(at, self.number(0), at.lshr(count, one)) as p:
                first = at.add(begin, at.shl(p, one))
                self._block(i, r, (block, first), 2, None, run)
        if np.any(np.diff(spans) % 2):
            with at.if_then(at.trunc(count, ir.IntType(1))):
                self._block(i, r, (block, at.sub(end, one)), 1, None, run)
        if self.n % self.width:
            last = self.number(self.n // self.width)
            mask = self.mask(self.offset(self.number(0), (last, self.width)), self.n)
            with at.if_then(self._set(self.used[:, -1], block)):
                self._block(i, r, (block, last), 1, mask, run)

    def _block(
        self, i: Any, r: int, spot: tuple[Any, Any], v: int, mask: Any, run: Run
    ) -> None:
        """`r` rows from `i` on, `v` vectors; spot: which block and vector these are."""
        j = self.offset(self.number(0), (spot[1], self.width))
        first = self.address(self.out, self._place(i, j))
        masks = [*[None] * (v - 1), mask]
        cells = [
            [self.cell(self.load(first, self._next(p, q), masks[q])) for q in range(v)]
            for p in range(r)
        ]
        run(i, j, masks, cells)
        full = self.full if v == 1 else self.full[:, :-1] & self.full[:, 1:]
        place = self.offset(spot[1], (spot[0], full.shape[1]))
        with self.at.if_else(self._set(full, place)) as (all_of_it, some):
            with all_of_it:
                self._stored(first, cells, masks)
            with some:
                column = self.offset(j, (i, self.n))
                self._stored(first, cells, masks, column)

    def _next(self, p: int, q: int) -> Any:
        """From the first element of a block to one of row p, vector q."""
        return self.number(p * self.n + q * self.width)

    def _stored(
        self, first: Any, cells: Any, masks: list[Any], wanted: Any = None
    ) -> None:
        """Write a block; wanted: where its flags begin, if only a part of it is."""
        for p, row in enumerate(cells):
            for q, (cell, mask) in enumerate(zip(row, masks, strict=True)):
                place, x = self._next(p, q), self.held(cell)
                if wanted is not None:
                    chosen = self.at.add(wanted, place)
                    flags = self.flag_vector(self.flags(self.wanted), chosen)
                    x = self.at.select(flags, x, self.load(first, place, mask))
                self.store(first, place, x, mask)

    def _set(self, bits: Any, place: Any) -> Any:
        return self.flag(self.flags(bits), place)


def _span(used: Any) -> tuple[int, int]:
    """The first vector that is used, and behind the last one."""
    found = np.flatnonzero(used)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)
