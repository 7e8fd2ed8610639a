"""Products of vectors and matrices, all by `matmul` or multiplication and sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.shapes import moveaxis, ravel, reshape, transpose
from tapec.numpy.support import (
    as_array,
    axis_of,
    common_cast,
    here,
    integers,
    only_default,
)
from tapec.ops import matmul as ops
from tapec.ops.shape import reshape as reshape_op
from tapec.tensor import implements

__all__ = ["cross", "dot", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


def _no_fit(op: str, a: Any, b: Any) -> Exception:
    text = f"{op}: shapes do not fit: {a.type!r} with {b.type!r}"
    return here(ShapeError(text))


@implements(np.matmul)
def matmul(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> Any:
    if out is not None or options:
        only_default("matmul", out=(out, None))
        only_default("matmul", **{k: (v, None) for k, v in options.items()})
    a, b = common_cast(x1, x2)
    left, right = a.shape, b.shape
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        raise _no_fit("matmul", a, b)
    if len(left) == len(right) == 1:
        return _vector_dot(a, b)
    if len(left) == len(right) == 2:
        return ops.matmul(a, b)
    if len(right) <= 2:  # one matrix for all: the axes before become rows
        rows = a
        if len(left) != 2:
            rows = reshape_op(a, shape=(math.prod(left[:-1]), left[-1]))
        columns = b if len(right) == 2 else reshape_op(b, shape=(right[0], 1))
        product = ops.matmul(rows, columns)
        return reshape_op(product, shape=(*left[:-1], *right[1:]))
    if len(left) == 1:
        product = ops.matmul(reshape_op(a, shape=(1, left[0])), b)
        return reshape_op(product, shape=(*right[:-2], right[-1]))
    return ops.matmul(a, b)


def _vector_dot(a: Any, b: Any) -> Any:
    if a.dtype == np.bool_:
        return np.any(a & b)
    return np.sum(a * b, dtype=a.dtype)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    only_default("dot", out=(out, None))
    a, b = common_cast(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        if a.shape[-1] != b.shape[0]:
            raise _no_fit("dot", a, b)
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    return matmul(np.conjugate(ravel(as_array(a))), ravel(b))


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.sum(np.conjugate(as_array(x1)) * x2, axis=axis)


if hasattr(np, "vecdot"):  # NumPy 2.0 has it in linalg only

    @implements(np.vecdot)
    def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1, **options: Any) -> Any:
        return vecdot(x1, x2, axis=axis)


if hasattr(np, "matvec"):  # since NumPy 2.2

    @implements(np.matvec)
    def _matvec(x1: Any, x2: Any, /, **options: Any) -> Any:
        only_default("matvec", **{k: (v, None) for k, v in options.items()})
        return matmul(x1, as_array(x2)[..., None])[..., 0]

    @implements(np.vecmat)
    def _vecmat(x1: Any, x2: Any, /, **options: Any) -> Any:
        only_default("vecmat", **{k: (v, None) for k, v in options.items()})
        return matmul(np.conjugate(as_array(x1))[..., None, :], x2)[..., 0, :]


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    a, b = common_cast(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (-1, -1))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    only_default("outer", out=(out, None))
    return reshape(ravel(a), (-1, 1)) * ravel(b)


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    return outer(x1, x2)


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = common_cast(a, b)
    if np.ndim(axes):
        first, second = (integers(x) for x in axes)
    else:
        n = int(axes)
        first, second = tuple(range(a.ndim - n, a.ndim)), tuple(range(n))
    one = [axis_of(i, a.ndim) for i in first]
    two = [axis_of(i, b.ndim) for i in second]
    summed = [a.shape[i] for i in one]
    if summed != [b.shape[i] for i in two]:
        raise _no_fit("tensordot", a, b)
    free_a = [i for i in range(a.ndim) if i not in one]
    free_b = [i for i in range(b.ndim) if i not in two]
    shape_a = [a.shape[i] for i in free_a]
    shape_b = [b.shape[i] for i in free_b]
    k = math.prod(summed)
    left = reshape(transpose(a, [*free_a, *one]), (math.prod(shape_a), k))
    right = reshape(transpose(b, [*two, *free_b]), (k, math.prod(shape_b)))
    if not free_a and not free_b:
        return _vector_dot(ravel(left), ravel(right))
    return reshape(ops.matmul(left, right), (*shape_a, *shape_b))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    a, b = as_array(a), as_array(b)
    n = max(a.ndim, b.ndim)
    shape_a = (1,) * (n - a.ndim) + a.shape
    shape_b = (1,) * (n - b.ndim) + b.shape
    apart_a = [d for s in shape_a for d in (s, 1)]
    apart_b = [d for s in shape_b for d in (1, s)]
    product = reshape(a, apart_a) * reshape(b, apart_b)
    return reshape(product, [i * j for i, j in zip(shape_a, shape_b, strict=True)])


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise _no_fit("cross", a, b)
    ax, ay = a[..., 0], a[..., 1]
    bx, by = b[..., 0], b[..., 1]
    z = ax * by - ay * bx
    if a.shape[-1] == b.shape[-1] == 2:
        return z
    az = a[..., 2] if a.shape[-1] == 3 else None
    bz = b[..., 2] if b.shape[-1] == 3 else None
    x = _difference(ay, bz, az, by)
    y = _difference(az, bx, ax, bz)
    return moveaxis(np.stack(np.broadcast_arrays(x, y, z), axis=-1), -1, axisc)


def _difference(a: Any, b: Any, c: Any, d: Any) -> Any:
    """a * b - c * d, where None stands for zero."""
    first: Any = None if a is None or b is None else a * b
    second: Any = None if c is None or d is None else c * d
    if second is None:
        return first
    return -second if first is None else first - second


@implements(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return cross(x1, x2, axis=axis)


@implements(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return matmul(x1, x2)


@implements(np.trace)
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
    out: Any = None,
) -> Any:  # fmt: skip
    only_default("trace", out=(out, None))
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)
