"""From a fused body to LLVM IR: one loop nest, every value computed where it is read.

    i32 kernel(ptr slots, ptr indices)

`slots` are the buffers of the running call, `indices` says which of them are this
step's parameters and results; so a body that occurs several times is one function.
Values are pulled: a result asks its op for the element at an index, which asks its
operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import Function, Value
from tapec.native import accumulate, debug, memory, platform, serial
from tapec.native.access import Access
from tapec.native.accumulate import Accumulator
from tapec.native.layout import NoNative
from tapec.native.nest import Loop, Nest
from tapec.native.places import Place, Test, place
from tapec.native.scalars import Builder, Scalar
from tapec.native.space import (
    Space,
    aligned,
    is_serial,
    natural,
    reduced_axes,
    squeezed,
)

__all__ = ["emit_kernel"]

INT = ir.IntType(64)
POINTER = ir.PointerType()
STATUS = ir.IntType(32)
HALF = np.dtype(np.float16)
SIGNATURE = ir.FunctionType(STATUS, [POINTER, POINTER])


def emit_kernel(module: Any, body: Function, name: str, *, lines: bool = False) -> None:
    """Define `name` in `module`: what a `fused` op with this body does.

    lines: with debug information, in which line n is the op number n of the body.
    """
    inner = declare(module, len(body.params) + len(body.results), name)
    Emission(inner, body, debug.lines_of(inner) if lines else None).emit()
    emit_entry(module, inner, name)


def declare(module: Any, count: int, name: str) -> Any:
    """The kernel proper: a function of `count` buffers that do not overlap."""
    inner = ir.Function(module, ir.FunctionType(STATUS, [POINTER] * count), name + ".")
    inner.linkage = "internal"
    inner.attributes.add("nounwind")
    inner.attributes.add("noinline")
    for argument in inner.args:
        argument.add_attribute("noalias")
    wide = f'"prefer-vector-width"="{platform.vector_width()}"'
    set.add(inner.attributes, wide)
    return inner


def emit_entry(module: Any, inner: Any, name: str) -> None:
    """Look up the buffers, so that the kernel proper has arguments to mark noalias."""
    outer = ir.Function(module, SIGNATURE, name)
    outer.attributes.add("nounwind")
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    slots, indices = outer.args
    buffers = []
    for number in range(len(inner.args)):
        where = at.gep(indices, [ir.Constant(INT, number)], source_etype=INT)
        slot = at.load(where, typ=INT)
        buffers.append(
            at.load(at.gep(slots, [slot], source_etype=POINTER), typ=POINTER)
        )
    at.ret(at.call(inner, buffers))


class Emission:
    """One kernel under construction."""

    def __init__(self, function: Any, body: Function, lines: Any) -> None:
        self.function = function
        self.lines = lines
        self.body = body
        self.space = Space(body)
        self.numbers = {op: line for line, op in enumerate(body.ops, 1)}
        buffers = function.args
        self.buffers = dict(zip(body.params, buffers, strict=False))
        self.outputs = buffers[len(body.params) :]
        self.memo: dict[Any, Scalar] = {}

    def emit(self) -> None:
        """The whole function."""
        if 0 in self.space.shape:
            self.nest = Nest(self.function, [])
            self.b = Builder(self.nest.before, self.lines)
            self._fill_empty()
        else:
            self._open_loops()
            self._emit_values()
            for result, buffer in zip(self.body.results, self.outputs, strict=True):
                if isinstance(result.prim.lower, lowerings.Reduce):
                    self._reduce(result, buffer)
                elif is_serial(result):
                    serial.emit(self, result, buffer)
                else:
                    self._store(result, buffer)
        self.nest.close().ret(ir.Constant(STATUS, 0))

    def _open_loops(self) -> None:
        axes = [a for a, n in enumerate(self.space.extents) if n != 1]
        loops = [Loop(self.space.extents[a]) for a in axes]
        if axes and self._has_long_sum(axes[-1]):
            block = accumulate.BLOCK
            loops.append(Loop(min(block, loops[-1].extent), within=len(loops)))
            loops[-2] = loops[-2]._replace(step=block)
        self.axes = axes
        self.nest = Nest(self.function, loops)
        self.b = Builder(self.nest.before, self.lines)
        depths = list(range(1, len(axes) + 1))
        if len(loops) > len(axes):
            depths[-1] += 1
        for axis, depth in zip(axes, depths, strict=True):
            counter = self.nest.counters[depth - 1]
            self.b.axes[axis] = self.b.make(np.dtype(np.int64), depth, counter)

    def _has_long_sum(self, axis: int) -> bool:
        long = self.space.extents[axis] > accumulate.BLOCK
        return long and any(
            _sums_floats(r) and axis in self._reduced(r) for r in self.body.results
        )

    def _emit_values(self) -> None:
        """In schedule order, so that pulling them later does not recurse deeply."""
        for op in self.body.ops:
            if is_serial(op):
                continue
            for pattern in sorted(self.space.patterns.get(op, ()), key=str):
                self.value_at(op, self.space.places(pattern))

    def _mark(self, op: Value) -> None:
        self.b.mark(self.numbers[op])

    # --- values

    def value_at(self, value: Value, index: Sequence[Place]) -> Scalar:
        """The element of a value at an index."""
        key = value, tuple([i.key for i in index])
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = self._compute(value, tuple(index))
        return found

    def _compute(self, value: Value, index: tuple[Place, ...]) -> Scalar:
        if value in self.buffers:
            buffer = self.buffers[value]
            return memory.read(self.b, buffer, value.dtype, value.shape, index)
        if value.prim.name == "const":
            return self.b.const(value.attr("value").array.reshape(()), value.dtype)
        lower = value.prim.lower
        if isinstance(lower, lowerings.Scalar):
            operands = [
                self.value_at(a, aligned(a.shape, index, place(0))) for a in value.args
            ]
            self._mark(value)
            element = lower.emit(self.b, *operands, **dict(value.attrs))
        elif isinstance(lower, lowerings.Index):
            access = Access(self.b, value, self.value_at)
            element = lower.emit(access, value, list(index))
            self._mark(value)
        else:
            a = value.args[0]
            return self.value_at(a, squeezed(value, index, place(0)))
        return self._typed(element, value.dtype)

    def _typed(self, element: Any, dtype: np.dtype[Any]) -> Scalar:
        if element is NotImplemented:
            raise NoNative(str(dtype))
        if isinstance(element, (Place, Test)):
            element = element.lower(self.b)
        if not isinstance(element, Scalar):
            return self.b.const(element, dtype)
        return self.b.cast(element, dtype)

    # --- results

    def index_of(self, shape: tuple[int, ...]) -> list[Place]:
        """The index of an array that fills the space."""
        return list(self.space.places(natural(shape)))

    def _store(self, result: Value, buffer: Any) -> None:
        index = self.index_of(result.shape)
        element = self.value_at(result, index)
        self._mark(result)
        offset = memory.flat(result.shape, index)
        memory.store(self.b, self.nest.after[-1], buffer, offset, element)

    def _reduced(self, result: Value) -> set[int]:
        """Loops a result is reduced over; a joined axis counts as its successor."""
        reduced = reduced_axes(result)
        return {a for a in reduced if self.space.extents[a] != 1}

    def _reduce(self, result: Value, buffer: Any) -> None:
        operand = result.args[0]
        index = self.index_of(operand.shape)
        element = self.b.cast(self.value_at(operand, index), result.dtype)
        full = len(self.space.shape)
        kept = [a for a in range(full) if a not in reduced_axes(result)]
        extents = [self.space.shape[a] for a in kept]
        offset = memory.flat(extents, [self.space.axis(a) for a in kept])
        self._mark(result)
        self._deliver(result, element, buffer, offset)

    def _deliver(
        self, result: Value, element: Scalar, buffer: Any, offset: Place
    ) -> None:
        monoid, reduced = result.prim.lower.monoid, self._reduced(result)
        inner = 0
        while inner < len(self.axes) and self.axes[-1 - inner] in reduced:
            inner += 1
        outer = reduced - set(self.axes[len(self.axes) - inner :])
        if inner:
            element, top = self._total(result, element, inner)
        else:
            top = len(self.nest.loops)
        after = self.nest.after[top]
        here = Builder([after] * len(self.nest.before))
        here.places, here.axes = self.b.places, self.b.axes
        element = Scalar(here, element.dtype, element.parts, element.depth)
        if outer:
            self._clear(result, buffer)
            offset.lower(self.b)
            before = memory.load(here, buffer, result.dtype, offset)
            element = here.cast(element, result.dtype)
            element = accumulate.combine(here, monoid, before, element)
        element = here.cast(element, result.dtype)
        memory.store(self.b, after, buffer, offset, element)

    def _clear(self, result: Value, buffer: Any) -> None:
        """Fill a result that is accumulated in memory with its identity."""
        start = accumulate.identity(result.prim.lower.monoid, result.dtype)
        x = self.b.const(start, result.dtype)
        accumulate.fill(self.nest.before[0], buffer, result.type.size, x)

    def _total(self, result: Value, element: Scalar, inner: int) -> tuple[Scalar, int]:
        """The value reduced over the innermost `inner` axes, and its depth."""
        monoid = result.prim.lower.monoid
        loops = self.nest.loops
        split = len(loops) - len(self.axes)
        top = len(loops) - inner - split
        enter = top
        if _sums_floats(result):
            enter, size = len(loops), 1
            while enter > top and size * loops[enter - 1].extent <= accumulate.BLOCK:
                size *= loops[enter - 1].extent
                enter -= 1
            if split and enter == len(loops) - 2:
                enter = len(loops) - 1
        dtype = np.dtype(np.float32) if result.dtype == HALF else result.dtype
        accumulator = Accumulator(self.b, monoid, dtype, enter, top)
        accumulator.start(self.nest)
        accumulator.add(self.b.cast(element, dtype), len(loops))
        accumulator.flush(self.nest)
        return accumulator.total(self.nest), top

    def _fill_empty(self) -> None:
        """No element is visited: sums are 0, products 1."""
        for result, buffer in zip(self.body.results, self.outputs, strict=True):
            reduced = isinstance(result.prim.lower, lowerings.Reduce)
            if reduced and result.type.size:
                self._clear(result, buffer)
            serial.prepare(self, result, buffer)


def _sums_floats(result: Value) -> bool:
    lower = result.prim.lower
    adds = isinstance(lower, lowerings.Reduce) and lower.monoid == "add"
    return adds and result.dtype.kind in "fc"
