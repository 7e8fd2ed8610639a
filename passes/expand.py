"""Ops without a native form of their own, written with ops that have one.

    %1: i64[4] = argmax %x axis=(1,)       %2: f64[4] = max %x axis=(1,)
                                           %3: f64[4,1] = reshape %2 shape=(4, 1)
                                           %4: bool[4,9] = equal %x, %3
                                           %5: bool[4,9] = not_equal %x, %x
                                     ->    %6: bool[4,9] = logical_or %4, %5
                                           %7: i64[9] = iota length=9
                                           %8: i64[] = const value=8
                                           %9: i64[4,9] = where %6, %7, %8
                                           %10: i64[4] = min %9 axis=(1,)

A position is the first one where the extremum is, or NaN, which is then the extremum.
Products of integers are multiplied and summed, those of f16 computed in f32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapec.ir import Constant, Dim, Emitter, Function, Value, rewrite
from tapec.ops.arithmetic import multiply
from tapec.ops.cast import cast
from tapec.ops.const import const
from tapec.ops.logic import equal, logical_or, not_equal
from tapec.ops.matmul import matmul
from tapec.ops.positions import iota
from tapec.ops.reduce import max_, min_, sum_
from tapec.ops.select import where
from tapec.ops.shape import reshape

__all__ = ["expand"]

HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)
LARGEST = 1 << 22
"""Products of one matrix product: an interpreter would hold all of them."""


def expand(fn: Function) -> Function:
    """Replace the ops that have an expansion."""
    if not any(op.prim.name in _EXPANSIONS for op in fn.ops):
        return fn
    return rewrite(fn, _expanded)


def _expanded(op: Value, emit: Emitter) -> Value:
    expansion = _EXPANSIONS.get(op.prim.name)
    if expansion is None or any(isinstance(n, Dim) for a in op.args for n in a.shape):
        return emit.keep(op)
    found = expansion(op, emit)
    if found is None:
        return emit.keep(op)
    emit.reason = f"{op.prim.name} by ops that have a native form"
    return found


def _position(op: Value, emit: Emitter) -> Value | None:
    """argmax and argmin."""
    (x,), axis = op.args, op.attr("axis")
    if x.dtype.kind == "c":
        return None  # ordered by real part, then imaginary part
    extremum = {"argmax": max_, "argmin": min_}[op.prim.name]
    ones = tuple([1 if a in axis else n for a, n in enumerate(x.shape)])
    best = emit.new(extremum, x, like=op, axis=axis)
    best = emit.new(reshape, best, like=op, shape=ones)
    here = emit.new(equal, x, best, like=op)
    if x.dtype.kind == "f":
        missing = emit.new(not_equal, x, x, like=op)
        here = emit.new(logical_or, here, missing, like=op)
    n = x.shape[axis[0]]
    column = tuple([n if a in axis else 1 for a in range(len(x.shape))])
    places = emit.new(iota, like=op, length=n)
    if column != places.shape:
        places = emit.new(reshape, places, like=op, shape=column)
    last = emit.new(const, like=op, value=Constant(np.array(n - 1)))
    chosen = emit.new(where, here, places, last, like=op)
    return emit.new(min_, chosen, like=op, axis=axis)


def _product(op: Value, emit: Emitter) -> Value | None:
    """Matrix products that BLAS does not have."""
    if op.dtype == HALF:
        wide = [emit.new(cast, a, like=op, dtype=FLOAT) for a in op.args]
        product = emit.new(matmul, *wide, like=op)
        return emit.new(cast, product, like=op, dtype=HALF)
    a, b = op.args
    if op.dtype.kind not in "biu" or op.type.size * a.shape[-1] > LARGEST:
        return None
    left = emit.new(reshape, a, like=op, shape=(*a.shape, 1))
    shape = (*b.shape[:-2], 1, *b.shape[-2:])
    right = emit.new(reshape, b, like=op, shape=shape)
    products = emit.new(multiply, left, right, like=op)
    return emit.new(sum_, products, like=op, axis=(len(op.shape) - 1,))


_EXPANSIONS: dict[str, Callable[[Value, Emitter], Value | None]] = {
    "argmax": _position,
    "argmin": _position,
    "matmul": _product,
}
