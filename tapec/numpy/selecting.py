"""Choosing elements by conditions and by computed positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.indexing import getitem, setitem
from tapec.numpy.positions import check_range, is_unique, mask_index
from tapec.numpy.shapes import broadcast_to, moveaxis, ravel, reshape
from tapec.numpy.support import axis_of, here, only_default
from tapec.operators import Operators
from tapec.ops import select as ops
from tapec.ops.cast import cast
from tapec.ops.gather import gather, put
from tapec.ops.positions import iota
from tapec.tensor import as_tensor, concrete, implements

__all__ = [
    "argwhere",
    "choose",
    "compress",
    "extract",
    "flatnonzero",
    "nonzero",
    "put_along_axis",
    "select",
    "take",
    "take_along_axis",
    "where",
]


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return nonzero(condition)
    return ops.where(condition, x, y)


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError("select: as many conditions as choices, at least one")
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    only_default("choose", out=(out, None))
    rows = np.stack(np.broadcast_arrays(as_tensor(a), *choices)[1:])
    index = broadcast_to(as_tensor(a), rows.shape[1:])
    return take_along_axis(rows, _into(index, len(rows), mode)[None], 0)[0]


# --- positions of true elements -----------------------------------------------


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    mask = as_tensor(a) != 0
    return mask_index(mask)


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    x = as_tensor(a)
    rest, places = flatnonzero(x), []
    for n in x.shape[:0:-1]:
        places.append(rest % n)
        rest = rest // n
    return (rest, *places[::-1])


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    return np.stack(nonzero(a), axis=-1)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return getitem(ravel(arr), ravel(as_tensor(condition) != 0))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    only_default("compress", out=(out, None))
    x = ravel(a) if axis is None else as_tensor(a)
    return take(x, flatnonzero(condition), axis=0 if axis is None else axis)


# --- computed positions -------------------------------------------------------


@implements(np.take)
def take(
    a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise"
) -> Any:
    only_default("take", out=(out, None))
    x = as_tensor(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim)
    return getitem(x, (slice(None),) * axis + (_into(indices, x.shape[axis], mode),))


def _into(indices: Any, n: int, mode: str) -> Any:
    """Indices brought into range the way `mode` says."""
    if mode == "wrap":
        return as_tensor(indices) % n
    if mode == "clip":
        return np.clip(as_tensor(indices), 0, n - 1)
    return indices


def _along(x: Any, indices: Any, axis: int) -> list[Any]:
    """One index array per axis: `indices` for `axis`, counting for the others."""
    if indices.ndim != x.ndim:
        text = f"indices of type {indices.type!r} have not as many axes as {x.type!r}"
        raise here(ShapeError(f"take_along_axis: {text}"))
    places = []
    for i, n in enumerate(x.shape):
        if i == axis:
            places.append(indices)
        else:
            shape = [n if j == i else 1 for j in range(x.ndim)]
            places.append(reshape(iota(length=n), shape))
    return places


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, index = as_tensor(arr), as_tensor(indices)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim)
    index = check_range(index, indices, x.shape[axis], axis, x.type)
    if x.ndim == 1:
        return gather(x, index, axis=0)
    return gather(x, *_along(x, index, axis), axis=0)


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Changes `arr`, as NumPy does: afterwards it is the new value."""
    x, index = as_tensor(arr), as_tensor(indices)
    shape = x.shape
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim)
    n = x.shape[axis]
    index = check_range(index, indices, n, axis, x.type)
    places = _along(x, index, axis)
    wanted = np.broadcast_shapes(*[p.shape for p in places])
    v = broadcast_to(cast(as_tensor(values), dtype=x.dtype), wanted)
    unique = math.prod(wanted) < 2 or (x.ndim == 1 and is_unique(index, indices, n))
    filled = put(x, v, *places, axis=0, unique=unique)
    arr[...] = reshape(filled, shape)


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Changes `a`, as NumPy does: afterwards it is the new value."""
    only_default("fill_diagonal", wrap=(wrap, False))
    x = as_tensor(a)
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) != 1):
        raise here(ShapeError(f"fill_diagonal: {x.type!r} has no diagonal"))
    step = 1 + sum(math.prod(x.shape[i + 1 :]) for i in range(x.ndim - 1))
    end = None if x.ndim > 2 else x.shape[1] * x.shape[1]
    flat = setitem(ravel(x), slice(None, end, step), val)
    a[...] = reshape(flat, x.shape)


# --- removing and inserting --------------------------------------------------


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x = ravel(arr) if axis is None else as_tensor(arr)
    axis = axis_of(0 if axis is None else axis, x.ndim)
    kept = np.delete(np.arange(x.shape[axis]), _numbers(obj))
    return gather(x, kept.tolist(), axis=axis)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    x = ravel(arr) if axis is None else as_tensor(arr)
    axis = axis_of(0 if axis is None else axis, x.ndim)
    n, obj = x.shape[axis], _numbers(obj)
    order = np.insert(np.arange(n), obj, -1)
    count = int(np.sum(order < 0))
    order[order < 0] = n + np.arange(count)
    v = cast(as_tensor(values), dtype=x.dtype)
    if v.ndim and np.ndim(obj) == 0:
        v = moveaxis(reshape(v, (1,) * (x.ndim - v.ndim) + v.shape), 0, axis)
    v = broadcast_to(v, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    return gather(np.concatenate([x, v], axis=axis), order.tolist(), axis=axis)


def _numbers(obj: Any) -> Any:
    """Positions, with a check that they stay what they are if they are traced."""
    return concrete(obj) if isinstance(obj, Operators) else obj
