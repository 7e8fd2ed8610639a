"""Matrix products by our own code, as steps of a program.

Where a product is large enough several threads share its parts, as they do chunks of
kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapec.ir import ArrayType, Value
from tapec.native import gemm_code, platform
from tapec.native.gemm_copies import copier
from tapec.native.gemm_kernel import VECTORS, Tile, kernel
from tapec.native.gemm_plan import Shape, Tiling, lanes, nanoseconds, tiling
from tapec.native.library import Product, batches
from tapec.native.meanwhile import Begun
from tapec.native.plan import Plan
from tapec.native.pool import pool
from tapec.native.sharing import words_of
from tapec.native.split import MOST, Chunks
from tapec.native.words import Words
from tapec.settings import config

__all__ = ["Gemm", "gemm"]

WORTH = 40_000
"""Nanoseconds from which on threads share a product."""

LONGEST = 2_100_000
"""Nanoseconds from which BLAS is at least as fast."""

PAGE, LINE = 4096, 64


def gemm(op: Value) -> Gemm | None:
    """For a `matmul`; None if BLAS is better, or all there is."""
    if op.dtype.char not in "fd" or 0 in (*op.shape, op.args[0].shape[-1]):
        return None
    if platform.elsewhere() or not platform.has_fma() or not platform.has_masks():
        return None
    called = Product(op)
    number = int(np.prod(op.shape[:-2], dtype=np.int64))
    turned = called.transpose_a, called.transpose_b
    shape = Shape(number, called.m, called.n, called.k, *turned, op.dtype)
    return None if _is_for_blas(shape) else Gemm(op, shape)


def _is_for_blas(s: Shape) -> bool:
    """Vectors; narrow results; a matrix to be transposed for few rows; much to do."""
    width = lanes(s.dtype)
    narrow = s.n < width if s.turned_a else s.n <= width // 2
    vectors = 1 in (s.m, s.n)
    once = s.turned_b and s.m < 4
    much = nanoseconds(s) > s.number * LONGEST
    return vectors or narrow or once or much


class Gemm(Product):
    """A product in parts, some of them a chunk. workspace: for what threads copy."""

    def __init__(self, op: Value, shape: Shape) -> None:
        super().__init__(op)
        self._layout = _Layout(shape, tiling(shape))
        parts = shape.number * self._layout.t.parts
        length = -(-parts // MOST)
        self._chunks = Chunks(-(-parts // length), parts, length, (), 0)
        self._shared = nanoseconds(shape) >= WORTH and parts > 1
        self._threads = max(2, config.threads) if self._shared else 1
        if self._layout.own:
            type_ = ArrayType(np.uint8, (self._threads * self._layout.own,))
            self.workspace = Value(None, (), (), type_, -1)

    @property
    def chunks(self) -> int:
        """The parts that threads share."""
        return self._chunks.number if self._shared else 1

    @property
    def address(self) -> int:
        """The routine."""
        return pool().address if self._shared else gemm_code.routine("gemm")

    def indices(self, plan: Plan) -> list[int]:
        """The step's indices."""
        scratch = -1 if self.workspace is None else plan.slots[self.workspace, 0]
        slots = [*map(plan.slot, self.operands), plan.slots[self.op, 0]]
        rest = self._layout.words(slots, batches(self.op))
        if not self._shared:
            return [max(scratch, 0), self._chunks.extent, *rest]
        chunk = gemm_code.routine("gemm_chunk")
        head = words_of(self._chunks, chunk, Words(()), scratch, self._threads)
        return [*head, *rest]


class _Layout:
    """Where matrices and copies of them lie, in bytes, and the code for them."""

    def __init__(self, s: Shape, t: Tiling) -> None:
        self.s, self.t = s, t
        self.lanes = t.panel // VECTORS
        item, panel = s.dtype.itemsize, t.panel * s.dtype.itemsize
        self.a = (item, s.m * item) if s.turned_a else (s.k * item, item)
        self.b_row = (s.k if s.turned_b else s.n) * item
        self.b_step = item if s.turned_b else self.b_row
        self.b_panel = t.panel * self.b_row if s.turned_b else panel
        self.packed_a, room = self._packed_a()
        self.back = 0 if t.dealt else t.rows * t.every - s.m
        self.packed_b_step = panel if t.copy_b else self.b_step
        self.room = _up(room, LINE)
        depth = _up(t.depth, self.lanes)
        self.own = _up(self.room + (depth * panel if t.copy_b else 0), PAGE)
        self.routines = [*self._copiers(), *self._kernels()]

    def _packed_a(self) -> tuple[tuple[int, int], int]:
        """The distances of rows and columns in a copy of A, and its size."""
        t, item = self.t, self.s.dtype.itemsize
        if not t.copy_a:
            return self.a, 0
        step = _apart(_up(t.blocks * t.rows, self.lanes) * item)
        return (item, step), t.depth * step

    def _copiers(self) -> list[Begun | None]:
        letter = self.s.dtype.char
        a = copier(letter, False) if self.t.copy_a else None
        b = copier(letter, self.s.turned_b) if self.t.copy_b else None
        return [a, b]

    def _kernels(self) -> list[Begun | None]:
        """For whole panels and for the last one; None where there are no such tiles."""
        s, t = self.s, self.t
        made: list[Begun | None] = []
        for width in (t.panel if s.n >= t.panel else 0, s.n % t.panel):
            for rows in (t.rows, t.rows - t.dealt if t.tall < t.every else 0):
                vectors, whole = -(-width // self.lanes), width % self.lanes == 0
                tile = Tile(s.dtype.char, rows, vectors, whole, t.dealt)
                made.append(kernel(tile) if rows and width else None)
        return made

    def words(
        self, slots: Sequence[int], offsets: Sequence[Sequence[int]]
    ) -> list[int]:
        """What `gemm_code` reads. slots: of A, B, C. offsets: in elements."""
        s, t, item = self.s, self.t, self.s.dtype.itemsize
        copy_a, copy_b, *kernels = [
            0 if r is None else r.address for r in self.routines
        ]
        return [
            *slots, s.n, s.k,
            t.parts, t.parts_across, t.blocks, t.panels, t.panel,
            t.rows, t.tall, t.every, t.dealt, self.back, t.depth,
            *self.a, self.b_step, self.b_panel,
            s.n * item, t.panel * item, s.m * s.n * item,
            copy_a, *self.packed_a,
            copy_b, self.b_row, self.packed_b_step,
            self.own, self.room,
            *kernels,
            *[item * n for pair in offsets for n in pair],
        ]  # fmt: skip


def _up(number: int, unit: int) -> int:
    """The next multiple."""
    return -(-number // unit) * unit


def _apart(distance: int) -> int:
    """The same or a little more, so that its multiples do not meet in a cache."""
    return distance + LINE if distance % 1024 == 0 else distance
