"""Joining arrays and cutting them up again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.shapes import atleast_1d, atleast_2d, atleast_3d, ravel, reshape
from tapec.numpy.support import (
    alias,
    as_array,
    as_arrays,
    axis_of,
    here,
    integer,
    integers,
    only_default,
)
from tapec.ops.cast import cast
from tapec.ops.join import concatenate as join
from tapec.ops.join import part
from tapec.tensor import implements

__all__ = [
    "append",
    "array_split",
    "block",
    "column_stack",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "split",
    "stack",
    "unstack",
    "vsplit",
    "vstack",
]


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None,
    casting: str = "same_kind",
) -> Any:  # fmt: skip
    only_default("concatenate", out=(out, None), casting=(casting, "same_kind"))
    xs = as_arrays(arrays)
    if not xs:
        raise here(ShapeError("concatenate: there is nothing to concatenate"))
    if dtype is not None:
        xs = [cast(x, dtype=np.dtype(dtype)) for x in xs]
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    if xs[0].ndim == 0:
        raise here(ShapeError("concatenate: arrays without axes; use np.stack"))
    axis = axis_of(integer(axis), xs[0].ndim)
    return alias(xs[0]) if len(xs) == 1 else join(*xs, axis=axis)


@implements(np.stack)
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None,
    casting: str = "same_kind",
) -> Any:  # fmt: skip
    xs = as_arrays(arrays)
    if any(x.shape != xs[0].shape for x in xs) or not xs:
        listed = " with ".join(repr(x.type) for x in xs) or "nothing"
        raise here(ShapeError(f"stack: shapes differ: {listed}"))
    axis = axis_of(axis, xs[0].ndim + 1)
    shape = (*xs[0].shape[:axis], 1, *xs[0].shape[axis:])
    rows = [reshape(x, shape) for x in xs]
    return concatenate(rows, axis, out, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    xs = [atleast_1d(x) for x in tup]
    axis = 0 if xs and xs[0].ndim == 1 else 1
    return concatenate(xs, axis, dtype=dtype, casting=casting)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    xs = [atleast_2d(x) for x in tup]
    return concatenate(xs, 0, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    return concatenate([atleast_3d(x) for x in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    xs = as_arrays(tup)
    return concatenate([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in xs], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate((as_array(arr), as_array(values)), axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    flat = list(_leaves(arrays))
    ndim = max([depth, *[as_array(x).ndim for x in flat]])
    return _block(arrays, depth, ndim)


def _depth(nest: Any) -> int:
    return 1 + max(map(_depth, nest)) if isinstance(nest, list) else 0


def _leaves(nest: Any) -> Any:
    if isinstance(nest, list):
        for inner in nest:
            yield from _leaves(inner)
    else:
        yield nest


def _block(nest: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        x = as_array(nest)
        return reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    return concatenate([_block(inner, depth - 1, ndim) for inner in nest], -depth)


# --- cutting up ---------------------------------------------------------------


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    x = as_array(ary)
    axis = axis_of(axis, x.ndim)
    n = x.shape[axis]
    if np.ndim(indices_or_sections):
        inner = [slice(None, i).indices(n)[1] for i in integers(indices_or_sections)]
    else:
        sections = integer(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        each, longer = divmod(n, sections)
        inner = [i * each + min(i, longer) for i in range(1, sections)]
    rows = zip([0, *inner], [*inner, n], strict=True)
    return [part(x, start=a, length=max(b - a, 0), axis=axis) for a, b in rows]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    x = as_array(ary)
    if not np.ndim(indices_or_sections):
        n = x.shape[axis_of(axis, x.ndim)]
        if n % integer(indices_or_sections):
            text = f"{x.type!r} does not divide into {indices_or_sections} equal parts"
            raise here(ShapeError(f"split: {text}; use np.array_split"))
    return array_split(x, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    x = as_array(ary)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    x = as_array(x)
    axis = axis_of(axis, x.ndim)
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    cuts = [part(x, start=i, length=1, axis=axis) for i in range(x.shape[axis])]
    return tuple(reshape(cut, rest) for cut in cuts)


if hasattr(np, "unstack"):  # NumPy 2.1
    implements(np.unstack)(unstack)
