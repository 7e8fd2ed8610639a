"""Arrays joined of equal sections, and cut into them again, become their sections.

    %2: f64[28] = concatenate %x, %y axis=0       %2: f64[14] = slice %w ...
    %3: f64[28] = multiply %2, %w                 %3: f64[14] = slice %w ...
    %4: f64[14] = slice %3 <first half>     ->    %4: f64[14] = multiply %x, %2
    %5: f64[14] = slice %3 <second half>          %5: f64[14] = multiply %y, %3
    %6: f64[14] = add %4, %5                      %6: f64[14] = add %4, %5

What runs through all sections at once cannot share a kernel with what runs through one
of them, and of small arrays a kernel takes less time than handing them on to the next.
Where the whole array is needed it is stored section by section (`stack`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from tapec import primitive as lowerings
from tapec.ir import (
    ArrayType,
    Constant,
    Dim,
    Emitter,
    Function,
    Value,
    replaced,
    users,
)
from tapec.native.lowering import cost
from tapec.native.space import extents_of
from tapec.ops.const import const
from tapec.ops.index import slice_
from tapec.ops.pack import stack
from tapec.ops.shape import broadcast_to, reshape
from tapec.passes.connected import connected
from tapec.passes.cse import cse
from tapec.passes.dce import dce
from tapec.passes.fold import fold
from tapec.passes.simplify import simplify

__all__ = ["sections"]

LARGEST = 2048
"""Elements of a small array."""

MOST = 8
"""Sections."""

LANES = 8
"""Elements of a section, at least: fewer leave most of a vector empty."""

WASTE = 1.5
"""Elements of the vectors that the sections fill, for each of their own, at most."""

HEAVIEST = 4000
"""Instructions that a group may become."""


def sections(fn: Function) -> Function:
    """Replace small arrays by their sections where they are cut into these anyway."""
    counts = _chosen(fn)
    if not counts:
        return fn
    return dce(cse(fold(simplify(_Rebuilding(fn, counts).function()))))


# --- what moves whole sections ----------------------------------------------------


class Range(NamedTuple):
    """Some of an array along its first axis that is longer than 1."""

    start: int
    length: int


def _is_small(v: Value) -> bool:
    t = v.type
    if not isinstance(t, ArrayType) or any(isinstance(n, Dim) for n in t.shape):
        return False
    return 2 * LANES <= t.size <= LARGEST


def _axis(shape: tuple[int, ...]) -> int:
    """The first axis longer than 1."""
    return next(a for a, n in enumerate(shape) if n != 1)


def _range(part: Value, shape: tuple[int, ...], op: Value) -> Range | None:
    """What a slice takes, or an unslice fills, of an array of this shape."""
    axis = _axis(shape)
    start, length = op.attr("start"), part.shape[axis]
    rest = [n for a, n in enumerate(shape) if a != axis]
    if [n for a, n in enumerate(part.shape) if a != axis] != rest:
        return None
    if any(step != 1 for step in op.attr("step")):
        return None
    return Range(start[axis], length)


def _joined(op: Value) -> int:
    """The length of the sections that an op puts together; 0 if it does not."""
    if op.prim.name == "concatenate":
        axis = op.attr("axis")
        lengths = {a.shape[axis] for a in op.args}
        return lengths.pop() if axis == _axis(op.shape) and len(lengths) == 1 else 0
    if op.prim.name == "unslice":
        found = _range(op.args[0], op.shape, op)
        if found and not found.start % found.length:
            return found.length
    return 0


def _cut(op: Value) -> Range | None:
    """What of its operand an op takes, if it is a slice of a small array."""
    if op.prim.name != "slice" or not _is_small(op.args[0]):
        return None
    return _range(op, op.args[0].shape, op)


def _keeps_sections(op: Value) -> bool:
    """Whether sections of the result come from the same sections of the operands."""
    if op.prim.name == "reshape":
        return extents_of(op) == extents_of(op.args[0])
    if not isinstance(op.prim.lower, lowerings.Scalar) or cost(op) is None:
        return False
    return all(extents_of(a) in ((), extents_of(op)) for a in op.args)


# --- which groups -----------------------------------------------------------------


def _chosen(fn: Function) -> dict[Value, int]:
    """The number of sections of each op that is taken apart."""
    small = [op for op in fn.ops if _is_small(op)]
    joins = {op: length for op in small if (length := _joined(op))}
    if not joins:
        return {}
    readers = users(fn)
    kept = [op for op in small if op in joins or _keeps_sections(op)]
    found: dict[Value, int] = {}
    for group in _groups(kept, joins):
        lengths = {joins[op] for op in group if op in joins}
        if len(lengths) == 1 and _is_worth_it(group, length := lengths.pop(), readers):
            axes = [op.shape[_axis(op.shape)] for op in group]
            found |= {op: n // length for op, n in zip(group, axes, strict=True)}
    return found


def _groups(ops: Iterable[Value], joins: dict[Value, int]) -> list[list[Value]]:
    """Ops that are connected by whole arrays."""
    inside = dict.fromkeys(ops)
    pairs = (
        (a, op) for op in inside if op not in joins for a in op.args if a in inside
    )
    return connected(inside, pairs)


def _is_worth_it(
    group: list[Value], length: int, readers: dict[Value, list[Value]]
) -> bool:
    """Whether the sections are few and fill vectors, and kernels read nothing else."""
    whole = extents_of(group[0])
    count, rest = divmod(whole[0], length)
    size = length * math.prod(whole[1:])
    if rest or not 1 < count <= MOST or size < LANES:
        return False
    if -(-size // LANES) * LANES > WASTE * size:
        return False
    if count * sum(cost(op) or 1 for op in group) > HEAVIEST:
        return False
    inside, cuts = set(group), 0
    for op in group:
        for reader in readers[op]:
            cut = _cut(reader)
            if cut is not None and cut.length == length and not cut.start % length:
                cuts += 1
            elif reader not in inside and cost(reader) is not None:
                return False  # a kernel that would have to wait for the whole
    return cuts > 0


# --- the new function -------------------------------------------------------------


class _Rebuilding:
    """counts: of the sections of what is taken apart."""

    def __init__(self, fn: Function, counts: dict[Value, int]) -> None:
        self.fn, self.counts = fn, counts
        self.emit = Emitter(fn.next_uid)
        self._sections: dict[tuple[Value, int, int], Value] = {}
        self._whole: dict[Value, Value] = {p: p for p in fn.params}

    def function(self) -> Function:
        """`fn` with its groups taken apart."""
        for op in self.fn.ops:
            self._visit(op)
        results = [self.whole(r) for r in self.fn.results]
        return Function(self.fn.name, self.fn.params, self.emit.ops, results)

    def _visit(self, op: Value) -> None:
        count = self.counts.get(op)
        if count is not None:
            parts = [self._section(op, i, count) for i in range(count)]
            self._sections |= {(op, i, count): part for i, part in enumerate(parts)}
            replaced(op, parts[0], f"the first of its {count} sections")
            return
        found = _cut(op)
        count = self.counts.get(op.args[0]) if found and op.args else None
        if found and count and (part := self._part(op.args[0], found, count)):
            self._whole[op] = part
            replaced(op, part, "a section")
            return
        args = tuple([self.whole(a) for a in op.args])
        if args != op.args:
            op, old = (
                Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta),
                op,
            )
            self._whole[old] = self.emit.keep(op)
        else:
            self._whole[op] = self.emit.keep(op)

    def _part(self, v: Value, cut: Range, count: int) -> Value | None:
        """What is cut out of `v`, if it is a section."""
        length = v.shape[_axis(v.shape)] // count
        number, rest = divmod(cut.start, length)
        if rest or cut.length != length:
            return None
        return self.section(v, number, count)

    def whole(self, v: Value) -> Value:
        """The array that `v` was."""
        if v not in self._whole:
            count = self.counts[v]
            parts = [self._sections[v, i, count] for i in range(count)]
            joined = self.emit.new(stack, *parts, like=v)
            self._whole[v] = self.emit.new(reshape, joined, like=v, shape=v.shape)
        return self._whole[v]

    def section(self, v: Value, number: int, count: int) -> Value:
        """One of `count` sections of an old value."""
        key = v, number, count
        if key not in self._sections:
            axis = _axis(v.shape)
            length = v.shape[axis] // count
            start, stop = [0] * len(v.shape), list(v.shape)
            start[axis], stop[axis] = length * number, length * (number + 1)
            self._sections[key] = self.emit.new(
                slice_, self.whole(v), like=v,
                start=tuple(start), stop=tuple(stop), step=(1,) * len(start),
            )  # fmt: skip
        return self._sections[key]

    def _section(self, op: Value, number: int, count: int) -> Value:
        """What a section of the result of an op is made of."""
        axis = _axis(op.shape)
        length = op.shape[axis] // count
        shape = (*op.shape[:axis], length, *op.shape[axis + 1 :])
        if op.prim.name == "concatenate":
            return self.whole(op.args[number])
        if op.prim.name == "unslice":
            if op.attr("start")[axis] == number * length:
                return self.whole(op.args[0])
            zero = Constant(op.dtype.type(0))
            number_ = self.emit.new(const, like=op, value=zero)
            return self.emit.new(broadcast_to, number_, like=op, shape=shape)
        args = [
            self.section(a, number, count) if extents_of(a) else self.whole(a)
            for a in op.args
        ]
        attrs = dict(op.attrs)
        if op.prim.name == "reshape":
            attrs["shape"] = shape
        return self.emit.new(op.prim, *args, like=op, **attrs)
