"""Medians and quantiles: sorting, and a weighted mean of two neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.errors import UnsupportedError
from tapec.numpy.reductions import NONE, operand, sorted_axes
from tapec.numpy.support import here, only_default
from tapec.ops.cast import cast
from tapec.ops.select import where as choose
from tapec.tensor import as_tensor, implements

__all__ = [
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]

Array = np.ndarray[Any, Any]
INDEX = np.dtype(np.intp)

# Hyndman and Fan, "Sample quantiles in statistical packages" (1996): the place of the
# quantile q among n sorted numbers, counted from 0.
PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda q, n: (n - 1) * q,
    "lower": lambda q, n: np.floor((n - 1) * q),
    "higher": lambda q, n: np.ceil((n - 1) * q),
    "nearest": lambda q, n: np.rint((n - 1) * q),
    "midpoint": lambda q, n: (np.floor((n - 1) * q) + np.ceil((n - 1) * q)) / 2,
    "interpolated_inverted_cdf": lambda q, n: n * q - 1,
    "hazen": lambda q, n: n * q - 0.5,
    "weibull": lambda q, n: (n + 1) * q - 1,
    "median_unbiased": lambda q, n: (n + 1 / 3) * q - 2 / 3,
    "normal_unbiased": lambda q, n: (n + 1 / 4) * q - 5 / 8,
}


def _rows(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The averaged axes sorted in one last axis, and the shape with them kept."""
    axes = sorted_axes(axis, x.ndim)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    moved = np.transpose(x, (*rest, *axes))
    flat = np.reshape(moved, (*(x.shape[a] for a in rest), -1))
    kept = tuple(1 if a in axes else d for a, d in enumerate(x.shape))
    return np.sort(flat, axis=-1), kept


def _shaped(
    out: Any, lead: tuple[int, ...], kept: Any, axis: Any, keepdims: Any
) -> Any:
    """`out` (quantiles last) with the quantiles first and the axes kept or dropped."""
    if keepdims is NONE or not keepdims:
        axes = sorted_axes(axis, len(kept))
        kept = tuple(d for a, d in enumerate(kept) if a not in axes)
    return np.reshape(np.moveaxis(out, -1, 0), (*lead, *kept))


def _between(low: Any, high: Any, weight: Any) -> Any:
    """Linear interpolation, exact at both ends."""
    step = high - low
    return choose(weight < 0.5, low + step * weight, high - step * (1 - weight))


def _levels(q: Any, scale: float) -> Array:
    levels = np.asarray(as_tensor(q).array)
    if levels.size and not (levels.min() >= 0 and levels.max() <= scale):
        limit = "Quantiles must be in the range [0, 1]"
        raise ValueError(limit if scale == 1 else limit.replace("1]", "100]"))
    return levels


# --- quantiles ----------------------------------------------------------------


def _quantile(
    a: Any, q: Any, scale: float, axis: Any, out: Any, method: str, keepdims: Any,
    skip_nan: bool,
) -> Any:  # fmt: skip
    only_default("quantile", out=(out, None))
    place = PLACES.get(method)
    if place is None:
        raise here(UnsupportedError(f"np.quantile: method {method!r} is not supported"))
    x, levels = as_tensor(a), _levels(q, scale)
    tiny = np.zeros(1, x.dtype)
    given = levels if levels.ndim or isinstance(q, np.generic) else levels.item()
    result = np.quantile(tiny, given / scale, method=method).dtype  # type: ignore[call-overload]
    rows, kept = _rows(operand(x, result), axis)
    if rows.shape[-1] == 0:
        none = as_tensor(np.full((*rows.shape[:-1], levels.size), np.nan))
        return _shaped(none, levels.shape, kept, axis, keepdims)
    fractions = levels.ravel() / scale
    if skip_nan and x.dtype.kind == "f":
        found = _at_counted(rows, place, fractions)
    else:
        found = _at_places(rows, place, fractions)
    return _shaped(found, levels.shape, kept, axis, keepdims)


def _at_places(rows: Any, place: Callable[..., Any], q: Array) -> Any:
    """Quantiles at places that are known now; nan if there is a nan (sorted last)."""
    n = rows.shape[-1]
    where = np.clip(place(q, n), 0, n - 1)
    first = np.floor(where).astype(np.intp)
    low = np.take(rows, first, axis=-1)
    high = np.take(rows, np.minimum(first + 1, n - 1), axis=-1)
    found = _between(low, high, (where - first).astype(_float_of(rows.dtype)))
    if rows.dtype.kind != "f":
        return found if found.dtype == rows.dtype else cast(found, dtype=rows.dtype)
    return choose(np.isnan(rows[..., -1:]), np.nan, found)


def _at_counted(rows: Any, place: Callable[..., Any], q: Array) -> Any:
    """Quantiles of what is not nan: the places depend on how much there is."""
    there = np.logical_not(np.isnan(rows))
    n = cast(np.sum(there, axis=-1, keepdims=True), dtype=rows.dtype)
    last = np.maximum(n - 1, 0)
    where = np.minimum(np.maximum(place(q.astype(rows.dtype), n), 0), last)
    first = np.floor(where)
    low = np.take_along_axis(rows, cast(first, dtype=INDEX), axis=-1)
    after = cast(np.minimum(first + 1, last), dtype=INDEX)
    high = np.take_along_axis(rows, after, axis=-1)
    return _between(low, high, where - first)


def _float_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    only_default("quantile", weights=(weights, None))
    return _quantile(a, q, 1, axis, out, method, keepdims, False)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    only_default("percentile", weights=(weights, None))
    return _quantile(a, q, 100, axis, out, method, keepdims, False)


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = NONE, *, weights: Any = None,
) -> Any:  # fmt: skip
    only_default("nanquantile", weights=(weights, None))
    return _quantile(a, q, 1, axis, out, method, keepdims, True)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = NONE, *, weights: Any = None,
) -> Any:  # fmt: skip
    only_default("nanpercentile", weights=(weights, None))
    return _quantile(a, q, 100, axis, out, method, keepdims, True)


# --- medians ------------------------------------------------------------------


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    only_default("median", out=(out, None))
    rows, kept = _rows(as_tensor(a), axis)
    n = rows.shape[-1]
    middle = np.arange((n - 1) // 2, n // 2 + 1) if n else np.arange(0)
    found = np.mean(np.take(rows, middle, axis=-1), axis=-1, keepdims=True)
    if n and rows.dtype.kind == "f":
        found = choose(np.isnan(rows[..., -1:]), np.nan, found)
    return _shaped(found, (), kept, axis, keepdims)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    keepdims: Any = NONE,
) -> Any:  # fmt: skip
    x = as_tensor(a)
    if x.dtype.kind != "f":
        return median(x, axis, out, overwrite_input, keepdims)
    return _quantile(x, 0.5, 1, axis, out, "linear", keepdims, True)
