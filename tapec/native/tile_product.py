"""Small matrix products as kernels: blocks of the result in vector registers.

    func @product(%0: f64[rows,9], %1: f64[5,9], %2: f64[rows,5]) {
      %3: f64[9,5] = transpose %1 perm=(1, 0)
      %4: f64[rows,5] = matmul %0, %3
      %5: f64[rows,5] = add %2, %4
      return %5
    }

BLAS packs its operands and finds out at each call what the sizes here say beforehand.

Zeros that are known (`where` with a constant condition) are passed over: each block of
rows has the columns from its first number to its last. That needs the other factor to
be finite, as 0 * inf is NaN: it is looked at first. A `where` around the product says
which blocks of the result are computed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Extent, Function, Value, dims_of
from tapec.native.driver import _item, _Loop
from tapec.native.extents import Extents
from tapec.native.signature import STATUS, declare, emit_entry
from tapec.native.tile_vectors import Vectors
from tapec.native.tile_ways import Mask, masked, way_of

__all__ = ["emit_product"]

ROWS, VECTORS, LONE = 4, 4, 12
"""Rows and vectors of a block, which leave registers for what is loaded; vectors of a
block of one row."""

UNROLLED = 200
"""Elements of a factor with known zeros that is written out."""

Run = Callable[[Any, Any, list[Any], Any], None]
Range = tuple[Any, Any, bool]
"""From where to where is summed, and whether the left factor's zeros are inside."""


def emit_product(module: Any, body: Function, name: str) -> None:
    """Define `name` in `module`: what a `fused` op with this body does."""
    sizes = dims_of(body)
    inner = declare(module, len(body.params) + 1, name, sizes)
    _Emission(inner, body, sizes).emit()
    emit_entry(module, inner, name)


class _Emission(Vectors):
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
        adds = result.prim.name == "add"
        self.start = buffers[result.args[0]] if adds else None
        around = masked(result.args[1] if adds else result)
        self.wanted: Mask = None if around is None else around[1]
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
            self._outer() if self.way.name == "outer" else self._inner()
        at.ret(ir.Constant(STATUS, 0))
        self.entry.position_at_end(self.entry.block)
        self.entry.branch(block)

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

    def _if_wanted(
        self, sizes: tuple[int, int], i: Any, j: Any, yes: Any, no: Any
    ) -> None:
        """`yes()` if a part of the block from (i, j) on is wanted, else `no()`."""
        if self.wanted is None:
            yes()
            return
        rows, columns = sizes
        blocks = _any_of(_any_of(self.wanted, rows).T, columns).T
        number = self.offset(
            self.at.udiv(j, self.number(columns)),
            (self.at.udiv(i, self.number(rows)), blocks.shape[1]),
        )
        with self.at.if_else(self.flag(self.flags(blocks), number)) as (some, none):
            with some:
                yes()
            with none:
                no()

    # --- numbers times rows

    def _outer(self) -> None:
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
        blocks = _any_of(columns, rows).any(axis=1)
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

    def _started(self, place: Any, mask: Any) -> Any:
        """What a part of the result is added to."""
        return self.zero if self.start is None else self.load(self.start, place, mask)

    def _outer_start(self, places: Any, masks: list[Any]) -> None:
        """A block that nobody wants."""
        for row in places:
            for place, m in zip(row, masks, strict=True):
                self.store(self.out, place, self._started(place, m), m)

    # --- rows times rows

    def _inner(self) -> None:
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


def _any_of(part: Mask, rows: int) -> Any:
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
