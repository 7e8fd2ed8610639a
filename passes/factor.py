"""Less work in products: sums of them, and products that are transposed.

    %2: f64[1000,9] = matmul %a, %w             %5: f64[9] = sum %a axis=(0,)
    %3: f64[1000,9] = negative %2               %6: f64[1,9] = reshape %5 shape=(1, 9)
    %4: f64[9] = sum %3 axis=(0,)        ->     %7: f64[1,9] = matmul %6, %w
                                                %8: f64[9] = reshape %7 shape=(9,)
                                                %4: f64[9] = negative %8

A factor that all terms of a sum share is multiplied once. The gradient of a mean over
examples has such sums of products, with the rows of the examples in one factor only: a
product per example becomes one. Rounding aside this is an identity for finite numbers;
infinities in the shared factor stay infinite, or become NaN, but which of both may
differ. A product of transposes that is transposed itself is the product of what they
are made from, the other way round.
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, rewrite, users
from tapec.native.levels import folded_transpose
from tapec.ops.arithmetic import negative
from tapec.ops.matmul import matmul
from tapec.ops.reduce import sum_
from tapec.ops.shape import reshape, transpose

__all__ = ["factor"]


def factor(fn: Function) -> Function:
    """Move sums and transposes of products to the factors."""
    if not any(op.prim is matmul for op in fn.ops):
        return fn
    readers = users(fn)
    results = set(fn.results)
    alone = {op.uid for op in fn.ops if len(readers[op]) == 1 and op not in results}

    def rule(op: Value, emit: Emitter) -> Value:
        if op.prim is transpose and (found := _turned(op, alone)) is not None:
            emit.reason = "(x.T @ y).T = y.T @ x"
            return emit.new(matmul, *[_flipped(a, emit) for a in found], like=op)
        product = _product(op, alone)
        return emit.keep(op) if product is None else _factored(op, product, emit)

    return rewrite(fn, rule)


def _product(op: Value, alone: set[int]) -> Value | None:
    """The product whose rows or columns, maybe negated, `op` adds up."""
    if op.prim is not sum_ or op.dtype.char not in "fd":  # halves overflow soon
        return None
    (x,) = op.args
    if x.prim is negative and x.uid in alone:
        (x,) = x.args
    if x.prim is not matmul or x.uid not in alone:
        return None
    n = len(x.shape)
    axis = op.attr("axis")
    within = tuple(a for a in axis if a >= n - 2)
    return x if len(axis) == len(within) == 1 and x.shape[axis[0]] > 1 else None


def _factored(op: Value, product: Value, emit: Emitter) -> Value:
    """The same with one row or column."""
    (axis,) = op.attr("axis")
    n = len(product.shape)
    side = axis - (n - 2)
    args = list(product.args)
    a = args[side]
    along = len(a.shape) - n + axis
    total = emit.new(sum_, a, like=op, axis=(along,))
    ones = (*a.shape[:along], 1, *a.shape[along + 1 :])
    args[side] = emit.new(reshape, total, like=op, shape=ones)
    found = emit.new(matmul, *args, like=product)
    found = emit.new(reshape, found, like=op, shape=op.shape)
    if op.args[0].prim is negative:
        found = emit.new(negative, found, like=op)
    emit.reason = "the sum of products with one matrix is the product of the sum"
    return found


def _turned(op: Value, alone: set[int]) -> tuple[Value, Value] | None:
    """The factors of what `op` transposes, exchanged, if one is a transpose too."""
    (x,) = op.args
    if x.prim is not matmul or x.uid not in alone or not folded_transpose(op):
        return None
    a, b = x.args
    return (b, a) if folded_transpose(a) or folded_transpose(b) else None


def _flipped(a: Value, emit: Emitter) -> Value:
    if folded_transpose(a):
        return a.args[0]
    n = len(a.shape)
    return emit.new(transpose, a, like=a, perm=(*range(n - 2), n - 1, n - 2))
