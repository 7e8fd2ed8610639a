"""Loops over tiles as steps: the body, compiled for a whole tile and for the last one.

Both use the same kernels, which take the number of rows when they run. Operands and
results whose examples lie behind each other are read and written where they are; of
others a tile is copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.ir import ArrayType, Value, with_sizes
from tapec.native.addresses import Address
from tapec.native.control_steps import Control
from tapec.native.inner import Inner
from tapec.native.layout import NoNative
from tapec.native.plan import Plan
from tapec.native.pool import pool
from tapec.native.tile_code import MOVING, routine
from tapec.native.tile_threads import shared
from tapec.ops.reduce import identity
from tapec.ops.tiled import ROWS

__all__ = ["Tile"]


class Tile(Control):
    """The step of a `tile`."""

    def __init__(self, op: Value, bodies: list[Inner]) -> None:
        super().__init__(op, bodies)
        self.shared = shared(op, bodies)
        if self.shared is not None:
            self.address = pool().address
            self._own = self._size
            type_ = ArrayType(np.uint8, (self.shared.nbytes(self._own),))
            self.workspace = Value(None, (), (), type_, -1)

    def routine(self) -> int:
        return routine("tile")

    @staticmethod
    def inner(op: Value) -> list[Inner]:
        length, size = op.attr("length"), op.attr("size")
        if not length:
            raise NoNative("no tiles")
        rows = [size] if length >= size else []
        rows += [length % size] if length % size else []
        body = op.attr("body")
        return [Inner(with_sizes(body, {ROWS.name: n}, kernels=True)) for n in rows]

    def _buffers(self) -> list[tuple[int, int]]:
        """Memory for copies of tiles; what is accumulated is where it is wanted."""
        op, body = self.op, self.bodies[0].function
        n = self.count = len(op.attr("reduce"))
        parts = [*body.params[n:], *body.results[n:]]
        self.copies = [self._reserved(int(v.type.nbytes)) for v in parts]
        firsts = zip(body.params[:n], op.attr("reduce"), strict=True)
        self.starts_from = [_identities(p.type, monoid) for p, monoid in firsts]
        return []

    def indices(self, plan: Plan) -> list[int]:
        length, size = self.op.attr("length"), self.op.attr("size")
        sums: list[int] = []
        rows = zip(self.starts_from, self._results(plan), self._places(), strict=False)
        for number, (array, result, (place, _)) in enumerate(rows):
            first = 0 if array is None else Address(array.ctypes.data, array)
            nbytes = int(self.op.type.items[number].nbytes)
            sums += [first, result, nbytes, place, number]
        whole = length // size
        tiles = [(0, whole)] if whole else []
        tiles += [(whole, 1)] if length % size else []
        segments: list[int] = []
        for start, body, which in zip(self.starts, self.bodies, tiles, strict=True):
            segments += self._segment(plan, start, body, which)
        workspace = plan.slot(self.workspace)
        told = [
            workspace, self.count, self._address(sums),
            -(-length // size), len(tiles), self._address(segments),
        ]  # fmt: skip
        if self.shared is None:
            return [*told, 0, 0]
        slots = self._results(plan)[: self.count]
        return self.shared.indices(workspace, self._own, told, slots)

    def _places(self) -> Sequence[tuple[int, int]]:
        """Where each accumulator is in the memory of a chunk, and its elements."""
        if self.shared is None:
            return [(0, 0)] * self.count
        return self.shared.chunks.places

    def _segment(
        self, plan: Plan, start: int, body: Inner, tiles: tuple[int, int]
    ) -> list[int]:
        op, n = self.op, self.count
        fixed: dict[int, int] = {}
        operands: list[int] = []
        parts = zip(body.function.params[n:], op.args, op.attr("axes"), strict=True)
        for i, (part, whole, axis) in enumerate(parts):
            inner, outer = body.param(n + i), plan.slot(whole)
            if axis is None:
                fixed[inner] = outer
            else:
                operands += [inner, outer, *self._part(part, whole.shape, axis, i)]
        results: list[int] = []
        joined = op.attr("joined")
        parts = zip(body.function.results[n:], op.type.items[n:], joined, strict=True)
        for i, (part, type_, axis) in enumerate(parts):
            inner, outer = body.result(n + i), plan.slots[op, n + i]
            copy = len(op.args) + i
            results += [inner, outer, *self._part(part, type_.shape, axis, copy)]
        return [
            *body.words(start, fixed), start, body.result(0), *tiles,
            len(operands) // MOVING, self._address(operands),
            len(results) // MOVING, self._address(results),
        ]  # fmt: skip

    def _part(
        self, part: Value, whole: tuple[int, ...], axis: int, copy: int
    ) -> list[int]:
        """Where a tile is: bytes to the next, blocks, their distance and size, copy."""
        row = math.prod(whole[axis + 1 :]) * part.dtype.itemsize
        return [
            row * self.op.attr("size"), math.prod(whole[:axis]), row * whole[axis],
            row * part.shape[axis], self.copies[copy],
        ]  # fmt: skip


def _identities(t: ArrayType, monoid: str) -> Any:
    """What is accumulated first; None for zeros."""
    number = np.asarray(identity(monoid, t.dtype), t.dtype)
    return np.full(t.shape, number, t.dtype) if any(number.tobytes()) else None
