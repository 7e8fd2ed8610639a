"""The examples of a tile side by side: their axis is the last one of every value.

    %7: f64[25,rows,10] = matmul %x, %w         %9: f64[25,10,rows] = matmul %8, %x
    %9: f64[25,rows] = sum %7 axis=(2,)    ->   %10: f64[25,rows] = sum %9 axis=(1,)

So the lanes of vector code are examples, whatever the other extents are. Operands are
turned as they are read, which pays when a product uses each element often; those that
are multiplied with a few columns only stay rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tapec import primitive as lowerings
from tapec.ir import ArrayType, Emitter, Function, Value, users
from tapec.native import platform
from tapec.native.lowering import cost
from tapec.ops.fused import fused
from tapec.ops.matmul import matmul
from tapec.ops.shape import broadcast_to, reshape, transpose
from tapec.ops.tiled import ROWS

__all__ = ["lanes_last"]

FEW = 32
"""Columns that an element is multiplied with, below which it is not worth turning."""


def lanes_last(fn: Function) -> Function:
    """`fn` with the axis ROWS last; as it is if an op does not allow that."""
    if all(_axis(v) in (None, len(v.shape) - 1) for v in (*fn.params, *fn.ops)):
        return fn
    try:
        return _Turned(fn).function
    except _Fixed:
        return fn


class _Fixed(Exception):
    """An op that cannot have its examples last."""


def _axis(v: Value) -> int | None:
    """Which axis of a value are the examples."""
    return next((a for a, d in enumerate(v.shape) if d is ROWS), None)


def _others(v: Value) -> list[int]:
    return [a for a, d in enumerate(v.shape) if d is not ROWS]


class _Turned:
    """new: what stands for each value; rows: params that stay as they are."""

    def __init__(self, fn: Function) -> None:
        self.emit = Emitter(fn.next_uid)
        self.new: dict[Value, Value] = {}
        self.rows = _kept_as_rows(fn)
        for op in fn.ops:
            self.new[op] = self._turned(op)
        results = [self._back(r) for r in fn.results]
        self.function = Function(fn.name, fn.params, self.emit.ops, results)

    def _turned(self, op: Value) -> Value:
        if all(_axis(v) is None for v in (op, *op.args)):
            args = tuple([self.new.get(a, a) for a in op.args])
            return self.emit.make(op.prim, args, op.attrs, op.type, op)
        if op in self.rows:  # a transpose that products read
            return self.emit.keep(op)
        if isinstance(op.prim.lower, lowerings.Scalar):
            return self._elementwise(op)
        if isinstance(op.prim.lower, lowerings.Reduce):
            return self._reduction(op)
        rule = _RULES.get(op.prim.name)
        if rule is None:
            raise _Fixed(op.prim.name)
        return rule(self, op)

    # --- operands and results

    def of(self, v: Value) -> Value:
        """A value with the examples last."""
        found = self.new.get(v)
        if found is None:
            found = v
            axis = _axis(v)
            if axis is not None and axis != len(v.shape) - 1:
                found = self._read_turned(v, (*_others(v), axis))
            self.new[v] = found
        return found

    def _read_turned(self, v: Value, perm: tuple[int, ...]) -> Value:
        """An operand's tile, turned once by a kernel of its own, not by each reader."""
        found = self._transposed(v, perm)
        if found.prim is not transpose:
            return found
        self.emit.ops.pop()
        param = Value(None, (), (), v.type, 0)
        body = Emitter(1)
        turned = body.new(transpose, param, like=v, perm=perm)
        kernel = Function("turned", [param], body.ops, [turned])
        return self.emit.new(fused, v, like=v, body=kernel)

    def _transposed(self, v: Value, perm: tuple[int, ...]) -> Value:
        if perm == tuple(range(len(perm))):
            return v
        shape = tuple(v.shape[p] for p in perm)
        moved = [p for p in perm if v.shape[p] != 1]
        if moved == sorted(moved):  # only axes of extent 1 change places
            return self.emit.new(reshape, v, like=v, shape=shape)
        return self.emit.new(transpose, v, like=v, perm=perm)

    def _back(self, v: Value) -> Value:
        """A result, as it was."""
        found, axis = self.new.get(v, v), _axis(v)
        if v.prim is None or axis is None:
            return v if v.prim is None else found
        n = len(v.shape) - 1
        order = [*range(axis), n, *range(axis, n)]
        return self._transposed(found, tuple(order))

    def _fitted(self, a: Value, op: Value) -> Value:
        """An operand that broadcasts with the result of `op`."""
        axis, shape = _axis(op), a.shape
        assert axis is not None
        if _axis(a) is not None:
            return self.of(a)
        new = self.new.get(a, a)
        after = len(op.shape) - 1 - axis
        if not shape or (all(n == 1 for n in shape) and len(shape) <= after + 1):
            return new
        others = [*shape[: max(len(shape) - after - 1, 0)], *shape[-after:][:after]]
        if not after:
            others = [*shape[:-1]]
        if math.prod(others) != a.type.size:
            raise _Fixed(op.prim.name)
        wide = (*others, 1)
        return new if wide == shape else self.emit.new(reshape, new, like=a, shape=wide)

    def _type(self, op: Value) -> ArrayType:
        shape = [op.shape[a] for a in _others(op)]
        return ArrayType(op.dtype, (*shape, *[ROWS] * (len(shape) < len(op.shape))))

    # --- ops

    def _elementwise(self, op: Value) -> Value:
        args = tuple([self._fitted(a, op) for a in op.args])
        return self.emit.make(op.prim, args, op.attrs, self._type(op), op)

    def _broadcast(self, op: Value) -> Value:
        arg, type_ = self._fitted(op.args[0], op), self._type(op)
        return self.emit.new(broadcast_to, arg, like=op, shape=type_.shape)

    def _reduction(self, op: Value) -> Value:
        (x,) = op.args
        place = {a: i for i, a in enumerate([*_others(x), _axis(x)])}
        axis = tuple(sorted(place[a] for a in op.attr("axis")))
        return self.emit.new(op.prim, self.of(x), like=op, axis=axis)

    def _reshape(self, op: Value) -> Value:
        (x,) = op.args
        before, after = _axis(x), _axis(op)
        if before is None or after is None:
            raise _Fixed("reshape")
        if math.prod(x.shape[:before]) != math.prod(op.shape[:after]):
            raise _Fixed("reshape")
        shape = self._type(op).shape
        return self.emit.new(reshape, self.of(x), like=op, shape=shape)

    def _transpose(self, op: Value) -> Value:
        (x,) = op.args
        perm, before = op.attr("perm"), _others(x)
        order = [before.index(p) for p in perm if p in before]
        return self._transposed(self.of(x), (*order, len(before)))

    def _slice(self, op: Value) -> Value:
        axis, order = _axis(op), _others(op)
        if axis is None:
            raise _Fixed("slice")
        attrs = {
            name: tuple(op.attr(name)[a] for a in (*order, axis))
            for name in ("start", "stop", "step")
        }
        return self.emit.new(op.prim, self.of(op.args[0]), like=op, **attrs)

    def _product(self, op: Value) -> Value:
        a, b = op.args
        axis, n = _axis(op), len(op.shape)
        if a in self.rows or b in self.rows:
            return self._product_of_rows(op)
        if axis is None:
            rows = self._as_rows(b)
            if rows is None:
                rows = self._flipped(self.of(b))
            return self._multiplied(op, self.of(a), rows)
        if axis == n - 2 and _axis(b) is None:
            left = self._flipped(self.new.get(b, b))
            return self._multiplied(op, left, self.of(a))
        if axis == n - 1 and _axis(a) is None:
            return self._multiplied(op, self.new.get(a, a), self.of(b))
        raise _Fixed("matmul")

    def _as_rows(self, b: Value) -> Value | None:
        """A factor computed again as it was, where that is little work and its rows
        fill vectors: numbers times rows need no sum over lanes at the end."""
        n = b.shape[-1]
        lanes = platform.vector_width() // 8 // b.dtype.itemsize
        if n is ROWS or 10 * n < 8 * -(-n // lanes) * lanes or n < 2 * lanes:
            return None
        if b.prim is None:
            return b
        if not isinstance(b.prim.lower, lowerings.Scalar) or (cost(b) or 9) > 4:
            return None
        if any(_axis(a) is not None and a.prim is not None for a in b.args):
            return None
        args = tuple([a if a.prim is None else self.new.get(a, a) for a in b.args])
        return self.emit.make(b.prim, args, b.attrs, b.type, b)

    def _product_of_rows(self, op: Value) -> Value:
        """With an operand that stays as it is; the other and the result are small."""
        args = [a if a in self.rows else self._plain(a) for a in op.args]
        found = self.emit.new(matmul, *args, like=op)
        axis = _axis(op)
        if axis is None or axis == len(op.shape) - 1:
            return found
        return self._transposed(found, (*_others(op), axis))

    def _plain(self, v: Value) -> Value:
        return v if v.prim is None else self._back(v)

    def _flipped(self, v: Value) -> Value:
        n = len(v.shape)
        perm = (*range(n - 2), n - 1, n - 2)
        if v.prim is transpose and v.attr("perm") == perm:
            return v.args[0]
        return self.emit.new(transpose, v, like=v, perm=perm)

    def _multiplied(self, op: Value, a: Value, b: Value) -> Value:
        return self.emit.new(matmul, a, b, like=op)


_RULES: dict[str, Callable[[_Turned, Value], Value]] = {
    "broadcast_to": _Turned._broadcast,
    "matmul": _Turned._product,
    "reshape": _Turned._reshape,
    "slice": _Turned._slice,
    "transpose": _Turned._transpose,
}


def _kept_as_rows(fn: Function) -> set[Value]:
    """Operands that only few columns are multiplied with, and their transposes."""
    readers = users(fn)
    found: set[Value] = set()
    for p in fn.params:
        if _axis(p) is None or len(p.shape) != 2 or p in fn.results:
            continue
        turned = [u for u in readers[p] if u.prim is transpose]
        products = [u for u in readers[p] if u.prim is not transpose]
        products += [u for t in turned for u in readers[t]]
        sides = {p, *turned}
        if all(u.prim is matmul and len(u.shape) == 2 for u in products):
            columns = sum(_columns(u, sides) for u in products)
            if columns <= FEW and not sides & set(fn.results):
                found |= sides
    return found


def _columns(op: Value, sides: set[Value]) -> int:
    """How many columns or rows multiply each element of one of `sides`."""
    a, b = op.args
    if a in sides and b in sides:
        return FEW + 1
    n = op.shape[-1] if a in sides else op.shape[-2]
    return FEW + 1 if n is ROWS else int(n)
