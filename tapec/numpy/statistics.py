"""Covariance and correlation; running sums and positions with nan left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.numpy import reductions as red
from tapec.numpy.support import only_default
from tapec.ops.cast import cast
from tapec.ops.select import where as choose
from tapec.tensor import as_tensor, implements

__all__ = [
    "corrcoef",
    "cov",
    "cumulative_prod",
    "cumulative_sum",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
]


# --- covariance ---------------------------------------------------------------


def _variables(m: Any, y: Any, rowvar: bool, dtype: Any) -> Any:
    """One variable per row, of `m` and of `y`."""
    x = as_tensor(m)
    if x.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    wanted = np.dtype(np.float64 if dtype is None else dtype)
    rows = [np.atleast_2d(x)]
    if y is not None:
        rows.append(np.atleast_2d(as_tensor(y)))
    flipped = [r if rowvar or r.shape[0] == 1 else r.T for r in rows]
    joined = flipped[0] if len(rows) == 1 else np.concatenate(flipped, axis=0)
    return red.operand(joined, np.result_type(joined.dtype, wanted))


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    x = _variables(m, y, rowvar, dtype)
    free = (0 if bias else 1) if ddof is None else ddof
    weights = None if fweights is None else as_tensor(fweights)
    if aweights is not None:
        weights = as_tensor(aweights) if weights is None else weights * aweights
    center = np.average(x, axis=1, weights=weights)
    d = x - np.reshape(center, (-1, 1))
    if weights is None:
        scaled, count = d, max(x.shape[1] - free, 0)
    else:
        total = np.sum(weights)
        scaled = d * cast(weights, dtype=_real(x.dtype))
        lost = np.sum(weights * aweights) / total if aweights is not None else 1
        count = np.maximum(total - free * lost, 0)
    return np.squeeze(np.matmul(d, np.conjugate(scaled.T)) / count)


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.zeros(0, dtype).real.dtype


@implements(np.corrcoef)
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, **unused: Any
) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.real(np.diagonal(c)))
    r = c / np.reshape(spread, (-1, 1)) / spread
    if r.dtype.kind != "c":
        return np.clip(r, -1, 1)
    re, im = np.clip(np.real(r), -1, 1), np.clip(np.imag(r), -1, 1)
    return re + 1j * im


# --- running ------------------------------------------------------------------


def _filled(a: Any, neutral: int) -> Any:
    x = as_tensor(a)
    return choose(np.isnan(x), neutral, x) if x.dtype.kind in "fc" else x


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return red.cumsum(_filled(a, 0), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return red.cumprod(_filled(a, 1), axis, dtype, out)


def _cumulative(
    running: Any, first: int, x: Any, axis: Any, dtype: Any, out: Any, include: bool
) -> Any:
    t = as_tensor(x)
    if axis is None:
        if t.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` "
                             "argument is required.")  # fmt: skip
        axis = 0
    found = running(t, axis, dtype, out)
    if not include:
        return found
    shape = list(found.shape)
    shape[axis] = 1
    return np.concatenate([np.full(shape, first, found.dtype), found], axis=axis)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
    include_initial: bool = False,
) -> Any:  # fmt: skip
    return _cumulative(red.cumsum, 0, x, axis, dtype, out, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
    include_initial: bool = False,
) -> Any:  # fmt: skip
    return _cumulative(red.cumprod, 1, x, axis, dtype, out, include_initial)


# --- positions ----------------------------------------------------------------


@implements(np.nanargmax)
def nanargmax(
    a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = red.NONE
) -> Any:
    only_default("nanargmax", out=(out, None))
    return red.argmax(_without_nan(a, -np.inf), axis, keepdims=keepdims)


@implements(np.nanargmin)
def nanargmin(
    a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = red.NONE
) -> Any:
    only_default("nanargmin", out=(out, None))
    return red.argmin(_without_nan(a, np.inf), axis, keepdims=keepdims)


def _without_nan(a: Any, worst: float) -> Any:
    x = as_tensor(a)
    return choose(np.isnan(x), worst, x) if x.dtype.kind == "f" else x
