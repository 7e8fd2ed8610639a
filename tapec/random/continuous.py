"""Floating random numbers, as differentiable functions of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import DTypeError, ShapeError
from tapec.numpy.support import here
from tapec.ops.cast import cast
from tapec.ops.quantile import ndtri
from tapec.ops.special import ndtr
from tapec.random.keys import draw, like_arguments, shape_of
from tapec.tensor import as_tensor

__all__ = ["exponential", "gumbel", "normal", "truncated_normal", "uniform"]

Number = (int, float)


@like_arguments
def uniform(
    key: Any, shape: Any = None, low: Any = 0.0, high: Any = 1.0,
    dtype: Any = np.float64,
) -> Any:  # fmt: skip
    """Uniformly distributed numbers of `low <= x < high`.

    shape: of the result; without it that of the parameters, which broadcast.
    Differentiable in `low` and `high`; where these are wide apart, rounding may give
    `high` itself.

    DTypeError for a dtype that is not real floating; ShapeError if the parameters do
    not broadcast to `shape`.

    >>> import tapec
    >>> x = tapec.random.uniform(tapec.random.key(0), (1000,), low=-1.0)
    >>> bool(-1 <= x.min() < -0.9 and 0.9 < x.max() < 1)
    True
    """
    dtype = _floating("uniform", dtype)
    shape = shape_of(shape, low, high)
    u = _unit("uniform", key, shape, dtype)
    if _plain(low, 0) and _plain(high, 1):
        return u
    low, high = _parameters(dtype, low, high)
    return _shaped("uniform", low + (high - low) * u, shape)


@like_arguments
def normal(
    key: Any, shape: Any = None, mean: Any = 0.0, std: Any = 1.0,
    dtype: Any = np.float64,
) -> Any:  # fmt: skip
    """Normally distributed numbers, differentiable in `mean` and `std`.

    shape: of the result; without it that of the parameters, which broadcast. Made by
    the quantile function: a larger draw of bits is a larger number, at most 8.2
    standard deviations away. Errors as for `uniform`.

    >>> import numpy as np, tapec
    >>> loss = lambda std, key: np.mean(tapec.random.normal(key, (1000,), std=std) ** 2)
    >>> round(tapec.grad(loss)(0.5, tapec.random.key(0)), 1)
    1.0
    """
    dtype = _floating("normal", dtype)
    shape = shape_of(shape, mean, std)
    z = cast(ndtri(_inside("normal", key, shape, np.float64)), dtype=dtype)
    return _shaped("normal", _moved(z, mean, std, dtype), shape)


@like_arguments
def truncated_normal(
    key: Any, shape: Any = None, low: Any = -2.0, high: Any = 2.0, mean: Any = 0.0,
    std: Any = 1.0, dtype: Any = np.float64,
) -> Any:  # fmt: skip
    """Normally distributed numbers between `low` and `high` standard deviations.

    The bounds are counted from the mean. Differentiable in all four parameters; shape
    and errors as for `normal`.

    >>> import tapec
    >>> x = tapec.random.truncated_normal(tapec.random.key(0), (1000,), low=0.0)
    >>> bool(0 <= x.min() and x.max() <= 2)
    True
    """
    dtype = _floating("truncated_normal", dtype)
    shape = shape_of(shape, low, high, mean, std)
    u = _inside("truncated_normal", key, shape, np.float64)
    low, high = _parameters(np.dtype(np.float64), *map(as_tensor, (low, high)))
    above = low > 0  # ndtr is accurate in the lower tail
    first, last = np.where(above, -high, low), np.where(above, -low, high)
    start = ndtr(first)
    z = np.clip(ndtri(start + (ndtr(last) - start) * u), first, last)
    z = cast(np.where(above, -z, z), dtype=dtype)
    return _shaped("truncated_normal", _moved(z, mean, std, dtype), shape)


@like_arguments
def exponential(
    key: Any, shape: Any = None, scale: Any = 1.0, dtype: Any = np.float64
) -> Any:
    """Exponentially distributed numbers of mean `scale`, differentiable in it.

    Shape and errors as for `uniform`.

    >>> import tapec
    >>> bool(tapec.random.exponential(tapec.random.key(0), (5,)).min() >= 0)
    True
    """
    dtype = _floating("exponential", dtype)
    shape = shape_of(shape, scale)
    x = -np.log1p(-_unit("exponential", key, shape, dtype))
    return _shaped("exponential", _moved(x, 0.0, scale, dtype), shape)


@like_arguments
def gumbel(
    key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0,
    dtype: Any = np.float64,
) -> Any:  # fmt: skip
    """Gumbel-distributed numbers, differentiable in `loc` and `scale`.

    Shape and errors as for `uniform`.

    >>> import tapec
    >>> tapec.random.gumbel(tapec.random.key(0), (2, 3)).shape
    (2, 3)
    """
    dtype = _floating("gumbel", dtype)
    shape = shape_of(shape, loc, scale)
    x = -np.log(-np.log(_inside("gumbel", key, shape, dtype)))
    return _shaped("gumbel", _moved(x, loc, scale, dtype), shape)


# --- numbers between 0 and 1 ----------------------------------------------------------


def _unit(name: str, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """0 <= u < 1: multiples of the distance between numbers just below 1."""
    width = np.finfo(dtype).nmant + 1
    whole = cast(draw(name, key, shape, width), dtype=np.dtype(dtype))
    return whole * 2.0**-width


def _inside(name: str, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """0 < u < 1: the middles of as many intervals as there are exact middles."""
    width = np.finfo(dtype).nmant
    whole = cast(draw(name, key, shape, width), dtype=np.dtype(dtype))
    return (whole + 0.5) * 2.0**-width


# --- parameters -----------------------------------------------------------------------


def _floating(name: str, dtype: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind != "f" or found.itemsize > 8:
        raise here(DTypeError(f"{name}: {found} is no real floating dtype"))
    return found


def _plain(x: Any, number: int) -> bool:
    return type(x) in Number and x == number


def _parameters(dtype: np.dtype[Any], *given: Any) -> list[Any]:
    """Python numbers as they are, all else in the dtype of the result."""
    found = []
    for x in given:
        if type(x) not in Number:
            t = as_tensor(x)
            x = t if t.kind is not t.type or t.dtype == dtype else cast(t, dtype=dtype)
        found.append(x)
    return found


def _moved(x: Any, loc: Any, scale: Any, dtype: np.dtype[Any]) -> Any:
    loc, scale = _parameters(dtype, loc, scale)
    x = x if _plain(scale, 1) else scale * x
    return x if _plain(loc, 0) else loc + x


def _shaped(name: str, x: Any, shape: tuple[int, ...]) -> Any:
    if x.shape != shape:
        text = f"{name}: parameters of a result of shape {x.shape} for shape={shape}"
        raise here(ShapeError(text))
    return x
