"""Norms of vectors and matrices; the gradient of a norm at zero is zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.numpy.shapes import moveaxis, ravel, reshape
from tapec.numpy.support import axes_of
from tapec.ops import spectral
from tapec.ops.linalg import inv
from tapec.tensor import as_tensor, implements

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _floating(x)
    if axis is None and (ord is None or (x.ndim <= 2 and ord in ("fro", "f", 2) and (
        x.ndim == 1 or ord != 2
    ))):  # fmt: skip
        total = _euclidean(ravel(x), (0,), keepdims=False)
        return reshape(total, (1,) * x.ndim) if keepdims else total
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return _vector(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


@implements(np.linalg.vector_norm)
def vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Any:
    x = _floating(x)
    return _vector(x, ord, axes_of(axis, x.ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return _matrix(_floating(x), ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    x = _floating(x)
    if p in (None, 2, -2):
        s = spectral.svd(x)[1]
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))


def _floating(x: Any) -> Any:
    x = as_tensor(x)
    return x if x.dtype.kind in "fc" else x * 1.0


def _squared(x: Any) -> Any:
    """|x|² without the square root that the absolute value of complex numbers takes."""
    if x.dtype.kind == "c":
        return np.real(x) ** 2 + np.imag(x) ** 2
    return x * x


def _euclidean(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return _root(_squared(x).sum(axis=axes, keepdims=keepdims), 0.5)


def _root(s: Any, power: float) -> Any:
    """s ** power, where 0 keeps no gradient although its slope is infinite."""
    root = np.sqrt(s) if power == 0.5 else s**power
    return np.where(s == 0, 0, root)


def _vector(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    options: dict[str, Any] = {"axis": axes, "keepdims": keepdims}
    if ord is None or ord == 2:
        return _euclidean(x, axes, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == math.inf:
        return np.max(abs(x), **options)
    if ord == -math.inf:
        return np.min(abs(x), **options)
    if ord == 0:
        return np.sum((x != 0).astype(abs(x).dtype), **options)
    if ord == 1:
        return np.sum(abs(x), **options)
    if ord < 0:
        return np.sum(abs(x) ** ord, **options) ** (1 / ord)
    return _root(np.sum(abs(x) ** ord, **options), 1 / ord)


def _matrix(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    x = moveaxis(x, axes, (-2, -1))
    if ord in (None, "fro", "f"):
        found = _euclidean(x, (-2, -1), keepdims=False)
    elif ord in (2, -2, "nuc"):
        s = spectral.svd(x)[1]
        chosen: Any = {2: np.max, -2: np.min, "nuc": np.sum}[ord]
        found = chosen(s, axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        along = -2 if abs(ord) == 1 else -1
        chosen = np.max if ord > 0 else np.min
        found = chosen(np.sum(abs(x), axis=along), axis=-1)
    else:
        raise ValueError("Invalid norm order for matrices.")
    if not keepdims:
        return found
    places = axes_of(axes, x.ndim)
    shape = list(found.shape)
    for place in sorted(places):
        shape.insert(place, 1)
    return reshape(found, shape)
