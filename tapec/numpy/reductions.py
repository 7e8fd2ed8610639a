"""Sums, products, extrema, truth along axes, with all of NumPy's options.

`where=` replaces what it leaves out by the neutral element, `keepdims` is a reshape,
and small integers are cast to NumPy's accumulator dtype before they are added.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tapec.numpy.support import axes_of, axis_of, only_default
from tapec.ops import cumulate
from tapec.ops import reduce as ops
from tapec.ops.cast import cast
from tapec.ops.select import where as choose
from tapec.ops.shape import broadcast_to, reshape
from tapec.tensor import as_tensor, implements

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "max",
    "min",
    "prod",
    "ptp",
    "sum",
]

NONE: Any = np._NoValue
Axes = tuple[int, ...]


# --- what they share ----------------------------------------------------------


@lru_cache(maxsize=64)
def accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy adds elements of `dtype`."""
    return np.add.reduce(np.zeros(0, dtype)).dtype  # type: ignore[no-any-return]


def operand(a: Any, dtype: Any = None, *, widen: bool = False) -> Any:
    """`a` as a tensor of the dtype that is asked for, or of NumPy's accumulator."""
    x = as_tensor(a)
    wanted = np.dtype(dtype) if dtype is not None else x.dtype
    if dtype is None and widen:
        wanted = accumulator(x.dtype)
    return x if x.dtype == wanted else cast(x, dtype=wanted)


def sorted_axes(axis: Any, ndim: int) -> Axes:
    return tuple(sorted(axes_of(axis, ndim)))


def masked(x: Any, where: Any, neutral: Any) -> Any:
    """`x` with `neutral` wherever `where` is false."""
    if where is True or where is NONE or where is None:
        return x
    return choose(where, x, neutral)


def finish(out: Any, shape: tuple[int, ...], axes: Axes, keepdims: Any) -> Any:
    """The reduced axes put back with length 1, if they are to be kept."""
    if keepdims is NONE or not keepdims:
        return out
    return reshape(out, shape=tuple(1 if a in axes else d for a, d in enumerate(shape)))


# --- sums and products --------------------------------------------------------


@implements(np.sum)
def sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    only_default("sum", out=(out, None))
    x = masked(operand(a, dtype, widen=True), where, 0)
    axes = sorted_axes(axis, x.ndim)
    total = ops.sum_(x, axis=axes)
    if initial is not NONE:
        total = total + initial
    return finish(total, x.shape, axes, keepdims)


@implements(np.prod)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    only_default("prod", out=(out, None))
    x = masked(operand(a, dtype, widen=True), where, 1)
    axes = sorted_axes(axis, x.ndim)
    total = ops.prod(x, axis=axes)
    if initial is not NONE:
        total = total * initial
    return finish(total, x.shape, axes, keepdims)


# --- extrema ------------------------------------------------------------------


def _extremum(
    prim: Any, pair: np.ufunc, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any,
    where: Any,
) -> Any:  # fmt: skip
    only_default(prim.name, out=(out, None))
    x = as_tensor(a)
    if where is not NONE and where is not True and initial is NONE:
        raise ValueError(
            f"reduction operation '{pair.__name__}' does not have an identity, so to "
            "use a where mask one has to specify 'initial'"
        )
    axes = sorted_axes(axis, x.ndim)
    x = masked(x, where, initial)
    shape = tuple(d for i, d in enumerate(x.shape) if i not in axes)
    if initial is not NONE and 0 in [x.shape[i] for i in axes]:
        found = broadcast_to(operand(initial, x.dtype), shape=shape)
    else:
        found = prim(x, axis=axes)
        if initial is not NONE:
            found = pair(found, initial)
    return finish(found, x.shape, axes, keepdims)


@implements(np.max, np.amax)
def max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    return _extremum(ops.max_, np.maximum, a, axis, out, keepdims, initial, where)


@implements(np.min, np.amin)
def min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    return _extremum(ops.min_, np.minimum, a, axis, out, keepdims, initial, where)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE) -> Any:
    only_default("ptp", out=(out, None))
    return max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)


# --- truth --------------------------------------------------------------------


def truth(a: Any) -> Any:
    """Which elements count as true."""
    x = as_tensor(a)
    return x if x.dtype.kind == "b" else np.not_equal(x, 0)


@implements(np.any)
def any(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NONE,
    *,
    where: Any = NONE,
) -> Any:
    only_default("any", out=(out, None))
    x = masked(truth(a), where, False)
    axes = sorted_axes(axis, x.ndim)
    return finish(ops.any_(x, axis=axes), x.shape, axes, keepdims)


@implements(np.all)
def all(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NONE,
    *,
    where: Any = NONE,
) -> Any:
    only_default("all", out=(out, None))
    x = masked(truth(a), where, True)
    axes = sorted_axes(axis, x.ndim)
    return finish(ops.all_(x, axis=axes), x.shape, axes, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return sum(truth(a), axis, dtype=np.intp, keepdims=keepdims)


# --- positions ----------------------------------------------------------------


def _position(prim: Any, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    only_default(prim.name, out=(out, None))
    x = as_tensor(a)
    rows, place = x, axis
    if axis is None:
        rows, place = reshape(x, shape=(x.size,)), 0
    place = axis_of(place, rows.ndim)
    found = prim(rows, axis=(place,))
    axes = sorted_axes(axis, x.ndim)
    return finish(found, x.shape, axes, keepdims)


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    return _position(ops.argmax, a, axis, out, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    return _position(ops.argmin, a, axis, out, keepdims)


# --- running sums and products ------------------------------------------------


def _running(prim: Any, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    only_default(prim.name, out=(out, None))
    x = operand(a, dtype, widen=True)
    if axis is None or x.ndim == 0:
        x, axis = reshape(x, shape=(x.size,)), 0
    return prim(x, axis=axis_of(axis, x.ndim), reverse=False, exclusive=False)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running(cumulate.cumsum, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running(cumulate.cumprod, a, axis, dtype, out)
