"""The body of a tile loop: its ops, with the extent of the examples left open."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import ArrayType, Attrs, Constant, Emitter, Function, Value, placed
from tapec.native.levels import folded_transpose
from tapec.ops.const import const
from tapec.ops.matmul import matmul
from tapec.ops.select import where
from tapec.ops.shape import transpose
from tapec.ops.tiled import ROWS, tile
from tapec.passes.tile_masks import Mask, Masks
from tapec.passes.tile_plan import Loop
from tapec.primitive import PRIMITIVES

__all__ = ["Body"]

COMBINE = {
    "add": "add",
    "mul": "multiply",
    "max": "maximum",
    "min": "minimum",
    "and": "logical_and",
    "or": "logical_or",
}


class Body:
    """A loop as an op. operands: what the body reads; results: what is read of it.

    outside: whether a value is read by other ops, or returned.
    """

    def __init__(self, loop: Loop, outside: set[Value], masks: Masks, uid: int) -> None:
        self.loop, self.masks, self.uid = loop, masks, uid
        self.first = uid
        self.new: dict[Value, Value] = {}
        self.ops: list[Value] = []
        sums = [op for op in loop.members if op in loop.sums]
        joined = [op for op in loop.members if op in outside and op not in loop.sums]
        self.results = [*sums, *joined]
        starts = {op: self._param(op.type) for op in sums}
        self.operands: dict[tuple[Value, int | None], Value] = {}
        for op in loop.members:
            known = op.prim is matmul and op not in loop.sums
            operand = self._factor if known else self._operand
            args = tuple([operand(op, i) for i in range(len(op.args))])
            self.new[op] = self._tiled(op, args)
            if op.prim is matmul and op in loop.sums:
                self.new[op] = self._masked(self.new[op], masks.demanded(op))
        following = [self._combined(op, starts[op]) for op in sums]
        self.function = Function(
            "tile",
            [*starts.values(), *self.operands.values()],
            self.ops,
            [*following, *[self.new[op] for op in joined]],
        )

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes of the op."""
        loop, count = self.loop, len(self.loop.sums)
        return {
            "body": self.function,
            "reduce": tuple(loop.sums[op] for op in self.results[:count]),
            "axes": tuple(axis for _, axis in self.operands),
            "joined": tuple(loop.axes[op] for op in self.results[count:]),
            "length": loop.length,
            "size": loop.size,
        }

    def emit(self, emit: Emitter, new: dict[Value, Value]) -> None:
        """Append the op and its items; they take the place of the members."""
        args = [new.get(a, a) for a, _ in self.operands]
        op = emit.new(tile, *args, like=self.results[-1], **self.attrs)
        unknown = Value(None, (), (), op.type, -1)
        placed(op, [o if o.uid < self.first else unknown for o in self.ops])
        for index, result in enumerate(self.results):
            new[result] = emit.new(PRIMITIVES["item"], op, like=result, index=index)

    # --- the body

    def _param(self, type_: ArrayType) -> Value:
        self.uid += 1
        return Value(None, (), (), type_, self.uid - 1)

    def _operand(self, op: Value, number: int) -> Value:
        """A member, the same number again, or a parameter."""
        a = op.args[number]
        if a in self.new:
            return self.new[a]
        if a.prim is not None and a.prim.name == "const" and a.type.size == 1:
            self.ops.append(a)
            self.new[a] = a
            return a
        return self._read(a, self.loop.parts.get((op, number)))

    def _read(self, a: Value, axis: int | None) -> Value:
        """The parameter for a value that is computed before."""
        found = self.operands.get((a, axis))
        if found is None:
            found = self.operands[a, axis] = self._param(_tile_of(a.type, axis))
        return found

    def _factor(self, op: Value, number: int) -> Value:
        """A factor with its zeros. Matrices of a batch that are turned are so here: the
        product that reads them has the examples last, and can itself."""
        a = op.args[number]
        shared = a not in self.new and (op, number) not in self.loop.parts
        if len(op.shape) > 2 and shared and folded_transpose(a):
            stored = self._with_zeros(a.args[0], self._read(a.args[0], None))
            return self._added(transpose, (stored,), a.type, a.attrs)
        return self._with_zeros(a, self._operand(op, number))

    def _tiled(self, op: Value, args: tuple[Value, ...]) -> Value:
        type_ = _tile_of(op.type, self.loop.axes.get(op))
        attrs = tuple((name, self._attr(op, name, v)) for name, v in op.attrs)
        made = Value(op.prim, args, attrs, type_, op.uid, op.name, op.meta)
        self.ops.append(made)
        return made

    def _with_zeros(self, a: Value, param: Value) -> Value:
        """A shared matrix that is known to have zeros."""
        if param.prim is not None or ROWS in param.shape:
            return param
        return self._masked(param, self.masks.nonzero(a))

    def _masked(self, v: Value, mask: Mask) -> Value:
        """`v` where it matters, else zero: what a product looks for."""
        if mask is None:
            return v
        condition, zero = self._const(mask), self._const(np.zeros((), v.dtype))
        return self._added(where, (condition, v, zero), v.type)

    def _const(self, array: Any) -> Value:
        attrs = (("value", Constant(array)),)
        return self._added(const, (), ArrayType(array.dtype, array.shape), attrs)

    def _added(
        self, prim: Any, args: tuple[Value, ...], type_: ArrayType, attrs: Attrs = ()
    ) -> Value:
        """An op that the program did not have."""
        self.uid += 1
        self.ops.append(Value(prim, args, attrs, type_, self.uid - 1))
        return self.ops[-1]

    def _attr(self, op: Value, name: str, value: Any) -> Any:
        """Attributes that have the extent of the examples in them."""
        axis = self.loop.axes.get(op)
        if axis is None or (op.prim.name, name) not in EXTENTS:
            return value
        return tuple(ROWS if a == axis else d for a, d in enumerate(value))

    def _combined(self, op: Value, start: Value) -> Value:
        prim = PRIMITIVES[COMBINE[self.loop.sums[op]]]
        return self._added(prim, (start, self.new[op]), op.type)


def _tile_of(t: ArrayType, axis: int | None) -> ArrayType:
    return ArrayType(t.dtype, (ROWS if a == axis else d for a, d in enumerate(t.shape)))


EXTENTS = {("reshape", "shape"), ("broadcast_to", "shape"), ("slice", "stop")}
