"""New arrays: from nested lists that hold tensors, from traced numbers, like others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy.joining import concatenate, stack
from tapec.numpy.shapes import broadcast_to, moveaxis, reshape
from tapec.numpy.support import alias, as_array, as_arrays, here, integer, integers
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.ops.positions import iota
from tapec.tensor import implements

__all__ = [
    "arange",
    "array",
    "copy",
    "empty",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "zeros",
    "zeros_like",
]


@implements(np.array, np.asarray, np.asanyarray, np.ascontiguousarray)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: Any = None,
    subok: bool = False, ndmin: int = 0, like: Any = None, device: Any = None,
) -> Any:  # fmt: skip
    x = _nested(object)
    if dtype is not None and x.dtype != np.dtype(dtype):
        x = cast(x, dtype=np.dtype(dtype))
    return reshape(x, (1,) * (ndmin - x.ndim) + x.shape)


def _nested(x: Any) -> Any:
    """A nest of lists as one tensor; the parts may be tensors."""
    if not isinstance(x, (list, tuple)):
        return as_array(x)
    if not _holds_tensor(x):
        return as_array(np.array(x))
    parts = [_nested(e) for e in x]
    if len({p.shape for p in parts}) > 1:
        listed = ", ".join(repr(p.type) for p in parts)
        raise here(ShapeError(f"array: the elements differ in shape: {listed}"))
    return stack(parts)


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_holds_tensor(e) for e in x)
    return isinstance(x, Operators)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return alias(as_array(a))


if hasattr(np, "astype"):  # NumPy 2.1

    @implements(np.astype)
    def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return cast(as_array(x), dtype=np.dtype(dtype))


# --- filled arrays ------------------------------------------------------------


@implements(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **options: Any
) -> Any:
    value = array(fill_value, dtype)
    return broadcast_to(value, integers(shape))


def _filled(shape: Any, dtype: Any, number: int) -> Any:
    scalar = np.dtype(dtype or float).type(number)
    return broadcast_to(as_array(scalar), integers(shape))


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
    return _filled(shape, dtype, 0)


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
    return _filled(shape, dtype, 1)


@implements(np.empty)
def empty(shape: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
    return _filled(shape, dtype, 0)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Any:  # fmt: skip
    x = as_array(a)
    return _filled(x.shape if shape is None else shape, dtype or x.dtype, 0)


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Any:  # fmt: skip
    x = as_array(a)
    return _filled(x.shape if shape is None else shape, dtype or x.dtype, 1)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
    shape: Any = None, *, device: Any = None,
) -> Any:  # fmt: skip
    x = as_array(a)
    wanted = x.dtype if dtype is None else dtype
    return full(x.shape if shape is None else shape, fill_value, wanted)


# --- fixed matrices -----------------------------------------------------------


@implements(np.eye)
def eye(N: int, M: Any = None, k: int = 0, dtype: Any = float, **options: Any) -> Any:
    return as_array(np.eye(N, M, k, dtype))


@implements(np.identity)
def identity(n: int, dtype: Any = None, *, like: Any = None) -> Any:
    return as_array(np.identity(n, dtype))


@implements(np.tri)
def tri(
    N: int, M: Any = None, k: int = 0, dtype: Any = float, *, like: Any = None
) -> Any:
    return as_array(np.tri(N, M, k, dtype))


# --- ranges -------------------------------------------------------------------


@implements(np.arange)
def arange(*args: Any, dtype: Any = None, **options: Any) -> Any:
    """The length must be known: traced arguments are looked at, which leaves checks."""
    numbers = [a.__index__() if isinstance(a, Operators) else a for a in args]
    return as_array(np.arange(*numbers, dtype=dtype))


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    a, b = (x * 1.0 for x in as_arrays((start, stop)))
    n = integer(num)
    if n < 0:
        raise ValueError(f"Number of samples, {n}, must be non-negative.")
    pieces = n - 1 if endpoint else n
    step = (b - a) / (pieces if pieces > 0 else np.nan)
    places = reshape(cast(iota(length=n), dtype=step.dtype), (n, *[1] * step.ndim))
    y = places * step + a if pieces > 0 else places * (b - a) + a
    if endpoint and n > 1:
        last = reshape(broadcast_to(b, step.shape), (1, *step.shape))
        y = concatenate([y[:-1], last])
    y = moveaxis(y, 0, axis)
    if dtype is not None:
        y = np.floor(y) if np.dtype(dtype).kind in "iu" else y
        y = cast(y, dtype=np.dtype(dtype))
    return (y, step) if retstep else y


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else cast(y, dtype=np.dtype(dtype))


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    a, b = (x * 1.0 for x in as_arrays((start, stop)))
    y = np.sign(a) * np.exp(linspace(np.log(abs(a)), np.log(abs(b)), num, endpoint))
    return moveaxis(y if dtype is None else cast(y, dtype=np.dtype(dtype)), 0, axis)


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    xs = as_arrays(xi)
    n = len(xs)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[:2] = 1, 0
    shape = [0] * n
    for i, x in zip(order, xs, strict=True):
        shape[i] = x.size
    grids = [
        reshape(x, [x.size if j == i else 1 for j in range(n)])
        for i, x in zip(order, xs, strict=True)
    ]
    return tuple(grids if sparse else [broadcast_to(g, shape) for g in grids])
