"""Rows of many numbers, turned: columns that a loop over the rows reads in vectors.

A loop over the rows of a row-major array would read a column with a stride, one element
after the other. So a block of rows is turned into scratch memory on the stack, in which
columns are contiguous; what the loop packs goes the other way. Square tiles of 8 x 8
are turned in registers. (LLVM does so itself for up to eight columns.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import Dim, Function, Value
from tapec.native import memory, platform
from tapec.native.layout import memory_type
from tapec.native.places import Data, Place
from tapec.native.scalars import Scalar

if TYPE_CHECKING:
    from tapec.native.kernels import Emission

__all__ = ["BLOCK", "Staging", "staged"]

INT = ir.IntType(64)
COUNTER = np.dtype(np.int64)
BLOCK = 32
"""Rows that are turned at once: what a block writes to memory fits the processor's
queue of writes, which empties while the next block is computed. Chunks for threads are
multiples of it."""

FEW = 8
"""Columns that LLVM deals with."""

MOST = 48 << 10
"""Bytes of scratch memory."""

TILE = 8

TILES = 3
"""Tiles that fit the registers of a processor with vectors of 512 bits."""


def staged(body: Function, rows: Any) -> list[Value]:
    """The parameters and results that are turned, in a loop over `rows`."""
    if isinstance(rows, Dim) or rows < BLOCK:
        return []
    reads = [p for p in body.params if _is_read_by_columns(p, rows, body)]
    packed = [
        r for r in body.results
        if isinstance(r.prim.lower, lowerings.Pack) and not r.prim.lower.leading
        and len(r.args) > FEW and r.dtype.kind in "fiu"
    ]  # fmt: skip
    found = [*reads, *packed]
    if BLOCK * sum(_columns(v) * v.dtype.itemsize for v in found) > MOST:
        return []
    return found


def _columns(v: Value) -> int:
    return math.prod(v.shape[1:])


def _is_read_by_columns(p: Value, rows: int, body: Function) -> bool:
    if p.dtype.kind not in "fiu" or p.shape[:1] != (rows,) or _columns(p) <= FEW:
        return False
    readers = [op for op in body.ops if p in op.args]
    whole = all(
        op.prim.name == "slice" and op.type.size == op.shape[0] == rows
        for op in readers
    )
    return whole and 2 * len(readers) > _columns(p)


class Staging:
    """Scratch memory of one kernel, whose loop runs over blocks of rows.

    Each column is an allocation of its own, so LLVM sees that columns do not overlap,
    and lets rounds of the loop overlap instead. tables: their addresses.
    """

    def __init__(self, kernel: Emission, values: list[Value]) -> None:
        self._kernel = kernel
        self._scratch: dict[Value, list[Any]] = {}
        self._tables: dict[Value, Any] = {}
        nest = kernel.nest
        begin, end = nest.span(2)
        self._begin = begin
        for v in values:
            with nest.before[0].goto_entry_block():
                self._allocate(nest.before[0], v)
            if v in kernel.buffers:
                self._turn(nest.before[1], v, kernel.buffers[v], (begin, end), True)
        for v, buffer in zip(kernel.body.results, kernel.outputs, strict=True):
            if v in self._scratch:
                self._turn(nest.after[1], v, buffer, (begin, end), False)

    def _allocate(self, at: Any, v: Value) -> None:
        kind, columns = memory_type(v.dtype), _columns(v)
        pointer = ir.PointerType()
        self._tables[v] = table = at.alloca(pointer, ir.Constant(INT, columns))
        self._scratch[v] = []
        for number in range(columns):
            column = at.alloca(kind, ir.Constant(INT, BLOCK))
            column.align = 64
            entry = at.gep(table, [ir.Constant(INT, number)], source_etype=pointer)
            at.store(column, entry)
            self._scratch[v].append(column)

    def __contains__(self, v: Value) -> bool:
        return v in self._scratch

    def load(self, p: Value, row: Place, column: Place) -> Scalar:
        """The element of a parameter."""
        scratch = self._scratch[p][_number(column)]
        return memory.load(self._kernel.b, scratch, p.dtype, self._place(row))

    def store(self, result: Value, row: Place, column: Place, x: Scalar) -> None:
        """Part of a result."""
        at = self._kernel.nest.after[-1]
        scratch = self._scratch[result][_number(column)]
        memory.store(self._kernel.b, at, scratch, self._place(row), x)

    def _place(self, row: Place) -> Place:
        first = self._kernel.b.make(COUNTER, 1, self._begin)
        found: Place = row - Place([(Data(first), 1)], 0)
        return found

    def _turn(
        self, at: Any, v: Value, buffer: Any, span: tuple[Any, Any], to_scratch: bool
    ) -> None:
        kind, columns = memory_type(v.dtype), _columns(v)
        begin, end = span
        offset = at.mul(begin, ir.Constant(INT, columns))
        rows = at.gep(buffer, [offset], inbounds=True, source_etype=kind)
        turn = _turning(at.module, kind, columns, to_scratch)
        at.call(turn, [self._tables[v], rows, at.sub(end, begin)])


def _turning(module: Any, kind: Any, columns: int, to_scratch: bool) -> Any:
    """A function that turns up to BLOCK rows: `(ptr table, ptr rows, i64 count)`."""
    name = f"tapec.turn.{kind}.{columns}.{'in' if to_scratch else 'out'}"
    if name in module.globals:
        return module.globals[name]
    pointer = ir.PointerType()
    signature = ir.FunctionType(ir.VoidType(), [pointer, pointer, INT])
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    _Turning(function, kind, columns, to_scratch).emit()
    return function


class _Turning:
    """That function's code: tiles, then single rows."""

    def __init__(self, function: Any, kind: Any, columns: int, inwards: bool) -> None:
        self.function, self.kind, self.columns = function, kind, columns
        self.inwards = inwards
        self.table, self.rows, self.count = function.args

    def emit(self) -> None:
        at = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.scratch = [self._column(at, number) for number in range(self.columns)]
        whole = at.and_(self.count, ir.Constant(INT, -TILE))
        at = self._loop(at, ir.Constant(INT, 0), whole, TILE, self._tiles)
        at = self._loop(at, whole, self.count, 1, self._row)
        at.ret_void()

    def _loop(self, at: Any, start: Any, stop: Any, step: int, body: Any) -> Any:
        head, after = (self.function.append_basic_block(n) for n in ("loop", "after"))
        before = at.block
        at.cbranch(at.icmp_unsigned("<", start, stop), head, after)
        inside = ir.IRBuilder(head)
        i = inside.phi(INT)
        i.add_incoming(start, before)
        body(inside, i)
        following = inside.add(i, ir.Constant(INT, step), flags=("nuw", "nsw"))
        i.add_incoming(following, inside.block)
        inside.cbranch(inside.icmp_unsigned("<", following, stop), head, after)
        return ir.IRBuilder(after)

    def _column(self, at: Any, number: int) -> Any:
        pointer, index = ir.PointerType(), ir.Constant(INT, number)
        entry = at.gep(self.table, [index], inbounds=True, source_etype=pointer)
        return at.load(entry, typ=pointer)

    def _outer(self, at: Any, row: Any, offset: int) -> Any:
        """The address of an element of the array, `offset` elements behind a row."""
        where = at.mul(row, ir.Constant(INT, self.columns))
        where = at.add(where, ir.Constant(INT, offset))
        return at.gep(self.rows, [where], inbounds=True, source_etype=self.kind)

    def _inner(self, at: Any, row: Any, column: int) -> Any:
        """The address of an element in the scratch memory."""
        scratch = self.scratch[column]
        return at.gep(scratch, [row], inbounds=True, source_etype=self.kind)

    def _row(self, at: Any, row: Any) -> None:
        for column in range(self.columns):
            pair = self._outer(at, row, column), self._inner(at, row, column)
            source, target = pair if self.inwards else pair[::-1]
            at.store(at.load(source, typ=self.kind), target)

    def _tiles(self, at: Any, row: Any) -> None:
        """The last tile overlaps the one before, if there is no room for another.

        What is written to memory is so row by row: caches fetch what follows ahead.
        """
        starts = [*range(0, self.columns - TILE, TILE), self.columns - TILE]
        size = TILES if platform.vector_width() == 512 else 1
        for first in range(0, len(starts), size):
            turned = [self._tile(at, row, s) for s in starts[first : first + size]]
            for lines in zip(*turned, strict=True) if not self.inwards else turned:
                for line, target in lines:
                    at.store(line, target, align=_bytes(self.kind))

    def _tile(self, at: Any, row: Any, first: int) -> list[tuple[Any, Any]]:
        """Its lines and where they go."""
        vector, size = ir.VectorType(self.kind, TILE), _bytes(self.kind)
        outer = [self._outer(at, row, i * self.columns + first) for i in range(TILE)]
        inner = [self._inner(at, row, first + i) for i in range(TILE)]
        sources, targets = (outer, inner) if self.inwards else (inner, outer)
        lines = [at.load(p, typ=vector, align=size) for p in sources]
        return list(zip(_transposed(at, lines), targets, strict=True))


def _number(column: Place) -> int:
    """A column as Python knows it."""
    assert column.low == column.high
    return int(column.low)


def _bytes(kind: Any) -> int:
    if isinstance(kind, ir.IntType):
        return int(kind.width) // 8
    return 4 if isinstance(kind, ir.FloatType) else 8


def _transposed(at: Any, lines: list[Any]) -> list[Any]:
    """A square of vectors: halves are exchanged, then quarters, and so on."""
    n, span = len(lines), 1
    while span < n:
        found = list(lines)
        for i in range(n):
            if not i & span:
                a, b = lines[i], lines[i + span]
                low = [j if not j & span else n + j - span for j in range(n)]
                high = [j + span if not j & span else n + j for j in range(n)]
                found[i] = at.shuffle_vector(a, b, _mask(low))
                found[i + span] = at.shuffle_vector(a, b, _mask(high))
        lines, span = found, 2 * span
    return lines


def _mask(lanes: list[int]) -> Any:
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return ir.Constant(kind, [ir.Constant(ir.IntType(32), i) for i in lanes])
