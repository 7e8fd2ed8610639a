"""Shapes: the same elements along other axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.ir import Dim
from tapec.numpy.support import (
    alias,
    as_array,
    axes_of,
    axis_of,
    here,
    integers,
    only_default,
)
from tapec.ops import shape as ops
from tapec.promotion import broadcast_shapes
from tapec.tensor import implements

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "matrix_transpose",
    "moveaxis",
    "ravel",
    "reshape",
    "rollaxis",
    "squeeze",
    "swapaxes",
    "transpose",
]


@implements(np.reshape)
def reshape(
    a: Any, /, shape: Any = None, order: str = "C", *, copy: bool | None = None
) -> Any:
    x = as_array(a)
    wanted = _filled(x.type, integers(shape))
    if order == "F":
        turned = reshape(transpose(x), wanted[::-1])
        return transpose(turned)
    only_default("reshape", order=(order if order != "A" else "C", "C"))
    same = len(wanted) == x.ndim and wanted == x.shape
    return alias(x) if same else ops.reshape(x, shape=wanted)


def _filled(type_: Any, shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """`shape` with its one -1 replaced by what is left."""
    rest = math.prod(n for n in shape if n != -1)
    fits = rest == type_.size
    if -1 in shape:
        some = type(rest) is Dim or rest > 0
        fits = shape.count(-1) == 1 and some and type_.size % rest == 0
    if not fits or any(n < -1 for n in shape):
        raise here(ShapeError(f"reshape: {type_!r} does not fit shape {shape}"))
    return tuple(type_.size // rest if n == -1 else n for n in shape)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    return reshape(a, (as_array(a).size,), order=order)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    x = as_array(a)
    n = x.ndim
    if axes is None:
        perm = tuple(range(n))[::-1]
    else:
        perm = tuple(axis_of(i, n) for i in integers(axes))
    if len(perm) != n or len(set(perm)) != n:
        raise here(
            ShapeError(f"transpose: axes {axes} do not permute those of {x.type!r}")
        )
    if perm == tuple(range(n)):
        return alias(x)
    return ops.transpose(x, perm=perm)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    x = as_array(a)
    origin, goal = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    if len(origin) != len(goal):
        raise ValueError("moveaxis: as many source axes as destination axes")
    order = [i for i in range(x.ndim) if i not in origin]
    for to, axis in sorted(zip(goal, origin, strict=True)):
        order.insert(to, axis)
    return transpose(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    x = as_array(a)
    axis = axis_of(axis, x.ndim)
    start = start + x.ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    x = as_array(a)
    order = list(range(x.ndim))
    i, j = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    order[i], order[j] = j, i
    return transpose(x, order)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    x = as_array(a)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    new = axes_of(axis, x.ndim + count)
    rest = iter(x.shape)
    return reshape(x, [1 if i in new else next(rest) for i in range(x.ndim + count)])


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    x = as_array(a)
    if axis is None:
        return reshape(x, [n for n in x.shape if n != 1])
    gone = axes_of(axis, x.ndim)
    if any(x.shape[i] != 1 for i in gone):
        raise here(
            ShapeError(f"squeeze: {x.type!r} is longer than 1 along axis {axis}")
        )
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in gone])


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    x = as_array(array)
    wanted = integers(shape)
    same = len(wanted) == x.ndim and wanted == x.shape
    return alias(x) if same else ops.broadcast_to(x, shape=wanted)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    xs = [as_array(a) for a in args]
    shape = broadcast_shapes("broadcast_arrays", *[x.type for x in xs])
    return tuple(broadcast_to(x, shape) for x in xs)


def _at_least(ndim: int, x: Any) -> Any:
    missing = ndim - x.ndim
    if missing <= 0:
        return alias(x)
    if ndim == 3:  # NumPy's choice: a matrix becomes (m, n, 1), a vector (1, n, 1)
        middle = x.shape if x.ndim == 2 else (1, *(x.shape or (1,)))
        return reshape(x, (*middle, 1))
    return reshape(x, (*[1] * missing, *x.shape))


def _at_least_each(ndim: int, arrays: Any) -> Any:
    results = tuple(_at_least(ndim, as_array(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _at_least_each(1, arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _at_least_each(2, arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return _at_least_each(3, arys)


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return as_array(a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return as_array(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    x = as_array(a)
    return math.prod(x.shape[i] for i in axes_of(axis, x.ndim))
