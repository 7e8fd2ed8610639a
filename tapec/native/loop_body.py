"""The body of a loop as straight-line scalar code, and the loop around it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import ArrayType, Dim, Extent, Function, Value, never_negative
from tapec.native import accumulate, memory
from tapec.native.access import Access
from tapec.native.heap import Scratch
from tapec.native.layout import NoNative
from tapec.native.lowering import cost
from tapec.native.places import Place, Test, place
from tapec.native.scalars import Builder, Scalar
from tapec.native.space import aligned, is_serial, squeezed
from tapec.ops.reduce import identity

__all__ = ["TINY", "Elements", "Index", "Region", "Target", "at_most", "is_stacked"]

INT = ir.IntType(64)
POSITION = np.dtype(np.int64)
TINY = 16
"""Elements of an array that lives in registers."""

MOST = 2000
"""Instructions that the bodies of a loop may have; more are better off as kernels."""

Index = Sequence[Place]
Target = tuple[Any, Place]
"""A buffer, and the number of the first element there."""


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
            if not all(
                never_negative(i.low) and never_negative(n - 1 - i.high)
                for i, n in pairs
            ):
                raise NoNative("an index that may lie outside")
            late = Builder([b.scopes[depth]] * depth + [*b.scopes[depth:]], b.lines)
            late.axes, late.extents = b.axes, b.extents
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


def at_most(n: Extent, bound: int) -> bool:
    """Whether an extent is known, and small."""
    return not isinstance(n, Dim) and n <= bound


def indices(shape: tuple[int, ...]) -> list[list[Place]]:
    """All indices of a shape, in row-major order."""
    return [[place(i) for i in index] for index in np.ndindex(*shape)]


class Region:
    """The code of one body, in the loop at one depth.

    floor: the least depth of what is computed from values of the surroundings; in a
    branch its own, so that nothing of it runs when another branch is taken. numbers:
    lines of the debug information, if there is any.
    """

    def __init__(
        self,
        b: Builder,
        body: Function,
        outer: Region | None = None,
        floor: int = 0,
        numbers: Mapping[Value, int] | None = None,
    ) -> None:
        self.b = b
        self.numbers: Mapping[Value, int] = outer.numbers if outer else numbers or {}
        self.body = body
        self.outer = outer
        self.floor = floor
        self.own = {*body.params, *body.ops}
        self.elements: dict[Value, Elements] = {}
        self.memo: dict[Any, Scalar] = {}
        self.budget: list[int] = [MOST] if outer is None else outer.budget
        self.scratch: Scratch = Scratch() if outer is None else outer.scratch

    # --- values

    def value_at(self, value: Value, index: Index) -> Scalar:
        """The element of a value at an index."""
        key = value, tuple([i.key for i in index])
        found = self.memo.get(key)
        if found is None:
            if value not in self.own and not any(i.terms for i in index):
                assert self.outer is not None
                found = self.outer.value_at(value, index)
                found = Scalar(
                    self.b, found.dtype, found.parts, max(found.depth, self.floor)
                )
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
            self._mark(value)
            return self._product(value, index)
        if isinstance(lower, lowerings.Pack):
            return self._packed(value, index)
        price = cost(value)
        if price is None or is_serial(value):
            raise NoNative(value.prim.name)
        self._spend(price)
        if isinstance(lower, lowerings.Reduce):
            self._mark(value)
            return self._reduced(value, index)
        if isinstance(lower, lowerings.Index):
            access = Access(self.b, value, self.value_at)
            return self._typed(lower.emit(access, value, list(index)), value.dtype)
        operands = [self.value_at(a, aligned(a.shape, tuple(index), place(0)))
                    for a in value.args]  # fmt: skip
        self._mark(value)
        element = lower.emit(self.b, *operands, **dict(value.attrs))
        return self._typed(element, value.dtype)

    def _mark(self, value: Value) -> None:
        line = self.numbers.get(value)
        if line is not None:
            self.b.mark(line)

    def _spend(self, price: int) -> None:
        self.budget[0] -= price
        if self.budget[0] < 0:
            raise NoNative("a body too large for registers")

    def _constant(self, value: Value, index: Index) -> Scalar:
        if any(i.terms for i in index):
            raise NoNative("an index into a constant")
        array = value.attr("value").array
        return self.b.const(array[tuple([i.constant for i in index])], value.dtype)

    def _packed(self, value: Value, index: Index) -> Scalar:
        outer = value.args[0].type.ndim
        if value.prim.lower.leading:
            which, inside = index[0], index[1:]
        else:
            which = memory.flat(value.shape[outer:], index[outer:])
            inside = index[:outer]
        if which.terms:
            raise NoNative("an index into packed numbers")
        return self.value_at(value.args[which.constant], inside)

    def _view(self, value: Value, index: Index) -> Scalar:
        a = value.args[0]
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
        if not at_most(math.prod(a.shape[axis] for axis in axes), TINY):
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
            return self.b.const(identity(monoid, value.dtype), value.dtype)
        return total

    def _product(self, value: Value, index: Index) -> Scalar:
        x, y = value.args
        inside = x.shape[-1]
        if value.prim.name != "matmul" or not (at_most(inside, TINY) and inside):
            raise NoNative(value.prim.name)
        self._spend(2 * x.shape[-1])
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

    # --- loops and branches

    def emit(self, targets: Mapping[Value, Target]) -> None:
        """Every op in order; results that inner loops stack go to their targets."""
        from tapec.native.loop_record import BLOCKS

        for op in self.body.ops:
            if op.prim.name in BLOCKS:
                self._control(op, BLOCKS[op.prim.name](self, op), targets)
            elif op.prim.effect:
                raise NoNative(op.prim.name)
            elif isinstance(op.type, ArrayType) and at_most(op.type.size, TINY):
                self.all_of(op)

    def _control(self, op: Value, block: Any, targets: Mapping[Value, Target]) -> None:
        items: dict[int, list[Value]] = {i: [] for i in range(len(op.type.items))}
        for v in self.body.ops:
            if v.prim.name == "item" and v.args[0] is op:
                items[v.attr("index")].append(v)
        places = {}
        for i in block.stacked:
            given = [targets[v] for v in items[i] if v in targets]
            places[i] = given[0] if given else self._memory(op.type.items[i])
        results = block.emit(places)
        for i, values in items.items():
            for v in values:
                if i in places:
                    depth = len(self.b.scopes) - 1
                    self.elements[v] = Elements.written(places[i], v.type, depth)
                else:
                    self.elements[v] = Elements.in_registers(v.shape, results[i])

    def _memory(self, type_: ArrayType) -> Target:
        return self.scratch.take(self.b, type_), place(0)

    def store(self, value: Value, target: Target) -> None:
        """Write all elements of a value."""
        if not at_most(value.type.size, TINY):
            raise NoNative("an output too large for registers")
        buffer, first = target
        for number, x in enumerate(self.all_of(value)):
            memory.store(self.b, self.b.scopes[-1], buffer, first + number, x)


def is_stacked(v: Value) -> bool:
    """Whether a value is what an inner loop has stacked."""
    if v.prim is None or v.prim.name != "item" or v.args[0].prim.name != "scan":
        return False
    return bool(v.attr("index") >= v.args[0].attr("carries"))
