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
from tapec.ir import Dim, Function, Value, dims_of
from tapec.native import accumulate, debug, memory, reduction, serial
from tapec.native.access import Access
from tapec.native.divisors import Divisors, shared_divisions
from tapec.native.extents import Extents
from tapec.native.layout import NoNative
from tapec.native.nest import Loop, Nest, Part
from tapec.native.places import Place, Test, place
from tapec.native.scalars import Builder, Scalar
from tapec.native.signature import STATUS, declare, emit_chunk, emit_entry
from tapec.native.space import (
    Space,
    aligned,
    is_serial,
    natural,
    reduced_axes,
    squeezed,
)
from tapec.native.split import Split, instructions_of, split_of, time_of
from tapec.native.staging import BLOCK, Staging, staged
from tapec.ops.tiled import ROWS

__all__ = ["emit_kernel"]

INT = ir.IntType(64)

LONG = 96
"""Estimated instructions of a body whose rounds do not overlap (measured with
Black-Scholes: one vector at a time takes 1.5 times as long)."""

REPAYS = 20_000
"""Estimated nanoseconds of a call from which more code is worth compiling."""


def emit_kernel(
    module: Any,
    body: Function,
    name: str,
    *,
    lines: bool = False,
    shared: bool = False,
    trial: bool = False,
) -> None:
    """Define `name` in `module`: what a `fused` op with this body does.

    lines: with debug information, in which line n is the op number n of the body.
    shared: a part of it, as threads share it. trial: not for two vectors at a time: no
    estimate is asked for, as this is how one finds out.
    """
    split = split_of(body) if shared else None
    twice = not trial and waits(body)
    count = len(body.params) + len(body.results)
    inner = declare(module, count, name, dims_of(body), ranged=split is not None)
    listed = debug.lines_of(inner) if lines else None
    Emission(inner, body, listed, split, twice=twice).emit()
    if split is None:
        emit_entry(module, inner, name)
    else:
        partial = [len(body.params) + number for number in split.partial]
        emit_chunk(module, inner, name, partial)


def waits(body: Function) -> bool:
    """Whether its instructions wait for each other more than for the processor.

    One round of a long body fills the processor's window, so rounds do not overlap by
    themselves; it is compiled twice, for two vectors, where the time repays that.
    """
    return instructions_of(body) >= LONG and time_of(body) >= REPAYS


class Emission:
    """One kernel under construction.

    twice: whether its innermost loop is there for two vectors as well. rows: of
    reductions along a last axis without a loop, the columns so far combined. divisions:
    those with a divisor in common. cleared: results that are accumulated in memory, and
    start from their identity.
    """

    def __init__(
        self, function: Any, body: Function, lines: Any, split: Split | None = None,
        *, twice: bool = False,
    ) -> None:  # fmt: skip
        self.function = function
        self.split, self.twice = split, twice
        self.lines = lines
        self.body = body
        self.space = Space(body)
        self.numbers = {op: line for line, op in enumerate(body.ops, 1)}
        self.divisions = shared_divisions(body)
        buffers = function.args
        self.buffers = dict(zip(body.params, buffers, strict=False))
        count = len(body.params) + len(body.results)
        self.outputs = buffers[len(body.params) : count]
        at = ir.IRBuilder(function.append_basic_block("entry"))
        names = dims_of(body)
        given = buffers[count : count + len(names)]
        sizes = dict(zip(names, given, strict=True))
        self.extents = Extents(sizes, at)
        self.b = self._builder([at])
        self.memo: dict[Any, Scalar] = {}
        self.rows: dict[Value, Scalar] = {}
        self.cleared: set[Value] = set()
        self.staging: Staging | None = None

    def emit(self) -> None:
        """The whole function."""
        entry = self.extents.at
        if 0 in self.space.shape:
            entry.branch(self._empty())
        else:
            self._open_loops()
            for column in range(self.space.columns):
                self.space.column(column)
                self._emit_values()
                self._emit_results(last=column == self.space.columns - 1)
            self.nest.close().ret(ir.Constant(STATUS, 0))
            self._enter(entry)

    def _emit_results(self, *, last: bool) -> None:
        """Of one column of the last axis, or of all if it has a loop."""
        for result, buffer in zip(self.body.results, self.outputs, strict=True):
            if isinstance(result.prim.lower, lowerings.Reduce):
                reduction.emit(self, result, buffer, last=last)
            elif is_serial(result):
                serial.emit(self, result, buffer)
            elif isinstance(result.prim.lower, lowerings.Pack):
                self._store_parts(result, buffer)
            else:
                self._store(result, buffer)

    def _enter(self, entry: Any) -> None:
        """Go to the nest if each of its loops runs at least once."""
        symbolic = [
            n for n in self.space.shape if isinstance(n, Dim) and n is not ROWS
        ]  # no tile is empty
        empty = self._empty() if symbolic else self.nest.entry
        numbers = [self.extents.value(n) for n in dict.fromkeys(symbolic)]
        entry.position_at_end(entry.block)
        runs: Any = ir.Constant(ir.IntType(1), 1)
        for number in numbers:
            some = entry.icmp_unsigned("!=", number, ir.Constant(INT, 0))
            runs = entry.and_(runs, some)
        entry.cbranch(runs, self.nest.entry, empty)

    def _empty(self) -> Any:
        """The block for a space without elements: sums are 0, products 1."""
        at = ir.IRBuilder(self.function.append_basic_block("empty"))
        block = at.block
        inside = self.b, self.memo
        self.b, self.memo = self._builder([at]), {}
        for result, buffer in zip(self.body.results, self.outputs, strict=True):
            size = result.type.size
            if size == 0:
                continue
            zero = ir.Constant(INT, 0)
            with at.if_then(at.icmp_unsigned("!=", self.extents.value(size), zero)):
                if isinstance(result.prim.lower, lowerings.Reduce):
                    reduction.clear(self, result, buffer)
                serial.prepare(self, result, buffer)
        self.b, self.memo = inside
        at.ret(ir.Constant(STATUS, 0))
        return block

    def _builder(self, scopes: Sequence[Any]) -> Builder:
        b = Builder(scopes, self.lines)
        b.extents = self.extents
        return b

    def _open_loops(self) -> None:
        axes = [a for a, n in enumerate(self.space.extents) if n != 1]
        loops = [Loop(self.space.extents[a]) for a in axes]
        turned = staged(self.body, loops[0].extent) if len(axes) == 1 else []
        if axes and (turned or self._has_long_sum(axes[-1])):
            block = BLOCK if turned else accumulate.BLOCK
            longest = loops[-1].extent
            size = block if isinstance(longest, Dim) else min(block, longest)
            loops.append(Loop(size, within=len(loops)))
            loops[-2] = loops[-2]._replace(step=block)
        self.axes = axes
        part = None
        if self.split is not None:
            part = Part(self.split.depth, *self.function.args[-2:])
        self.nest = Nest(
            self.function, loops, self.extents, part, interleaved=self.twice
        )
        self.b = self._builder(self.nest.before)
        self.b.divisors = Divisors([loop.extent for loop in loops])
        depths = list(range(1, len(axes) + 1))
        if len(loops) > len(axes):
            depths[-1] += 1
        for axis, depth in zip(axes, depths, strict=True):
            counter = self.nest.counters[depth - 1]
            self.b.axes[axis] = self.b.make(np.dtype(np.int64), depth, counter)
        self.staging = Staging(self, turned) if turned else None

    def _has_long_sum(self, axis: int) -> bool:
        extent = self.space.extents[axis]
        return not accumulate.is_short(extent) and any(
            accumulate.sums_floats(r) and axis in reduced_axes(r)
            for r in self.body.results
        )

    def _emit_values(self) -> None:
        """In schedule order, so that pulling them later does not recurse deeply."""
        for op in self.body.ops:
            if is_serial(op):
                continue
            for pattern in sorted(self.space.patterns.get(op, ()), key=str):
                self.value_at(op, self.space.places(pattern))

    def mark(self, op: Value) -> None:
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
            if self.staging is not None and value in self.staging:
                column = memory.flat(value.shape[1:], index[1:])
                return self.staging.load(value, index[0], column)
            buffer = self.buffers[value]
            return memory.read(self.b, buffer, value.dtype, value.shape, index)
        if value.prim.name == "const":
            return self.b.const(value.attr("value").array.reshape(()), value.dtype)
        lower = value.prim.lower
        if isinstance(lower, lowerings.Scalar):
            operands = [
                self.value_at(a, aligned(a.shape, index, place(0))) for a in value.args
            ]
            self.mark(value)
            if value in self.divisions and self.b.divisors is not None:
                self.b.divisors.add(operands[1])
            element = lower.emit(self.b, *operands, **dict(value.attrs))
        elif isinstance(lower, lowerings.Index):
            access = Access(self.b, value, self.value_at)
            element = lower.emit(access, value, list(index))
            self.mark(value)
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
        self.mark(result)
        offset = memory.flat(result.shape, index)
        memory.store(self.b, self.nest.after[-1], buffer, offset, element)

    def _store_parts(self, result: Value, buffer: Any) -> None:
        """Operands behind each other, or element by element side by side."""
        count, leading = len(result.args), result.prim.lower.leading
        for number, a in enumerate(result.args):
            index = self.index_of(a.shape)
            element = self.value_at(a, index)
            self.mark(result)
            if self.staging is not None and result in self.staging:
                self.staging.store(result, index[0], place(number), element)
                continue
            inside = memory.flat(a.shape, index)
            offset = (
                inside + a.type.size * number if leading else inside * count + number
            )
            memory.store(self.b, self.nest.after[-1], buffer, offset, element)
