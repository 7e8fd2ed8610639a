"""The function with elements in the place of small arrays."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from tapec.ir import Constant, Emitter, Function, Value, replaced
from tapec.ops.cast import cast
from tapec.ops.const import const
from tapec.ops.index import slice_
from tapec.ops.pack import pack
from tapec.ops.shape import broadcast_to, reshape
from tapec.passes.scalars.elements import (
    Along,
    Applied,
    Chain,
    Moved,
    Number,
    Plan,
    Split,
    split,
)
from tapec.primitive import PRIMITIVES

__all__ = ["rebuilt"]


def rebuilt(fn: Function, plans: dict[Value, Plan]) -> Function:
    """`fn` with the ops that have plans taken apart."""
    work = _Rebuilding(fn, plans)
    for op in fn.ops:
        work.visit(op)
    results = [work.whole(r) for r in fn.results]
    return Function(fn.name, fn.params, work.emit.ops, results)


class _Rebuilding:
    """elements: of values with plans, and of others as far as they were asked for.

    An element is a number, or a vector along the long axis if it depends on that.
    """

    def __init__(self, fn: Function, plans: dict[Value, Plan]) -> None:
        self.emit = Emitter(fn.next_uid)
        self.plans = plans
        self._elements: dict[tuple[Value, int], Value] = {}
        self._whole: dict[Value, Value] = {p: p for p in fn.params}

    def visit(self, op: Value) -> None:
        """The new ops for an old one, whose operands were visited."""
        if op in self.plans:
            for number, entry in enumerate(self.plans[op]):
                self._elements[op, number] = self._entry(op, entry)
            first, count = self._elements[op, 0], len(self.plans[op])
            replaced(op, first, f"the first of its {count} elements")
            return
        args = tuple([self.whole(a) for a in op.args])
        if args != op.args:
            meta = op.meta
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, meta)
        else:
            moved = op
        self._whole[op] = self.emit.keep(moved)

    def whole(self, v: Value) -> Value:
        """The array that `v` was."""
        if v not in self._whole:
            s = split(v.type)
            assert s is not None
            parts = [self._elements[v, i] for i in range(s.size)]
            self._whole[v] = self._packed(v, s, parts)
        return self._whole[v]

    def _packed(self, v: Value, s: Split, parts: list[Value]) -> Value:
        if s.rows is None and all(p.prim is const for p in parts):
            numbers = [p.attr("value").array[()] for p in parts]
            array = np.array(numbers, v.dtype).reshape(v.shape)
            return self.emit.new(const, like=v, value=Constant(array))
        parts = [self._vector(p, s.rows, v) for p in parts]
        if not s.shape:
            return parts[0]
        if len(parts) == 1:
            return self.emit.new(reshape, parts[0], like=v, shape=v.shape)
        return self.emit.new(pack, *parts, like=v, shape=s.shape)

    def _vector(self, x: Value, rows: int | None, like: Value) -> Value:
        """`x` along the long axis, if there is one."""
        if rows is None or x.shape:
            return x
        return self.emit.new(broadcast_to, x, like=like, shape=(rows,))

    # --- elements

    def element(self, v: Value, number: int) -> Value:
        """One element of an old value."""
        key = v, number
        if key not in self._elements:
            self._elements[key] = self._read(self.whole(v), number)
        return self._elements[key]

    def _read(self, v: Value, number: int) -> Value:
        s = split(v.type)
        assert s is not None
        outer = () if s.rows is None else (s.rows,)
        if v.shape == outer:
            return v
        if s.size > 1:
            index = np.unravel_index(number, s.shape)
            start = (*[0 for _ in outer], *map(int, index))
            stop = (*outer, *[int(i) + 1 for i in index])
            step = (1,) * len(stop)
            v = self.emit.new(slice_, v, like=v, start=start, stop=stop, step=step)
        return self.emit.new(reshape, v, like=v, shape=outer)

    def _entry(self, op: Value, entry: Any) -> Value:
        match entry:
            case Moved(operand, number):
                return self.element(op.args[operand], number)
            case Number(value):
                array = np.asarray(value).astype(op.dtype)
                return self.emit.new(const, like=op, value=Constant(array))
            case Applied(name, entries):
                args = [self._entry(op, e) for e in entries]
                attrs = dict(op.attrs) if name == op.prim.name else {}
                return self.emit.new(PRIMITIVES[name], *args, like=op, **attrs)
            case Chain(name, entries):
                prim = PRIMITIVES[name]
                parts = [self._cast(op, self._entry(op, e)) for e in entries]
                return reduce(lambda x, y: self.emit.new(prim, x, y, like=op), parts)
            case Along(inner):
                (a,) = op.args
                vector = self._vector(self._entry(op, inner), a.shape[0], op)
                return self.emit.new(op.prim, vector, like=op, axis=(0,))
        raise AssertionError(entry)

    def _cast(self, op: Value, x: Value) -> Value:
        if x.dtype == op.dtype:
            return x
        return self.emit.new(cast, x, like=op, dtype=op.dtype)
