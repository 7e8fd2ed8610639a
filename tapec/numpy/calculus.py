"""Sampled functions: slopes, areas, convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.joining import concatenate
from tapec.numpy.shapes import moveaxis, reshape
from tapec.numpy.support import as_array, axes_of, axis_of, common_cast, here
from tapec.ops.correlate import correlate as sliding
from tapec.ops.index import unslice
from tapec.tensor import implements

__all__ = [
    "convolve",
    "correlate",
    "gradient",
    "polyval",
    "trapezoid",
    "unwrap",
    "vander",
]


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    axis = axis_of(axis, y.ndim)
    if x is not None:
        x = as_array(x)
        if x.ndim == 1:
            dx = np.diff(x)
            dx = reshape(dx, [dx.size if i == axis else 1 for i in range(y.ndim)])
        else:
            dx = np.diff(x, axis=axis)
    before = (slice(None),) * axis
    left, right = y[(*before, slice(None, -1))], y[(*before, slice(1, None))]
    return np.sum(dx * (left + right) / 2.0, axis=axis)


if hasattr(np, "trapz"):  # gone in NumPy 2.4
    implements(np.trapz)(trapezoid)


# --- slopes -------------------------------------------------------------------


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_array(f)
    axes = axes_of(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError("invalid number of arguments")
    spacings = list(varargs) * (len(axes) // len(varargs)) if varargs else [1.0] * 9
    if f.dtype.kind not in "fc":
        f = f * 1.0
    slopes = [
        _slope(f, as_array(h), i, edge_order)
        for i, h in zip(axes, spacings, strict=False)
    ]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    """Second-order differences inside, one-sided ones of `edge_order` at the ends."""
    n = f.shape[axis]
    if n < edge_order + 1:
        text = f"gradient: {f.type!r} is too short along axis {axis}"
        raise here(ShapeError(text))
    y = moveaxis(f, axis, 0)
    steps = np.diff(h) if h.ndim else np.broadcast_to(h, (n - 1,))
    if steps.shape != (n - 1,):
        raise here(ShapeError(f"gradient: {h.type!r} are no distances for {f.type!r}"))
    d = reshape(steps, (n - 1,) + (1,) * (y.ndim - 1))
    a, b = d[:-1], d[1:]
    if h.ndim == 0:
        inner = (y[2:] - y[:-2]) / (2.0 * h)
    else:
        inner = (
            -b / (a * (a + b)) * y[:-2]
            + (b - a) / (a * b) * y[1:-1]
            + a / (b * (a + b)) * y[2:]
        )
    first = _end_slope(y, d, edge_order)
    last = -_end_slope(y[::-1], d[::-1], edge_order)
    return moveaxis(concatenate([first, inner, last]), 0, axis)


def _end_slope(y: Any, d: Any, edge_order: int) -> Any:
    """The slope at the first point."""
    if edge_order == 1:
        return (y[1:2] - y[:1]) / d[:1]
    a, b = d[:1], d[1:2]
    return (
        -(2.0 * a + b) / (a * (a + b)) * y[:1]
        + (a + b) / (a * b) * y[1:2]
        - a / (b * (a + b)) * y[2:3]
    )


# --- convolution --------------------------------------------------------------


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = common_cast(a, v)
    if v.size > a.size:
        a, v = v, a
    return _sliding(a, v[::-1], mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = common_cast(a, v)
    v = np.conjugate(v)
    if v.size > a.size:
        return _sliding(v, a, mode)[::-1]
    return _sliding(a, v, mode)


def _sliding(a: Any, v: Any, mode: str) -> Any:
    """Products of the shorter `v` with every window of `a`."""
    n, m = a.size, v.size
    if a.ndim > 1 or v.ndim > 1 or m == 0:
        raise here(ShapeError(f"convolve: {a.type!r} with {v.type!r}"))
    if mode not in ("full", "same", "valid"):
        raise ValueError(
            f"mode must be one of 'valid', 'same', or 'full' (got '{mode}')"
        )
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    after = {"full": m - 1, "same": m - 1 - m // 2, "valid": 0}[mode]
    if before or after:
        a = unslice(a, shape=(n + before + after,), start=(before,), step=(1,))
    return sliding(a, v)


# --- polynomials and angles ---------------------------------------------------


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    p, x = as_array(p), as_array(x)
    y = np.zeros_like(x * p[:1].sum())
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = as_array(x)
    n = x.size if N is None else int(N)
    columns = [np.ones_like(x)]
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    columns = columns[:n] if increasing else columns[:n][::-1]
    return np.stack(columns, axis=-1)


@implements(np.unwrap)
def unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: Any = 6.283185307179586
) -> Any:
    p = as_array(p)
    axis = axis_of(axis, p.ndim)
    y = moveaxis(p, axis, -1)
    step = np.diff(y)
    half = period / 2
    turned = (step + half) % period - half
    turned = np.where((turned == -half) & (step > 0), half, turned)
    limit = half if discont is None else max(discont, half)
    correction = np.where(abs(step) < limit, 0, turned - step)
    rest = y[..., 1:] + np.cumsum(correction, axis=-1)
    return moveaxis(concatenate([y[..., :1], rest], -1), -1, axis)
