"""Small matrix products as kernels: blocks of the result in vector registers.

    func @product(%0: f64[rows,9], %1: f64[5,9], %2: f64[rows,5]) {
      %3: f64[9,5] = transpose %1 perm=(1, 0)
      %4: f64[rows,5] = matmul %0, %3
      %5: f64[rows,5] = add %2, %4
      return %5
    }

BLAS packs its operands and finds out at each call what the sizes here say beforehand.
There are two ways, by what lies side by side in memory. *outer*: elements of one row of
the result; each step adds a number times a part of a row. *inner*: elements of the rows
that are multiplied; each element of the result is a vector of partial sums, added up at
the end. What fits neither is left to BLAS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from llvmlite import ir

from tapec.ir import Dim, Extent, Function, Value, dims_of
from tapec.native import platform
from tapec.native.driver import _Loop
from tapec.native.extents import Extents
from tapec.native.layout import memory_type
from tapec.native.levels import folded_transpose
from tapec.native.signature import STATUS, declare, emit_entry

__all__ = ["Way", "emit_product", "way_of"]

INT, BIT = ir.IntType(64), ir.IntType(1)
ROWS, VECTORS, LONE = 4, 4, 12
"""Rows and vectors of a block, which leave registers for what is loaded; vectors of a
block of one row."""


class Side(NamedTuple):
    """A matrix in memory: elements from one row to the next, and from one column."""

    value: Value
    down: Extent
    right: Extent


class Way(NamedTuple):
    """How a product is computed: name, factors, whether they changed places."""

    name: str
    left: Side
    right: Side
    swapped: bool


def way_of(op: Value) -> Way | None:
    """How a `matmul` is computed; None if its operands lie in another way."""
    if op.dtype.char not in "fd" or 0 in (*op.shape, op.args[0].shape[-1]):
        return None
    a, b = map(_side, op.args)
    n = op.shape[-1]
    if b.right == 1 and n != 1:
        return Way("outer", a, b, False)
    if n == 1 and a.down == 1 and op.shape[-2] != 1:
        return Way("outer", _turned(b), _turned(a), True)
    if a.right == 1 and b.down == 1:
        return Way("inner", a, b, False)
    return None


def _side(value: Value) -> Side:
    turned = value.prim is not None and folded_transpose(value)
    stored = value.args[0] if turned else value
    side = Side(stored, stored.shape[-1], 1)
    return _turned(side) if turned else side


def _turned(side: Side) -> Side:
    return side._replace(down=side.right, right=side.down)


def emit_product(module: Any, body: Function, name: str) -> None:
    """Define `name` in `module`: what a `fused` op with this body does."""
    sizes = dims_of(body)
    inner = declare(module, len(body.params) + 1, name, sizes)
    _Emission(inner, body, sizes).emit()
    emit_entry(module, inner, name)


class _Emission:
    """One kernel under construction.

    start: the buffer that the result starts from, if any.
    """

    def __init__(self, function: Any, body: Function, sizes: Sequence[str]) -> None:
        entry = ir.IRBuilder(function.append_basic_block("entry"))
        self.entry = entry
        self.at = ir.IRBuilder(function.append_basic_block("product"))
        count = len(body.params)
        names = dict(zip(sizes, function.args[count + 1 :], strict=True))
        self.extents = Extents(names, entry)
        self.buffers = dict(zip(body.params, function.args, strict=False))
        self.out = function.args[count]
        (self.op,) = [op for op in body.ops if op.prim.name == "matmul"]
        way = way_of(self.op)
        assert way is not None
        self.way = way
        (result,) = body.results
        self.start = None if result is self.op else self.buffers[result.args[0]]
        self.element = memory_type(self.op.dtype)
        self.align = self.op.dtype.itemsize
        self.width = platform.vector_width() // 8 // self.align
        self.vector = ir.VectorType(self.element, self.width)
        self.suffix = f"v{self.width}f{8 * self.align}"

    def emit(self) -> None:
        """The whole function: the matrices of a batch one after the other."""
        at, op = self.at, self.op
        *batch, m, n = op.shape
        self.k = op.args[0].shape[-1]
        self.m, self.n = (n, m) if self.way.swapped else (m, n)
        block = at.block
        with ExitStack() as stack:
            index = [
                stack.enter_context(_Loop(at, self._number(0), self._number(size)))
                for size in batch
            ]
            sides = [self.way.left, self.way.right]
            self.bases = [self._base(side.value, index) for side in sides]
            self.base = self._flat(index, batch, m * n)
            self._outer() if self.way.name == "outer" else self._inner()
        at.ret(ir.Constant(STATUS, 0))
        self.entry.position_at_end(self.entry.block)
        self.entry.branch(block)

    def _number(self, extent: Extent) -> Any:
        return self.extents.value(extent)

    def _base(self, value: Value, index: list[Any]) -> Any:
        """The first element of a factor's matrix; extents of 1 are repeated."""
        *shape, r, c = value.shape
        tail = index[len(index) - len(shape) :]
        chosen = [None if n == 1 else i for n, i in zip(shape, tail, strict=True)]
        return self._flat(chosen, shape, r * c)

    def _flat(self, index: Sequence[Any], shape: Sequence[Extent], size: Extent) -> Any:
        total: Any = self._number(0)
        stride = size
        for i, n in zip(reversed(index), reversed(shape), strict=True):
            if i is not None:
                total = self.at.add(total, self.at.mul(i, self._number(stride)))
            stride = stride * n
        return total

    # --- the two ways

    def _outer(self) -> None:
        rows = 1 if self.m == 1 else ROWS
        most = LONE if self.m == 1 else VECTORS

        def down(i: Any, r: int) -> None:
            self._vectors(most, lambda j, v, mask: self._outer_block(i, r, j, v, mask))

        self._blocks(self.m, rows, down)

    def _outer_block(self, i: Any, r: int, j: Any, v: int, mask: Any) -> None:
        """`r` rows from `i` on, `v` vectors from `j` on; `mask` of the last, if any."""
        left, right = self.way.left, self.way.right
        masks = [*[None] * (v - 1), mask]
        columns = [self._plus(j, q * self.width) for q in range(v)]
        places = [
            [self._out(self._plus(i, p), column) for column in columns]
            for p in range(r)
        ]
        cells = [
            [
                self._cell(self._start(place, m))
                for place, m in zip(row, masks, strict=True)
            ]
            for row in places
        ]
        with _Loop(self.at, self._number(0), self._number(self.k)) as c:
            row = self._offset(self.bases[1], (c, right.down))
            vectors = [
                self._load(right.value, self.at.add(row, column), m)
                for column, m in zip(columns, masks, strict=True)
            ]
            for p in range(r):
                where = self._offset(
                    self.bases[0], (self._plus(i, p), left.down), (c, left.right)
                )
                x = self._repeated(self._load_one(left.value, where))
                for cell, vector in zip(cells[p], vectors, strict=True):
                    self._fma(cell, x, vector)
        for row_places, row_cells in zip(places, cells, strict=True):
            for place, cell, m in zip(row_places, row_cells, masks, strict=True):
                self._store(place, self.at.load(cell, typ=self.vector), m)

    def _inner(self) -> None:
        lone = self.n == 1 or self.m == 1
        rows = 2 * ROWS if self.n == 1 else 1 if self.m == 1 else ROWS
        columns = 2 * ROWS if self.m == 1 else 1 if lone else ROWS

        def down(i: Any, r: int) -> None:
            self._blocks(self.n, columns, lambda j, s: self._inner_block(i, r, j, s))

        self._blocks(self.m, rows, down)

    def _inner_block(self, i: Any, r: int, j: Any, s: int) -> None:
        """`r` rows from `i` on, `s` columns from `j` on."""
        at, left, right = self.at, self.way.left, self.way.right
        zero = ir.Constant(self.vector, None)
        cells = [[self._cell(zero) for _ in range(s)] for _ in range(r)]
        downs = [
            self._offset(self.bases[0], (self._plus(i, p), left.down)) for p in range(r)
        ]
        acrosses = [
            self._offset(self.bases[1], (self._plus(j, q), right.right))
            for q in range(s)
        ]

        def step(c: Any, mask: Any) -> None:
            xs = [self._load(left.value, at.add(d, c), mask) for d in downs]
            ys = [self._load(right.value, at.add(a, c), mask) for a in acrosses]
            for row, x in zip(cells, xs, strict=True):
                for cell, y in zip(row, ys, strict=True):
                    self._fma(cell, x, y)

        self._along(self.k, step)
        for p, row in enumerate(cells):
            for q, cell in enumerate(row):
                place = self._out(self._plus(i, p), self._plus(j, q))
                total = self._sum(at.load(cell, typ=self.vector))
                if self.start is not None:
                    total = at.fadd(total, self._load_at(self.start, place))
                address = self._address(self.out, place)
                at.store(total, address, align=self.align)

    # --- loops

    def _blocks(
        self, extent: Extent, size: int, emit: Callable[[Any, int], None]
    ) -> None:
        """`emit(first, count)` for blocks of `size`, and for what is left."""
        at = self.at
        number = self._number(size)
        if isinstance(extent, Dim):
            whole = at.udiv(self._number(extent), number)
            with _Loop(at, self._number(0), whole) as i:
                emit(at.mul(i, number), size)
            if size > 1:
                with _Loop(at, at.mul(whole, number), self._number(extent)) as i:
                    emit(i, 1)
            return
        whole, rest = divmod(extent, size)
        if whole > 1:
            with _Loop(at, self._number(0), self._number(whole)) as i:
                emit(at.mul(i, number), size)
        elif whole:
            emit(self._number(0), size)
        if rest:
            emit(self._number(whole * size), rest)

    def _vectors(self, most: int, emit: Callable[[Any, int, Any], None]) -> None:
        """`emit(first, count, mask)` for blocks of vectors along the columns."""
        at, n, w = self.at, self.n, self.width
        if isinstance(n, Dim):
            whole = at.udiv(self._number(n), self._number(w))
            with _Loop(at, self._number(0), at.udiv(whole, self._number(most))) as b:
                emit(at.mul(b, self._number(most * w)), most, None)
            first = at.sub(whole, at.urem(whole, self._number(most)))
            with _Loop(at, first, whole) as b:
                emit(at.mul(b, self._number(w)), 1, None)
            self._rest(n, lambda j, mask: emit(j, 1, mask))
            return
        count = -(-n // w)
        groups = -(-count // most)
        first = 0
        for g in range(groups):
            size = count // groups + (g < count % groups)
            last = first + size == count and n % w != 0
            mask = self._mask(self._number((count - 1) * w), n) if last else None
            emit(self._number(first * w), size, mask)
            first += size

    def _along(self, extent: Extent, step: Callable[[Any, Any], None]) -> None:
        """`step(first, mask)` for one vector after the other."""
        at, w = self.at, self._number(self.width)
        whole = at.udiv(self._number(extent), w)
        with _Loop(at, self._number(0), whole) as c:
            step(at.mul(c, w), None)
        self._rest(extent, step)

    def _rest(self, extent: Extent, emit: Callable[[Any, Any], None]) -> None:
        """`emit(first, mask)` for what does not fill a vector, if anything."""
        at, w = self.at, self.width
        if not isinstance(extent, Dim):
            if extent % w:
                first = self._number(extent - extent % w)
                emit(first, self._mask(first, extent))
            return
        number = self._number(extent)
        rest = at.urem(number, self._number(w))
        first = at.sub(number, rest)
        with at.if_then(at.icmp_unsigned("!=", rest, self._number(0))):
            emit(first, self._mask(first, extent))

    def _mask(self, first: Any, extent: Extent) -> Any:
        """Which elements from `first` on lie below `extent`."""
        at, w = self.at, self.width
        kind = ir.VectorType(INT, w)
        lanes = at.add(self._filled(first, kind), ir.Constant(kind, [*range(w)]))
        return at.icmp_unsigned("<", lanes, self._filled(self._number(extent), kind))

    # --- memory and registers

    def _plus(self, i: Any, number: int) -> Any:
        return self.at.add(i, self._number(number)) if number else i

    def _offset(self, base: Any, *terms: tuple[Any, Extent]) -> Any:
        for i, stride in terms:
            step = i if stride == 1 else self.at.mul(i, self._number(stride))
            base = self.at.add(base, step)
        return base

    def _out(self, i: Any, j: Any) -> Any:
        """The place of an element of the result."""
        if self.way.swapped:
            return self._offset(self.base, (j, 1))
        return self._offset(self.base, (i, self.n), (j, 1))

    def _address(self, buffer: Any, place: Any) -> Any:
        return self.at.gep(buffer, [place], inbounds=True, source_etype=self.element)

    def _load_at(self, buffer: Any, place: Any) -> Any:
        address = self._address(buffer, place)
        return self.at.load(address, typ=self.element, align=self.align)

    def _load_one(self, value: Value, place: Any) -> Any:
        return self._load_at(self.buffers[value], place)

    def _load(self, value: Value, place: Any, mask: Any) -> Any:
        return self._vector_at(self.buffers[value], place, mask)

    def _vector_at(self, buffer: Any, place: Any, mask: Any) -> Any:
        address = self._address(buffer, place)
        if mask is None:
            return self.at.load(address, typ=self.vector, align=self.align)
        zero = ir.Constant(self.vector, None)
        align = ir.Constant(ir.IntType(32), self.align)
        return self._masked("load", self.vector, [address, align, mask, zero])

    def _start(self, place: Any, mask: Any) -> Any:
        if self.start is None:
            return ir.Constant(self.vector, None)
        return self._vector_at(self.start, place, mask)

    def _store(self, place: Any, x: Any, mask: Any) -> None:
        address = self._address(self.out, place)
        if mask is None:
            self.at.store(x, address, align=self.align)
            return
        align = ir.Constant(ir.IntType(32), self.align)
        self._masked("store", ir.VoidType(), [x, address, align, mask])

    def _masked(self, name: str, result: Any, operands: list[Any]) -> Any:
        return self._called(f"masked.{name}.{self.suffix}.p0", result, operands)

    def _called(
        self, name: str, result: Any, operands: list[Any], flags: Sequence[str] = ()
    ) -> Any:
        """A call of an intrinsic on vectors, whose names llvmlite cannot make."""
        name, module = f"llvm.{name}", self.at.module
        signature = ir.FunctionType(result, [x.type for x in operands])
        found = module.globals.get(name) or ir.Function(module, signature, name)
        return self.at.call(found, operands, fastmath=flags)

    def _cell(self, x: Any) -> Any:
        """A register, as LLVM will find out."""
        with self.at.goto_entry_block():
            cell = self.at.alloca(self.vector)
        self.at.store(x, cell)
        return cell

    def _fma(self, cell: Any, x: Any, y: Any) -> None:
        before = self.at.load(cell, typ=self.vector)
        after = self._called(f"fma.{self.suffix}", self.vector, [x, y, before])
        self.at.store(after, cell)

    def _repeated(self, x: Any) -> Any:
        return self._filled(x, self.vector)

    def _filled(self, x: Any, kind: Any) -> Any:
        at, word = self.at, ir.IntType(32)
        undefined = ir.Constant(kind, ir.Undefined)
        one = at.insert_element(undefined, x, ir.Constant(word, 0))
        zeros = ir.Constant(ir.VectorType(word, kind.count), None)
        return at.shuffle_vector(one, undefined, zeros)

    def _sum(self, x: Any) -> Any:
        name, zero = (
            f"vector.reduce.fadd.{self.suffix}",
            ir.Constant(self.element, -0.0),
        )
        return self._called(name, self.element, [zero, x], ("reassoc",))
