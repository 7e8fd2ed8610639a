"""Functions that change their first argument, as NumPy's do, and places as arrays.

Underneath nothing is changed: the tensor is another value afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.numpy.indexing import getitem
from tapec.numpy.selecting import flatnonzero
from tapec.numpy.shapes import broadcast_to, moveaxis, ravel, reshape
from tapec.numpy.support import as_array, integers, only_default, result_type
from tapec.tensor import as_tensor, implements

__all__ = ["copyto", "place", "put", "putmask"]


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    value = broadcast_to(as_array(src), dst.shape)
    dst[...] = value if where is True else np.where(where, value, dst)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    only_default("put", mode=(mode, "raise"))
    x, index = ravel(a), ravel(ind)
    x[index] = _as_many(v, index.size)
    a[...] = reshape(x, a.shape)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    index = flatnonzero(mask)
    x = ravel(arr)
    x[index] = _as_many(vals, index.size)
    arr[...] = reshape(x, arr.shape)


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    x = as_tensor(a)
    a[...] = np.where(mask, reshape(_as_many(values, x.size), x.shape), x)


def _as_many(v: Any, count: int) -> Any:
    """The first `count` elements of `v` repeated without end."""
    flat = ravel(v)
    if flat.size in (1, count):
        return broadcast_to(flat, (count,))
    return np.tile(flat, -(-count // flat.size))[:count]


# --- places -------------------------------------------------------------------


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    only_default("unravel_index", order=(order, "C"))
    rest, places = as_tensor(indices), []
    for n in integers(shape)[:0:-1]:
        places.append(rest % n)
        rest = rest // n
    return (rest, *places[::-1])


@implements(np.ravel_multi_index)
def ravel_multi_index(
    multi_index: Any, dims: Any, mode: str = "raise", order: str = "C"
) -> Any:
    only_default("ravel_multi_index", mode=(mode, "raise"), order=(order, "C"))
    total: Any = 0
    for i, n in zip(multi_index, integers(dims), strict=True):
        total = total * n + i
    return total


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    n = len(args)
    places = []
    for i, a in enumerate(args):
        x = as_array(a)
        x = flatnonzero(x) if x.dtype == np.bool_ else x
        places.append(reshape(x, [x.size if j == i else 1 for j in range(n)]))
    return tuple(places)


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    return np.diag_indices(arr.shape[0], arr.ndim)


# --- functions of slices ------------------------------------------------------


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kw: Any) -> Any:
    """Recorded once per slice; prefer functions that take an axis."""
    x = moveaxis(arr, axis, -1)
    rows = reshape(x, (-1, x.shape[-1]))
    found = [as_array(func1d(row, *args, **kw)) for row in rows]
    whole = np.stack(found)
    whole = reshape(whole, (*x.shape[:-1], *whole.shape[1:]))
    ndim = whole.ndim - x.ndim + 1
    target = range(axis % x.ndim, axis % x.ndim + ndim)
    return moveaxis(whole, range(x.ndim - 1, whole.ndim), target)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Every function sees the whole array; the last condition that holds chooses."""
    x = as_array(x)
    if not isinstance(condlist, (list, tuple)):
        condlist = [condlist]
    funcs = list(funclist)
    values = [f(x, *args, **kw) if callable(f) else f for f in funcs]
    result: Any = values.pop() if len(values) > len(condlist) else 0
    for condition, value in zip(condlist, values, strict=True):
        result = np.where(condition, value, result)
    return result.astype(x.dtype)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    shape = integers(new_shape)
    flat = ravel(a)
    count = int(np.prod(shape))
    if flat.size == 0:
        return np.zeros_like(flat, shape=shape)
    return reshape(getitem(np.tile(flat, -(-count // flat.size)), slice(count)), shape)


implements(np.result_type)(result_type)
