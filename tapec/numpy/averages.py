"""Mean, variance and their like; the same sums with missing values left out.

Half precision is averaged in single precision, as NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import Dim
from tapec.numpy.reductions import NONE, masked, operand, sorted_axes
from tapec.numpy.support import only_default
from tapec.ops.cast import cast
from tapec.ops.select import where as choose
from tapec.ops.shape import broadcast_to, reshape
from tapec.tensor import as_tensor, implements

__all__ = [
    "average",
    "mean",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "std",
    "var",
]

HALF = np.dtype(np.float16)


def _working(a: Any, dtype: Any) -> tuple[Any, np.dtype[Any]]:
    """The operand in the dtype to compute in, and the dtype of the result."""
    x = as_tensor(a)
    if dtype is None and x.dtype.kind in "biu":
        dtype = np.float64
    result = x.dtype if dtype is None else np.dtype(dtype)
    if result == HALF and dtype is None:
        return operand(x, np.float32), HALF
    return operand(x, result), result


def _given(option: Any) -> bool:
    return option is not NONE and option is not None and option is not True


def _count(x: Any, axis: Any, where: Any) -> Any:
    """How many elements enter each result, with the reduced axes kept."""
    axes = sorted_axes(axis, x.ndim)
    if not _given(where):
        n = 1
        for a in axes:
            n *= x.shape[a]
        return n
    every = broadcast_to(as_tensor(where), shape=x.shape)
    return np.sum(every, axis=axes, keepdims=True, dtype=np.intp)


def _divided(total: Any, n: Any) -> Any:
    """total / n in the dtype of the total, nan when nothing was counted."""
    return total / (
        n if isinstance(n, (int, Dim)) else cast(n, dtype=_real(total.dtype))
    )


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.zeros(0, dtype).real.dtype


def _shaped(out: Any, x: Any, axis: Any, keepdims: Any, dtype: np.dtype[Any]) -> Any:
    """`out` (axes kept) in the shape and dtype of the result."""
    if keepdims is NONE or not keepdims:
        axes = sorted_axes(axis, x.ndim)
        shape = tuple(d for i, d in enumerate(x.shape) if i not in axes)
        out = reshape(out, shape=shape)
    return out if out.dtype == dtype else cast(out, dtype=dtype)


# --- mean and variance --------------------------------------------------------


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    *, where: Any = NONE,
) -> Any:  # fmt: skip
    only_default("mean", out=(out, None))
    x, result = _working(a, dtype)
    return _shaped(_mean(x, axis, where), x, axis, keepdims, result)


def _mean(x: Any, axis: Any, where: Any) -> Any:
    total = np.sum(masked(x, where, 0), axis=axis, dtype=x.dtype, keepdims=True)
    return _divided(total, _count(x, axis, where))


def _variance(x: Any, axis: Any, ddof: Any, where: Any, mean: Any) -> Any:
    """The mean squared distance from the mean, axes kept."""
    center = _mean(x, axis, where) if mean is NONE else mean
    d = x - center
    square = np.real(d * np.conjugate(d)) if d.dtype.kind == "c" else d * d
    total = np.sum(
        masked(square, where, 0), axis=axis, dtype=square.dtype, keepdims=True
    )
    n = _count(x, axis, where)
    if isinstance(n, int):
        free = n - ddof
        return total / (free if free > 0 else 0)
    if isinstance(n, Dim):
        return total / np.maximum(n - ddof, 0)
    return total / np.maximum(cast(n, dtype=total.dtype) - ddof, 0)


def _freedom(name: str, ddof: Any, correction: Any) -> Any:
    if correction is NONE:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = NONE, *, where: Any = NONE, mean: Any = NONE,
    correction: Any = NONE,
) -> Any:  # fmt: skip
    only_default("var", out=(out, None))
    x, result = _working(a, dtype)
    ddof = _freedom("var", ddof, correction)
    found = _variance(x, axis, ddof, where, mean)
    return _shaped(found, x, axis, keepdims, _real(result))


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = NONE, *, where: Any = NONE, mean: Any = NONE,
    correction: Any = NONE,
) -> Any:  # fmt: skip
    only_default("std", out=(out, None))
    x, result = _working(a, dtype)
    ddof = _freedom("std", ddof, correction)
    found = safe_sqrt(_variance(x, axis, ddof, where, mean))
    return _shaped(found, x, axis, keepdims, _real(result))


def safe_sqrt(x: Any) -> Any:
    """The square root with derivative 0 at 0."""
    zero = np.equal(x, 0)
    return choose(zero, 0, np.sqrt(choose(zero, 1, x)))


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
    keepdims: Any = NONE,
) -> Any:  # fmt: skip
    x = as_tensor(a)
    if weights is None:
        found = mean(x, axis, keepdims=keepdims)
        total = broadcast_to(as_tensor(found.dtype.type(_count(x, axis, NONE))),
                             shape=found.shape)  # fmt: skip
        return (found, total) if returned else found
    w = _spread_weights(as_tensor(weights), x, axis)
    if x.dtype.kind in "biu" and w.dtype.kind in "biu":
        x = operand(x, np.float64)
    total = np.sum(w, axis=axis, keepdims=keepdims)
    weighted = x * w
    found = np.sum(weighted, axis=axis, dtype=weighted.dtype, keepdims=keepdims) / total
    return (found, broadcast_to(total, shape=found.shape)) if returned else found


def _spread_weights(w: Any, x: Any, axis: Any) -> Any:
    """Weights given per element of the averaged axes, in the shape of `x`."""
    if w.shape == x.shape:
        return w
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = sorted_axes(axis, x.ndim)
    if w.shape != tuple(x.shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along "
                         "specified axis.")  # fmt: skip
    shape = tuple(d if i in axes else 1 for i, d in enumerate(x.shape))
    return broadcast_to(reshape(w, shape=shape), shape=x.shape)


# --- nan left out -------------------------------------------------------------


def _present(a: Any, where: Any) -> tuple[Any, Any]:
    """The operand and which elements count."""
    x = as_tensor(a)
    if x.dtype.kind not in "fc":
        return x, where
    there = np.logical_not(np.isnan(x))
    return x, there & where if _given(where) else there


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    return np.sum(x, axis, dtype, out, keepdims, initial, there)


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    return np.prod(x, axis, dtype, out, keepdims, initial, there)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE,
    *, where: Any = NONE,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    return mean(x, axis, dtype, out, keepdims, where=there)


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = NONE, *, where: Any = NONE, mean: Any = NONE,
    correction: Any = NONE,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    ddof = _freedom("nanvar", ddof, correction)
    return var(x, axis, dtype, out, ddof, keepdims, where=there, mean=mean)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = NONE, *, where: Any = NONE, mean: Any = NONE,
    correction: Any = NONE,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    ddof = _freedom("nanstd", ddof, correction)
    return std(x, axis, dtype, out, ddof, keepdims, where=there, mean=mean)


def _nan_extremum(
    reduce: Any, worst: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any,
    where: Any,
) -> Any:  # fmt: skip
    x, there = _present(a, where)
    if x.dtype.kind not in "fc":
        return reduce(x, axis, out, keepdims, initial, where)
    found = reduce(choose(there, x, worst), axis, out, keepdims)
    seen = np.any(there, axis=axis, keepdims=keepdims)
    found = choose(seen, found, np.nan)
    if initial is NONE:
        return found
    pair = np.fmax if worst < 0 else np.fmin
    return pair(found, initial)


@implements(np.nanmax)
def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    return _nan_extremum(np.max, -np.inf, a, axis, out, keepdims, initial, where)


@implements(np.nanmin)
def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE,
    initial: Any = NONE, where: Any = NONE,
) -> Any:  # fmt: skip
    return _nan_extremum(np.min, np.inf, a, axis, out, keepdims, initial, where)
