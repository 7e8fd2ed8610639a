"""Ops whose results are positions in an array: integers, nothing to differentiate."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tapec.batching import Batch, along
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.primitive import HOST, Index, Sample, primitive

__all__ = ["argsort", "flatnonzero", "iota", "searchsorted"]

I64 = np.dtype(np.int64)


# --- iota ---------------------------------------------------------------------


def _iota_type(*, length: int) -> ArrayType:
    return ArrayType(I64, (length,))


def _iota(*, length: int) -> Any:
    return np.arange(length, dtype=np.int64)


def _iota_samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((), {"length": n}) for n in (3, 0)]


iota = primitive(
    name="iota",
    doc="0, 1, 2, ..., length - 1.",
    reference=_iota,
    type_rule=_iota_type,
    vjp=(),
    lower=Index(lambda k, op, index: index[0]),
    samples=_iota_samples,
    liveness="keep",
    affine=True,
)


# --- flatnonzero --------------------------------------------------------------


def _flatnonzero_type(mask: ArrayType, *, count: int) -> ArrayType:
    if mask.dtype != np.bool_ or mask.ndim != 1:
        raise DTypeError(f"flatnonzero: the operand is no flat mask: {mask!r}")
    return ArrayType(I64, (count,))


def _flatnonzero(mask: Any, *, count: int) -> Any:
    found = np.flatnonzero(mask)
    if len(found) != count:
        raise ValueError(f"flatnonzero: {len(found)} true elements, not {count}")
    return found


def _flatnonzero_samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((np.array([False, True, True]),), {"count": 2})]


flatnonzero = primitive(
    name="flatnonzero",
    doc="Positions of the true elements of a flat mask that has `count` of them.",
    reference=_flatnonzero,
    type_rule=_flatnonzero_type,
    vjp=None,
    lower=HOST,
    samples=_flatnonzero_samples,
    may_raise=True,
)


# --- argsort ------------------------------------------------------------------


def _argsort_type(x: ArrayType, *, axis: int) -> ArrayType:
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"argsort: no axis {axis} in {x!r}")
    return ArrayType(I64, x.shape)


def _argsort(x: Any, *, axis: int) -> Any:
    return np.argsort(x, axis, kind="stable")


def _argsort_samples(rng: np.random.Generator) -> list[Sample]:
    x = rng.uniform(-1.0, 1.0, (3, 4))
    return [Sample((x,), {"axis": 0}), Sample((np.round(x),), {"axis": 1})]


argsort = primitive(
    name="argsort",
    doc="Positions that sort `x` along `axis`; equal elements keep their order.",
    reference=_argsort,
    type_rule=_argsort_type,
    vjp=None,
    lower=HOST,
    samples=_argsort_samples,
    batch=along,
)


# --- searchsorted -------------------------------------------------------------


def _searchsorted_type(a: ArrayType, v: ArrayType, *, side: str) -> ArrayType:
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: the sorted array must have one axis: {a!r}")
    return ArrayType(I64, v.shape)


def _searchsorted(a: Any, v: Any, *, side: Literal["left", "right"]) -> Any:
    return np.searchsorted(a, v, side)


def _searchsorted_samples(rng: np.random.Generator) -> list[Sample]:
    a, v = np.arange(4.0), rng.uniform(-1.0, 5.0, (2, 3))
    return [
        Sample((a, v), {"side": "left"}),
        Sample((a, np.round(v)), {"side": "right"}),
        Sample((a[:0], v), {"side": "left"}),
    ]


def _searchsorted_batch(batch: Batch, a: Any, v: Any, *, side: str) -> Any:
    """Another `a` for each element: its numbers before `v`, nan last, are counted."""
    if not batch.which[0]:
        return searchsorted(a, v, side=side)
    if a.dtype.kind == "c" or v.dtype.kind == "c":
        return NotImplemented
    v = batch.spread(1, v)
    ones = [1] * (v.ndim - 1)
    x = np.reshape(a, (batch.size, *ones, a.shape[1]))
    y = np.reshape(v, (*v.shape, 1))
    if side == "left":
        before = (x < y) | (np.isnan(y) & ~np.isnan(x))
    else:
        before = (x <= y) | np.isnan(y)
    return np.sum(before, axis=-1, dtype=np.int64)


searchsorted = primitive(
    name="searchsorted",
    doc="Where elements of `v` go in the sorted `a`: before or after (`side`) equals.",
    reference=_searchsorted,
    type_rule=_searchsorted_type,
    vjp=None,
    lower=HOST,
    samples=_searchsorted_samples,
    batch=_searchsorted_batch,
)
