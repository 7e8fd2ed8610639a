"""Flips, rolls, repetitions, paddings, triangles and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.joining import concatenate
from tapec.numpy.shapes import broadcast_to, moveaxis, ravel, reshape, transpose
from tapec.numpy.support import (
    alias,
    as_array,
    axes_of,
    axis_of,
    here,
    integer,
    integers,
)
from tapec.ops import select as triangles
from tapec.ops import shape as ops
from tapec.ops.gather import gather
from tapec.ops.index import slice_, unslice
from tapec.tensor import implements

__all__ = [
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "ediff1d",
    "flip",
    "fliplr",
    "flipud",
    "repeat",
    "roll",
    "rot90",
    "tile",
    "tril",
    "triu",
]


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    x = as_array(m)
    axes = tuple(sorted(axes_of(axis, x.ndim)))
    return ops.flip(x, axis=axes) if axes else alias(x)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    x = as_array(m)
    one, two = axes_of(axes, x.ndim)
    quarter = k % 4
    if quarter == 0:
        return alias(x)
    if quarter == 2:
        return flip(x, (one, two))
    if quarter == 1:
        return np.swapaxes(flip(x, two), one, two)
    return flip(np.swapaxes(x, one, two), two)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    x = as_array(a)
    if axis is None:
        total = sum(integers(shift))
        return reshape(roll(ravel(x), total, 0), x.shape)
    shifts, axes = np.broadcast_arrays(integers(shift), integers(axis))
    for s, i in zip(shifts.tolist(), axes.tolist(), strict=True):
        i = axis_of(i, x.ndim)
        s = s % x.shape[i] if x.shape[i] else 0
        x = ops.roll(x, shift=s, axis=i) if s else alias(x)
    return x


# --- repetitions --------------------------------------------------------------


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    x, times = as_array(A), integers(reps)
    n = max(x.ndim, len(times))
    shape = (1,) * (n - x.ndim) + x.shape
    times = (1,) * (n - len(times)) + times
    apart = [d for s in shape for d in (1, s)]
    whole = [d for t, s in zip(times, shape, strict=True) for d in (t, s)]
    repeated = broadcast_to(reshape(x, apart), whole)
    return reshape(repeated, [t * s for t, s in zip(times, shape, strict=True)])


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim)
    counts, n = integers(repeats), x.shape[axis]
    if len(counts) == 1:
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        each = broadcast_to(
            reshape(x, (*before, n, 1, *after)), (*before, n, counts[0], *after)
        )
        return reshape(each, (*before, n * counts[0], *after))
    if len(counts) != n:
        raise here(ShapeError(f"repeat: {len(counts)} counts for {n} elements"))
    source = np.repeat(np.arange(n), counts)
    return gather(x, source.tolist(), axis=axis)


# --- triangles and diagonals --------------------------------------------------


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    return triangles.tril(_matrix(m), k=integer(k))


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    return triangles.triu(_matrix(m), k=integer(k))


def _matrix(m: Any) -> Any:
    """NumPy broadcasts a vector to as many rows as it has elements."""
    x = as_array(m)
    return broadcast_to(x, (x.shape[0], x.shape[0])) if x.ndim == 1 else x


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """In row-major order a diagonal is a slice with step m + 1."""
    x = as_array(a)
    i, j = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    rest = [k for k in range(x.ndim) if k not in (i, j)]
    x = transpose(x, [*rest, i, j])
    n, m = x.shape[-2:]
    start = offset if offset >= 0 else -offset * m
    length = max(min(n, m - offset) if offset >= 0 else min(n + offset, m), 0)
    stop = start + (length - 1) * (m + 1) + 1
    if length == 0:
        start = stop = 0
    batch = x.shape[:-2]
    zero, one = (0,) * len(batch), (1,) * len(batch)
    flat = reshape(x, (*batch, n * m))
    return slice_(flat, start=(*zero, start), stop=(*batch, stop), step=(*one, m + 1))


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    x = as_array(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise here(ShapeError(f"diag: {x.type!r} is neither a vector nor a matrix"))
    n = x.shape[0] + abs(k)
    start = (k if k >= 0 else -k * n) if x.size else 0
    return reshape(unslice(x, shape=(n * n,), start=(start,), step=(n + 1,)), (n, n))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return diag(ravel(v), k)


# --- differences --------------------------------------------------------------


@implements(np.diff)
def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    x = as_array(a)
    axis = axis_of(axis, x.ndim)
    if n < 0:
        raise ValueError(f"diff: order must be non-negative but got {n}")
    ends = [_end(e, x, axis) for e in (prepend, append)]
    parts = [ends[0], x, ends[1]]
    y = moveaxis(concatenate([p for p in parts if p is not None], axis), axis, 0)
    for _ in range(min(n, y.shape[0])):
        y = y[1:] != y[:-1] if y.dtype == np.bool_ else y[1:] - y[:-1]
    return moveaxis(y, 0, axis)


def _end(value: Any, x: Any, axis: int) -> Any:
    if value is None or value is np._NoValue:
        return None
    e = as_array(value)
    if e.ndim:
        return e
    return broadcast_to(e, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    inner = diff(ravel(ary))
    ends = [None if e is None else ravel(e) for e in (to_begin, to_end)]
    parts = [ends[0], inner, ends[1]]
    return concatenate([p for p in parts if p is not None])
