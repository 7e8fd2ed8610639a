"""Correlation of two sequences: the one sliding product that convolutions reduce to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.ops.gather import gather
from tapec.ops.index import slice_, unslice
from tapec.ops.matmul import matmul
from tapec.ops.positions import iota
from tapec.ops.shape import flip, reshape
from tapec.primitive import HOST, Sample, primitive
from tapec.promotion import promote_together

__all__ = ["correlate"]


def _correlate_type(a: ArrayType, v: ArrayType) -> ArrayType:
    if a.dtype != v.dtype:
        raise DTypeError(f"correlate: operands of mixed dtype: {a!r} with {v!r}")
    if a.ndim != 1 or v.ndim != 1 or not 1 <= v.size <= a.size:
        raise ShapeError(f"correlate: shapes do not fit: {a!r} with {v!r}")
    return ArrayType(a.dtype, (a.size - v.size + 1,))


def _correlate_vjp_a(ct: Any, out: Any, a: Any, v: Any) -> Any:
    edge = v.shape[0] - 1
    wide = unslice(ct, shape=(out.shape[0] + 2 * edge,), start=(edge,), step=(1,))
    return correlate(wide, flip(conj(v), axis=(0,)))


def _correlate_vjp_v(ct: Any, out: Any, a: Any, v: Any) -> Any:
    return correlate(conj(a), ct)


def _correlate(a: Any, v: Any) -> Any:
    return np.convolve(a, v[::-1], "valid")


def _correlate_samples(rng: np.random.Generator) -> list[Sample]:
    a, v = rng.uniform(-1.0, 1.0, 5), rng.uniform(-1.0, 1.0, 3)
    return [Sample((a, v)), Sample((a, a)), Sample((a, v[:1]))]


def _correlate_windows(batch: Batch, a: Any, v: Any) -> Any:
    """Another `v` for each example: products of matrices, a row for each place."""
    m = v.shape[-1]
    n = a.shape[-1] - m + 1
    column, row = iota(length=n), iota(length=m)
    places = reshape(column, shape=(n, 1)) + row
    windows = gather(a, places, axis=len(a.shape) - 1)
    found = matmul(windows, reshape(v, shape=(batch.size, m, 1)))
    return reshape(found, shape=(batch.size, n))


def _correlate_batch(batch: Batch, a: Any, v: Any) -> Any:
    """All examples end to end: places where `v` reaches into the next are left out."""
    if batch.which[1] or not batch.size:
        return _correlate_windows(batch, a, batch.spread(1, v))
    edge = v.shape[0] - 1
    flat = correlate(reshape(a, shape=(a.size,)), v)
    whole = unslice(flat, shape=(a.size,), start=(0,), step=(1,))
    rows = reshape(whole, shape=a.shape)
    stop = (batch.size, a.shape[1] - edge)
    return slice_(rows, start=(0, 0), stop=stop, step=(1, 1))


correlate = primitive(
    name="correlate",
    doc="The sums of `a[i + j] * v[j]` over `j`, for every `i` where `v` fits in.",
    reference=_correlate,
    type_rule=_correlate_type,
    vjp=(_correlate_vjp_a, _correlate_vjp_v),
    lower=HOST,
    samples=_correlate_samples,
    batch=_correlate_batch,
    promote=promote_together,
)
