"""The body of a loop as straight-line scalar code, and the loop around it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import ArrayType, Function, Value
from tapec.native import accumulate, memory
from tapec.native.access import Access
from tapec.native.layout import NoNative, memory_type, real_dtype, register_type
from tapec.native.lowering import cost
from tapec.native.math.short import SHORT, call_short
from tapec.native.places import Axis, Place, Test, place
from tapec.native.scalars import Builder, Scalar
from tapec.native.space import aligned, squeezed

__all__ = ["Elements", "Region", "is_stacked"]

INT = ir.IntType(64)
POSITION = np.dtype(np.int64)
TINY = 16
"""Elements of an array that lives in registers."""

MOST = 4096
"""Elements that the bodies of a loop may compute."""

SCRATCH = 1 << 16
"""Bytes on the stack for what an inner loop stacks up."""

Index = Sequence[Place]
Target = tuple[Any, Place]
"""A buffer, and the number of the first element there."""


class LoopBuilder(Builder):
    """Inside a loop whose steps wait for each other."""

    def math(self, name: str, *operands: Any) -> Scalar:
        (x, *others) = operands
        known = isinstance(x, Scalar) and x.dtype.char in "fd"
        if name not in SHORT or others or not known or x.depth < len(self.scopes) - 1:
            return super().math(name, *operands)
        at, depth = self.at(x)
        return self.make(x.dtype, depth, call_short(at, name, x.value))


class Elements:
    """Where the elements of an array are: `at(region, index)` gives one."""

    def __init__(self, at: Callable[[Region, Index], Scalar]) -> None:
        self.at = at

    @classmethod
    def in_memory(cls, buffer: Any, type_: ArrayType) -> Elements:
        """In a buffer that this function only reads."""
        dtype, shape = type_.dtype, type_.shape
        return cls(lambda r, index: memory.read(r.b, buffer, dtype, shape, index))

    @classmethod
    def written(cls, target: Target, type_: ArrayType, depth: int) -> Elements:
        """In a buffer that code at this depth has filled: not to be read earlier."""
        buffer, first = target

        def at(region: Region, index: Index) -> Scalar:
            b = region.b
            pairs = zip(index, type_.shape, strict=True)
            if any(i.low < 0 or i.high >= n for i, n in pairs):
                raise NoNative("an index that may lie outside")
            late = Builder([b.scopes[depth]] * depth + [*b.scopes[depth:]], b.lines)
            late.axes = b.axes
            offset = first + memory.flat(type_.shape, index)
            x = memory.load(late, buffer, type_.dtype, offset)
            return Scalar(b, x.dtype, x.parts, max(x.depth, depth))

        return cls(at)

    @classmethod
    def in_registers(cls, shape: tuple[int, ...], elements: list[Scalar]) -> Elements:
        """One scalar each, in row-major order."""

        def at(region: Region, index: Index) -> Scalar:
            if any(i.terms for i in index):
                raise NoNative("an index into registers")
            return elements[memory.flat(shape, index).constant]

        return cls(at)


def indices(shape: tuple[int, ...]) -> list[list[Place]]:
    """All indices of a shape, in row-major order."""
    return [[place(i) for i in index] for index in np.ndindex(*shape)]


class Region:
    """The code of one body, in the loop at one depth."""

    def __init__(self, b: Builder, body: Function, outer: Region | None = None) -> None:
        self.b = b
        self.body = body
        self.outer = outer
        self.own = {*body.params, *body.ops}
        self.elements: dict[Value, Elements] = {}
        self.memo: dict[Any, Scalar] = {}
        self.budget: list[int] = [MOST] if outer is None else outer.budget

    # --- values

    def value_at(self, value: Value, index: Index) -> Scalar:
        """The element of a value at an index."""
        key = value, tuple([i.key for i in index])
        found = self.memo.get(key)
        if found is None:
            self.budget[0] -= 1
            if self.budget[0] < 0:
                raise NoNative("a body too large for registers")
            if value not in self.own and not any(i.terms for i in index):
                assert self.outer is not None
                found = self.outer.value_at(value, index)
            else:
                found = self._compute(value, index)
            if found.b is not self.b:
                found = Scalar(self.b, found.dtype, found.parts, found.depth)
            self.memo[key] = found
        return found

    def _found(self, value: Value) -> Elements | None:
        """Where a value is, here or in the surroundings."""
        region: Region | None = self
        while region is not None:
            if value in region.elements:
                return region.elements[value]
            region = region.outer
        return None

    def all_of(self, value: Value) -> list[Scalar]:
        """Every element, in row-major order."""
        return [self.value_at(value, index) for index in indices(value.shape)]

    def _compute(self, value: Value, index: Index) -> Scalar:
        where = self._found(value)
        if where is not None:
            return where.at(self, index)
        if value.prim.name == "const":
            return self._constant(value, index)
        lower = value.prim.lower
        if isinstance(lower, lowerings.View) and value.prim.name != "item":
            return self._view(value, index)
        if isinstance(lower, lowerings.Library):
            return self._product(value, index)
        if cost(value) is None:
            raise NoNative(value.prim.name)
        if isinstance(lower, lowerings.Reduce):
            return self._reduced(value, index)
        if isinstance(lower, lowerings.Index):
            access = Access(self.b, value, self.value_at)
            return self._typed(lower.emit(access, value, list(index)), value.dtype)
        operands = [self.value_at(a, aligned(a.shape, tuple(index), place(0)))
                    for a in value.args]  # fmt: skip
        element = lower.emit(self.b, *operands, **dict(value.attrs))
        return self._typed(element, value.dtype)

    def _constant(self, value: Value, index: Index) -> Scalar:
        if any(i.terms for i in index):
            raise NoNative("an index into a constant")
        array = value.attr("value").array
        return self.b.const(array[tuple([i.constant for i in index])], value.dtype)

    def _view(self, value: Value, index: Index) -> Scalar:
        (a,) = value.args
        if [n for n in a.shape if n != 1] == [n for n in value.shape if n != 1]:
            return self.value_at(a, squeezed(value, tuple(index), place(0)))
        rest, places = memory.flat(value.shape, index), []
        for n in reversed(a.shape):
            places.append(rest % n)
            rest = rest // n
        return self.value_at(a, places[::-1])

    def _reduced(self, value: Value, index: Index) -> Scalar:
        (a,) = value.args
        axes = value.attr("axis")
        if math.prod(a.shape[axis] for axis in axes) > TINY:
            raise NoNative("a long reduction")
        kept = iter(index)
        where = [None if axis in axes else next(kept) for axis in range(len(a.shape))]
        monoid, total = value.prim.lower.monoid, None
        for inside in itertools.product(*[range(a.shape[axis]) for axis in axes]):
            numbers = iter(inside)
            full = [place(next(numbers)) if i is None else i for i in where]
            x = self.b.cast(self.value_at(a, full), value.dtype)
            total = x if total is None else accumulate.combine(self.b, monoid, total, x)
        if total is None:
            return self.b.const(accumulate.identity(monoid, value.dtype), value.dtype)
        return total

    def _product(self, value: Value, index: Index) -> Scalar:
        x, y = value.args
        if value.prim.name != "matmul" or x.shape[-1] > TINY or not x.shape[-1]:
            raise NoNative(value.prim.name)
        *batch, row, column = index
        outer = [aligned(a.shape[:-2], tuple(batch), place(0)) for a in (x, y)]
        total = None
        for k in map(place, range(x.shape[-1])):
            product = self.value_at(x, [*outer[0], row, k]) * self.value_at(
                y, [*outer[1], k, column]
            )
            total = product if total is None else total + product
        assert total is not None
        return total

    def _typed(self, element: Any, dtype: np.dtype[Any]) -> Scalar:
        if element is NotImplemented:
            raise NoNative(str(dtype))
        if isinstance(element, (Place, Test)):
            element = element.lower(self.b)
        if not isinstance(element, Scalar):
            return self.b.const(element, dtype)
        return self.b.cast(element, dtype)

    # --- loops

    def emit(self, targets: Mapping[Value, Target]) -> None:
        """Every op in order; results that inner loops stack go to their targets."""
        for op in self.body.ops:
            if op.prim.name == "scan":
                self._loop(op, targets)
            elif isinstance(op.type, ArrayType) and op.type.size <= TINY:
                self.all_of(op)

    def _loop(self, op: Value, targets: Mapping[Value, Target]) -> None:
        items = {
            i: [v for v in self.body.ops if v.prim.name == "item" and v.args[0] is op
                and v.attr("index") == i]
            for i in range(len(op.type.items))
        }  # fmt: skip
        loop = Counted(self, op)
        places = {}
        for i in range(loop.carries, len(items)):
            given = [targets[v] for v in items[i] if v in targets]
            places[i] = given[0] if given else self._scratch(op.type.items[i])
        finals = loop.emit(places)
        for i, values in items.items():
            for v in values:
                if i < loop.carries:
                    self.elements[v] = Elements.in_registers(v.shape, finals[i])
                else:
                    depth = len(self.b.scopes) - 1
                    self.elements[v] = Elements.written(places[i], v.type, depth)

    def _scratch(self, type_: ArrayType) -> Target:
        """Memory for what an inner loop stacks up."""
        if type_.nbytes > SCRATCH:
            raise NoNative("an inner loop with large outputs")
        entry = self.b.scopes[0].function.entry_basic_block
        at = ir.IRBuilder(entry)
        at.position_at_start(entry)
        size = type_.size * (2 if type_.dtype.kind == "c" else 1)
        found = at.alloca(memory_type(type_.dtype), size=ir.Constant(INT, size))
        for scope in self.b.scopes:
            if scope.block is entry:  # its place has moved by one
                scope.position_at_end(entry)
        return found, place(0)

    def store(self, value: Value, target: Target) -> None:
        """Write all elements of a value."""
        if value.type.size > TINY:
            raise NoNative("an output too large for registers")
        buffer, first = target
        for number, x in enumerate(self.all_of(value)):
            memory.store(self.b, self.b.scopes[-1], buffer, first + number, x)


class Counted:
    """One loop: a block that runs `length` times, carries as phi nodes."""

    def __init__(self, outer: Region, op: Value) -> None:
        self.outer, self.op = outer, op
        self.body: Function = op.attr("body")
        self.length, self.carries = op.attr("length"), op.attr("carries")
        self.shared = self.carries + op.attr("invariants")
        self.before = outer.b.scopes[-1]
        self.depth = len(outer.b.scopes)

    def emit(self, places: Mapping[int, Target]) -> list[list[Scalar]]:
        """The loop; the answer is the last values of the carries.

        Result `i` of the loop, stacked, goes to `places[i]`.
        """
        start = [self._started(a) for a in self.op.args[: self.carries]]
        at = ir.IRBuilder(self.before.append_basic_block("loop"))
        counter = at.phi(INT)
        region = self._region(at, counter)
        phis = [[self._phi(region.b, x) for x in elements] for elements in start]
        self._enter(region, phis)
        following = self._fill(region, places)
        self._close(at, counter, _all(phis), _all(start), _all(following))
        b, depth = self.outer.b, self.depth - 1
        return [
            [Scalar(b, x.dtype, x.parts, min(x.depth, depth)) for x in elements]
            for elements in following
        ]

    def _started(self, operand: Value) -> list[Scalar]:
        if operand.type.size > TINY:
            raise NoNative("a carry too large for registers")
        return self.outer.all_of(operand)

    def _region(self, at: Any, counter: Any) -> Region:
        outer = self.outer.b
        b = LoopBuilder([*outer.scopes, at], outer.lines)
        b.axes = outer.axes | {-self.depth: b.make(POSITION, self.depth, counter)}
        b.places = dict(outer.places)
        return Region(b, self.body, self.outer)

    def _phi(self, b: Builder, x: Scalar) -> Scalar:
        kind = register_type(real_dtype(x.dtype) if x.kind == "c" else x.dtype)
        return b.make(x.dtype, self.depth, *[b.scopes[-1].phi(kind) for _ in x.parts])

    @property
    def time(self) -> Place:
        """The number of the step's elements."""
        i = Place([(Axis(-self.depth, self.length), 1)], 0)
        return self.length - 1 - i if self.op.attr("reverse") else i

    def _enter(self, region: Region, phis: list[list[Scalar]]) -> None:
        """Where the parameters of the body are."""
        for p, elements in zip(self.body.params, phis, strict=False):
            region.elements[p] = Elements.in_registers(p.shape, elements)

        def same(a: Value) -> Elements:
            return Elements(lambda inner, index: inner.value_at(a, index))

        def stepped(a: Value) -> Elements:
            t = self.time
            return Elements(lambda inner, index: inner.value_at(a, [t, *index]))

        rest = zip(self.body.params, self.op.args, strict=True)
        for number, (p, a) in enumerate(rest):
            if number >= self.shared:
                region.elements[p] = stepped(a)
            elif number >= self.carries:
                region.elements[p] = same(a)

    def _fill(self, region: Region, places: Mapping[int, Target]) -> list[list[Scalar]]:
        """The code of one step; the next carries."""
        results = self.body.results
        targets: dict[Value, Target] = {}
        again = []
        for i, (buffer, first) in places.items():
            v = results[i]
            target = buffer, first + self.time * v.type.size
            if v in targets:
                again.append((v, target))
            targets.setdefault(v, target)
        region.emit(targets)
        fresh = [row for row in targets.items() if not is_stacked(row[0])]
        for v, target in (*fresh, *again):
            region.store(v, target)
        return [region.all_of(v) for v in results[: self.carries]]

    def _close(self, at: Any, counter: Any, *carried: list[Scalar]) -> None:
        before, latch = self.before.block, at.block
        following = at.add(counter, ir.Constant(INT, 1), flags=("nuw", "nsw"))
        counter.add_incoming(ir.Constant(INT, 0), before)
        counter.add_incoming(following, latch)
        for phi, start, last in zip(*carried, strict=True):
            for p, x, y in zip(phi.parts, start.parts, last.parts, strict=True):
                p.add_incoming(x, before)
                p.add_incoming(y, latch)
        after = self.before.append_basic_block("done")
        again = at.icmp_unsigned("<", following, ir.Constant(INT, self.length))
        head = counter.parent
        at.cbranch(again, head, after)
        self.before.branch(head)
        self.before.position_at_end(after)


def _all(rows: list[list[Scalar]]) -> list[Scalar]:
    return list(itertools.chain.from_iterable(rows))


def is_stacked(v: Value) -> bool:
    """Whether a value is what an inner loop has stacked."""
    if v.prim is None or v.prim.name != "item" or v.args[0].prim.name != "scan":
        return False
    return bool(v.attr("index") >= v.args[0].attr("carries"))
