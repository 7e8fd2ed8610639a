"""The inner loop of large matrix products: a tile of the result in registers.

    kernel(a, b, c, count, k, width, add, a row, a step, b step, c row)

computes `count` tiles one below the other, each of some rows and one or two vectors
wide; `width` elements of them are in the result. Each step along k multiplies a column
of A, number by number, with one row of B. Distances are in bytes; elements of a row of
B and of C are adjacent. `add`: to what is in C. See Goto and van de Geijn, Anatomy of
High-Performance Matrix Multiplication (2008); Van Zee and van de Geijn, BLIS (2015).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from tapec.native import platform
from tapec.native.driver import BYTE, INT, POINTER, _define, _number
from tapec.native.extents import Extents
from tapec.native.meanwhile import Begun, begun
from tapec.native.tile_vectors import Vectors

__all__ = ["KERNEL", "VECTORS", "Tile", "kernel", "most_rows"]

KERNEL = ir.FunctionType(ir.VoidType(), [POINTER] * 3 + [INT] * 8)

VECTORS = 2
"""The width of a tile: a number of A is loaded once for so many multiplications."""

Grid = list[list[Any]]
"""A vector for each row and each vector beside each other."""


class Tile(NamedTuple):
    """letter: of the dtype. whole: all of its columns are in the result. adds: whether
    it may be told to add."""

    letter: str
    rows: int
    vectors: int
    whole: bool
    adds: bool


def most_rows() -> int:
    """Of a tile: as many as registers hold, besides B and some numbers of A."""
    return 14 if platform.vector_width() == 512 else 6


def kernel(tile: Tile) -> Begun:
    """The code for such tiles."""
    return begun(
        ("gemm_kernel", *tile), lambda module, name: _Emitter(module, name, tile).emit()
    )


class _Emitter:
    def __init__(self, module: Any, name: str, tile: Tile) -> None:
        function = _define(module, name, KERNEL.return_type, list(KERNEL.args))
        self.arguments = function.args
        self.at = ir.IRBuilder(function.append_basic_block("entry"))
        self.code = Vectors(self.at, Extents({}), np.dtype(tile.letter))
        self.tile = tile

    def emit(self) -> None:
        """The whole function."""
        at, rows = self.at, _number(self.tile.rows)
        a, b, c, count, k, width, add, a_row, a_step, b_step, c_row = self.arguments
        masks: list[Any] = [None] * self.tile.vectors
        if not self.tile.whole:
            masks[-1] = self._mask(width)
        down_a, down_c = self._multiples(a_row), self._multiples(c_row)
        next_a, next_c = at.mul(a_row, rows), at.mul(c_row, rows)
        before, tile, done = at.block, *map(at.append_basic_block, ("tile", "done"))
        at.branch(tile)
        at.position_at_end(tile)
        phis = [at.phi(kind) for kind in (INT, POINTER, POINTER)]
        for phi, first in zip(phis, (count, a, c), strict=True):
            phi.add_incoming(first, before)
        left, from_a, to_c = phis
        sums = self._along_k(k, (from_a, b), (a_step, b_step), down_a, masks)
        self._finish(sums, add, to_c, down_c, masks)
        fewer = at.sub(left, _number(1))
        following = fewer, self._moved(from_a, next_a), self._moved(to_c, next_c)
        for phi, value in zip(phis, following, strict=True):
            phi.add_incoming(value, at.block)
        at.cbranch(at.icmp_unsigned("!=", fewer, _number(0)), tile, done)
        at.position_at_end(done)
        at.ret_void()

    def _mask(self, width: Any) -> Any:
        """Of the last vector."""
        first = (self.tile.vectors - 1) * self.code.width
        return self.code.mask_below(_number(first), width)

    # --- addresses

    def _multiples(self, row: Any) -> dict[int, Any]:
        """Odd multiples of a distance; factors of 2, 4 and 8 cost nothing."""
        odd = {_split(r)[0] for r in range(1, self.tile.rows)}
        return {n: self.at.mul(row, _number(n)) for n in sorted(odd)}

    def _below(self, base: Any, row: int, multiples: dict[int, Any]) -> Any:
        if not row:
            return base
        odd, twos = _split(row)
        distance = multiples[odd]
        if twos:
            distance = self.at.shl(distance, _number(twos))
        return self._moved(base, distance)

    def _moved(self, base: Any, distance: Any) -> Any:
        return self.at.gep(base, [distance], source_etype=BYTE)

    def _hidden(self, pointer: Any) -> Any:
        """The same, from an instruction of no bytes that LLVM does not look into.

        Else it sees a pointer for each row, all of them moving at the same pace, and
        computes each from the one before.
        """
        kind = ir.FunctionType(POINTER, [POINTER])
        return self.at.call(ir.InlineAsm(kind, "", "=r,0"), [pointer])

    # --- computation

    def _along_k(
        self, k: Any, begin: Any, steps: Any, down: dict[int, Any], masks: list[Any]
    ) -> Grid:
        """The loop; the sums when it is over."""
        at = self.at
        before, loop, over = at.block, *map(at.append_basic_block, ("k", "sums"))
        at.branch(loop)
        at.position_at_end(loop)
        phis = [at.phi(kind) for kind in (INT, POINTER, POINTER)]
        for phi, first in zip(phis, (k, *begin), strict=True):
            phi.add_incoming(first, before)
        left, a, b = phis
        sums = [
            [at.phi(self.code.vector) for _ in masks] for _ in range(self.tile.rows)
        ]
        results = self._step(sums, a, b, down, masks)
        for row, result in zip(sums, results, strict=True):
            for phi, value in zip(row, result, strict=True):
                phi.add_incoming(self.code.zero, before)
                phi.add_incoming(value, loop)
        fewer = at.sub(left, _number(1))
        moved = [
            self._hidden(self._moved(p, s)) for p, s in zip((a, b), steps, strict=True)
        ]
        for phi, value in zip(phis, (fewer, *moved), strict=True):
            phi.add_incoming(value, loop)
        at.cbranch(at.icmp_unsigned("!=", fewer, _number(0)), loop, over)
        at.position_at_end(over)
        return results

    def _step(
        self, sums: Grid, a: Any, b: Any, down: dict[int, Any], masks: list[Any]
    ) -> Grid:
        """The sums and one more product each."""
        code, results = self.code, []
        right = [
            code.load(b, _number(v * code.width), mask) for v, mask in enumerate(masks)
        ]
        for r, row in enumerate(sums):
            number = code.filled(code.load_one(self._below(a, r, down), _number(0)))
            results.append(
                [code.fused(number, x, s) for x, s in zip(right, row, strict=True)]
            )
        return results

    def _finish(
        self, sums: Grid, add: Any, c: Any, down: dict[int, Any], masks: list[Any]
    ) -> None:
        if not self.tile.adds:
            self._store(sums, c, down, masks, adds=False)
            return
        adds = self.at.icmp_unsigned("!=", add, _number(0))
        with self.at.if_else(adds) as (then, otherwise):
            with then:
                self._store(sums, c, down, masks, adds=True)
            with otherwise:
                self._store(sums, c, down, masks, adds=False)

    def _store(
        self, sums: Grid, c: Any, down: dict[int, Any], masks: list[Any], adds: bool
    ) -> None:
        at, code = self.at, self.code
        for r, row in enumerate(sums):
            place = self._below(c, r, down)
            for v, (x, mask) in enumerate(zip(row, masks, strict=True)):
                offset = _number(v * code.width)
                if adds:
                    x = at.fadd(code.load(place, offset, mask), x)
                code.store(place, offset, x, mask)


def _split(row: int) -> tuple[int, int]:
    """(odd, twos): row is odd * 2**twos; but no more twos than addresses have."""
    twos = min((row & -row).bit_length() - 1, 3)
    return row >> twos, twos
