"""What the two ways of a small matrix product share: places, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Extent, Function, Value
from tapec.native.driver import _item, _Loop
from tapec.native.extents import Extents
from tapec.native.signature import STATUS
from tapec.native.tile_vectors import Vectors
from tapec.native.tile_ways import Mask, wanted_of, way_of

__all__ = ["Contraction", "Range", "any_of"]

Range = tuple[Any, Any, bool]
"""From where to where is summed, and whether the left factor's zeros are inside."""


class Contraction(Vectors):
    """One kernel under construction.

    left, right, out, start: buffers of the factors, of the result, and of what it is
    added to, if anything. wanted: which part of the product is, if not all.
    """

    def __init__(self, function: Any, body: Function, sizes: Sequence[str]) -> None:
        self.entry = ir.IRBuilder(function.append_basic_block("entry"))
        at = ir.IRBuilder(function.append_basic_block("product"))
        count = len(body.params)
        names = dict(zip(sizes, function.args[count + 1 :], strict=True))
        (self.op,) = [op for op in body.ops if op.prim.name == "matmul"]
        super().__init__(at, Extents(names, self.entry), self.op.dtype)
        way = way_of(self.op)
        assert way is not None
        self.way = way
        buffers = dict(zip(body.params, function.args, strict=False))
        self.out = function.args[count]
        self.left, self.right = buffers[way.left.value], buffers[way.right.value]
        (result,) = body.results
        self.start = None
        if result.prim.name == "add":
            self.start = buffers[result.args[0]]
            for buffer in (self.start, self.out):  # may be one
                set.discard(buffer.attributes, "noalias")
        self.wanted = wanted_of(body)
        if self.wanted is not None and way.swapped:
            self.wanted = self.wanted.T

    def emit(self) -> None:
        """The whole function: the matrices of a batch one after the other."""
        at = self.at
        *batch, m, n = self.op.shape
        self.k = self.op.args[0].shape[-1]
        self.m, self.n = (n, m) if self.way.swapped else (m, n)
        block = at.block
        with ExitStack() as stack:
            index = [
                stack.enter_context(_Loop(at, self.number(0), self.number(size)))
                for size in batch
            ]
            self.left_base = self._base(self.way.left.value, index)
            self.right_base = self._base(self.way.right.value, index)
            self.base = self._flat(index, batch, m * n)
            self.matrix()
        at.ret(ir.Constant(STATUS, 0))
        self.entry.position_at_end(self.entry.block)
        self.entry.branch(block)

    def matrix(self) -> None:
        """One product, the bases being those of its matrices."""
        raise NotImplementedError

    def _base(self, value: Value, index: list[Any]) -> Any:
        """The first element of a factor's matrix; extents of 1 are repeated."""
        *shape, r, c = value.shape
        tail = index[len(index) - len(shape) :]
        chosen = [None if n == 1 else i for n, i in zip(shape, tail, strict=True)]
        return self._flat(chosen, shape, r * c)

    def _flat(self, index: Sequence[Any], shape: Sequence[Extent], size: Extent) -> Any:
        total: Any = self.number(0)
        stride = size
        for i, n in zip(reversed(index), reversed(shape), strict=True):
            if i is not None:
                total = self.offset(total, (i, stride))
            stride = stride * n
        return total

    def _place(self, i: Any, j: Any) -> Any:
        """Of an element of the result."""
        if self.way.swapped:
            return self.offset(self.base, (j, 1))
        return self.offset(self.base, (i, self.n), (j, 1))

    # --- what is left out

    def _ranges(self, rows: int) -> Callable[[Any], list[Range]]:
        """For the first row of a block: what its sums run over."""
        mask = self.way.left.mask
        if mask is None:
            whole = [(self.number(0), self.number(self.k), False)]
            return lambda i: whole
        k = mask.shape[1]
        near = [_bounds(mask[i : i + rows]) for i in range(0, len(mask), rows)]
        far = [(0, 0, 0, k)] * len(near)  # the zeros count as well
        size = self.way.right.value.shape[-2] * self.way.right.value.shape[-1]
        finite = self.all_finite(self.right, self.right_base, size)
        tables = [
            self.at.select(finite, self.table(a), self.table(b))
            for a, b in zip(np.transpose(near), np.transpose(far), strict=True)
        ]
        self.zeros = self.flags(mask)
        steps = np.diff([*near, *far], axis=1)
        used = [bool(column.any()) for column in steps.T]

        def ranges(i: Any) -> list[Range]:
            block = self.at.udiv(i, self.number(rows))
            a, b, c, d = (_item(self.at, table, block) for table in tables)
            found = [(a, b, True), (b, c, False), (c, d, True)]
            return [r for r, runs in zip(found, used, strict=True) if runs]

        return ranges

    def _started(self, place: Any, mask: Any) -> Any:
        """What a part of the result is added to."""
        return self.zero if self.start is None else self.load(self.start, place, mask)


def any_of(part: Mask, rows: int) -> Any:
    """For each block of rows, and each column, whether anything is set."""
    blocks = [part[i : i + rows].any(axis=0) for i in range(0, len(part), rows)]
    return np.stack(blocks)


def _bounds(block: Mask) -> tuple[int, int, int, int]:
    """Of the columns of some rows: the first one used; from where to where all are, the
    longest run; behind the last one used."""
    used, full = np.flatnonzero(block.any(axis=0)), block.all(axis=0)
    if not len(used):
        return 0, 0, 0, 0
    first, last = int(used[0]), int(used[-1]) + 1
    edges = np.flatnonzero(np.diff([0, *full.astype(int), 0]))
    runs = [(int(b - a), int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    _, a, b = max(runs, default=(0, first, first))
    return first, a, b, last
