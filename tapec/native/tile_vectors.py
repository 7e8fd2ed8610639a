"""Code on vectors: loops over blocks of them, parts of one, loads, stores, sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Dim, Extent
from tapec.native import platform
from tapec.native.driver import _Loop
from tapec.native.extents import Extents
from tapec.native.layout import memory_type

__all__ = ["INT", "Vectors"]

INT, BYTE = ir.IntType(64), ir.IntType(8)


class Vectors:
    """A function under construction that works on vectors of one dtype.

    bits: of a vector, those of the widest registers unless said.
    """

    def __init__(
        self, at: Any, extents: Extents, dtype: np.dtype[Any], bits: int = 0
    ) -> None:
        self.at = at
        self.extents = extents
        self.element = memory_type(dtype)
        self.align = dtype.itemsize
        self.width = (bits or platform.vector_width()) // 8 // self.align
        self.vector = ir.VectorType(self.element, self.width)
        self.suffix = f"v{self.width}f{8 * self.align}"
        self.zero = ir.Constant(self.vector, None)
        self._tables: dict[Any, Any] = {}

    def number(self, extent: Extent) -> Any:
        """An extent, or a Python integer."""
        return self.extents.value(extent)

    # --- loops

    def blocks(
        self, extent: Extent, size: int, emit: Callable[[Any, int], None]
    ) -> None:
        """`emit(first, count)` for blocks of `size`, and for what is left."""
        at = self.at
        number = self.number(size)
        if isinstance(extent, Dim):
            whole = at.udiv(self.number(extent), number)
            with _Loop(at, self.number(0), whole) as i:
                emit(at.mul(i, number), size)
            if size > 1:
                with _Loop(at, at.mul(whole, number), self.number(extent)) as i:
                    emit(i, 1)
            return
        whole, rest = divmod(extent, size)
        if whole > 1:
            with _Loop(at, self.number(0), self.number(whole)) as i:
                emit(at.mul(i, number), size)
        elif whole:
            emit(self.number(0), size)
        if rest:
            emit(self.number(whole * size), rest)

    def vectors(self, n: Extent, most: int, emit: Callable[..., None]) -> None:
        """`emit(first, count, mask)` for up to `most` vectors of an axis at once."""
        w = self.width
        if isinstance(n, Dim):
            self.single_vectors(self.whole_blocks(n, most, emit), n, emit)
            return
        count = -(-n // w)
        groups = -(-count // most)
        first = 0
        for g in range(groups):
            size = count // groups + (g < count % groups)
            last = first + size == count and n % w != 0
            mask = self.mask(self.number((count - 1) * w), n) if last else None
            emit(self.number(first * w), size, mask)
            first += size

    def whole_blocks(self, n: Extent, most: int, emit: Callable[..., None]) -> Any:
        """The blocks of `most` vectors that fit; where they end."""
        step = self.number(most * self.width)
        count = self.at.udiv(self.number(n), step)
        with _Loop(self.at, self.number(0), count) as b:
            emit(self.at.mul(b, step), most, None)
        return self.at.mul(count, step)

    def single_vectors(self, first: Any, n: Extent, emit: Callable[..., None]) -> None:
        """What is left from `first` on."""
        at, w = self.at, self.width
        left = self.plus(at.sub(self.number(n), first), w - 1)
        with _Loop(at, self.number(0), at.udiv(left, self.number(w))) as b:
            j = self.offset(first, (b, w))
            emit(j, 1, self.mask(j, n))

    def along(self, extent: Extent, step: Callable[[Any, Any], None]) -> None:
        """`step(first, mask)` for one vector after the other."""
        at, w = self.at, self.number(self.width)
        whole = at.udiv(self.number(extent), w)
        with _Loop(at, self.number(0), whole) as c:
            step(at.mul(c, w), None)
        self.rest(extent, step)

    def rest(self, extent: Extent, emit: Callable[[Any, Any], None]) -> None:
        """`emit(first, mask)` for what does not fill a vector, if anything."""
        at, w = self.at, self.width
        if not isinstance(extent, Dim):
            if extent % w:
                first = self.number(extent - extent % w)
                emit(first, self.mask(first, extent))
            return
        number = self.number(extent)
        rest = at.urem(number, self.number(w))
        first = at.sub(number, rest)
        with at.if_then(at.icmp_unsigned("!=", rest, self.number(0))):
            emit(first, self.mask(first, extent))

    def mask(self, first: Any, extent: Extent) -> Any:
        """Which elements from `first` on lie below `extent`."""
        return self.mask_below(first, self.number(extent))

    def mask_below(self, first: Any, end: Any) -> Any:
        """The same for a number at run time."""
        at, w = self.at, self.width
        kind = ir.VectorType(INT, w)
        lanes = at.add(self.filled(first, kind), ir.Constant(kind, [*range(w)]))
        return at.icmp_unsigned("<", lanes, self.filled(end, kind))

    # --- memory and registers

    def plus(self, i: Any, number: int) -> Any:
        """i + number"""
        return self.at.add(i, self.number(number)) if number else i

    def offset(self, base: Any, *terms: tuple[Any, Extent]) -> Any:
        """base + the sum of i * stride"""
        for i, stride in terms:
            step = i if stride == 1 else self.at.mul(i, self.number(stride))
            base = self.at.add(base, step)
        return base

    def address(self, buffer: Any, place: Any) -> Any:
        return self.at.gep(buffer, [place], inbounds=True, source_etype=self.element)

    def load_one(self, buffer: Any, place: Any) -> Any:
        """An element."""
        address = self.address(buffer, place)
        return self.at.load(address, typ=self.element, align=self.align)

    def load(self, buffer: Any, place: Any, mask: Any = None) -> Any:
        """A vector; zeros where the mask is not set."""
        address = self.address(buffer, place)
        if mask is None:
            return self.at.load(address, typ=self.vector, align=self.align)
        align = ir.Constant(ir.IntType(32), self.align)
        operands = [address, align, mask, self.zero]
        return self.called(f"masked.load.{self.suffix}.p0", self.vector, operands)

    def store_one(self, buffer: Any, place: Any, x: Any) -> None:
        self.at.store(x, self.address(buffer, place), align=self.align)

    def store(self, buffer: Any, place: Any, x: Any, mask: Any = None) -> None:
        """Write a vector where the mask is set."""
        address = self.address(buffer, place)
        if mask is None:
            self.at.store(x, address, align=self.align)
            return
        align = ir.Constant(ir.IntType(32), self.align)
        operands = [x, address, align, mask]
        self.called(f"masked.store.{self.suffix}.p0", ir.VoidType(), operands)

    def called(
        self, name: str, result: Any, operands: list[Any], flags: Sequence[str] = ()
    ) -> Any:
        """A call of an intrinsic on vectors, whose names llvmlite cannot make."""
        name, module = f"llvm.{name}", self.at.module
        signature = ir.FunctionType(result, [x.type for x in operands])
        found = module.globals.get(name) or ir.Function(module, signature, name)
        return self.at.call(found, operands, fastmath=flags)

    def cell(self, x: Any) -> Any:
        """A register with a vector in it, as LLVM will find out."""
        with self.at.goto_entry_block():
            cell = self.at.alloca(self.vector)
        self.at.store(x, cell)
        return cell

    def held(self, cell: Any) -> Any:
        """What is in a register."""
        return self.at.load(cell, typ=self.vector)

    def fma(self, cell: Any, x: Any, y: Any) -> None:
        """cell += x * y"""
        self.at.store(self.fused(x, y, self.held(cell)), cell)

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z, rounded once where that is an instruction."""
        if not platform.has_fma():
            return self.at.fadd(self.at.fmul(x, y), z)
        return self.called(f"fma.{self.suffix}", self.vector, [x, y, z])

    def filled(self, x: Any, kind: Any = None) -> Any:
        """A vector of one number."""
        at, word = self.at, ir.IntType(32)
        kind = self.vector if kind is None else kind
        undefined = ir.Constant(kind, ir.Undefined)
        one = at.insert_element(undefined, x, ir.Constant(word, 0))
        zeros = ir.Constant(ir.VectorType(word, kind.count), None)
        return at.shuffle_vector(one, undefined, zeros)

    def sum(self, x: Any) -> Any:
        """Of the elements of a vector, in any order."""
        start = ir.Constant(self.element, -0.0)
        name = f"vector.reduce.fadd.{self.suffix}"
        return self.called(name, self.element, [start, x], ("reassoc",))

    def all_finite(self, buffer: Any, first: Any, size: Extent) -> Any:
        """Whether `size` elements from `first` on are: 0 * x is 0 only then."""
        at = self.at
        cells = [self.cell(self.zero) for _ in range(4)]

        def look(cell: Any, place: Any, mask: Any = None) -> None:
            self.fma(cell, self.load(buffer, at.add(first, place), mask), self.zero)

        step = self.number(4 * self.width)
        whole = at.udiv(self.number(size), step)
        with _Loop(at, self.number(0), whole) as i:
            for q, cell in enumerate(cells):
                look(cell, self.plus(at.mul(i, step), q * self.width))
        begin = at.mul(whole, self.number(4))
        with _Loop(at, begin, at.udiv(self.number(size), self.number(self.width))) as i:
            look(cells[0], at.mul(i, self.number(self.width)))
        self.rest(size, lambda place, mask: look(cells[0], place, mask))
        total = self.sum(self.held(cells[0]))
        for cell in cells[1:]:
            total = at.fadd(total, self.sum(self.held(cell)))
        return at.fcmp_ordered("==", total, ir.Constant(self.element, 0.0))

    # --- tables

    def table(self, numbers: Any) -> Any:
        """Integers in the module."""
        return self._constants(INT, [int(n) for n in numbers])

    def flags(self, bits: Any) -> Any:
        """Bools in the module, a byte each, and room behind them for a vector."""
        return self._constants(BYTE, [*map(int, bits.reshape(-1)), *[0] * self.width])

    def _constants(self, kind: Any, row: list[int]) -> Any:
        key = kind, tuple(row)
        found = self._tables.get(key)
        if found is None:
            module, array = self.at.module, ir.ArrayType(kind, len(row))
            name = module.get_unique_name("tapec.table")
            found = ir.GlobalVariable(module, array, name)
            found.linkage, found.global_constant = "internal", True
            found.initializer = ir.Constant(array, row)
            self._tables[key] = found
        return self.at.bitcast(found, ir.PointerType())

    def flag(self, table: Any, place: Any) -> Any:
        """One of `flags`."""
        address = self.at.gep(table, [place], inbounds=True, source_etype=BYTE)
        byte = self.at.load(address, typ=BYTE)
        return self.at.icmp_unsigned("!=", byte, ir.Constant(BYTE, 0))

    def flag_vector(self, table: Any, place: Any) -> Any:
        """As many of `flags` as a vector has elements."""
        kind = ir.VectorType(BYTE, self.width)
        address = self.at.gep(table, [place], inbounds=True, source_etype=BYTE)
        bytes_ = self.at.load(address, typ=kind, align=1)
        return self.at.icmp_unsigned("!=", bytes_, ir.Constant(kind, None))
