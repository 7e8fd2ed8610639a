"""`np.fft`: Fourier transforms, real and complex, along one axis or several."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.ir import Dim
from tapec.numpy.rearranging import roll
from tapec.numpy.support import as_array, axes_of, axis_of, here, only_default
from tapec.ops import fourier
from tapec.ops.cast import cast
from tapec.ops.complex import conj
from tapec.tensor import as_tensor, implements

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

fftfreq, rfftfreq = np.fft.fftfreq, np.fft.rfftfreq

_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho"}
_SWAPPED["forward"] = "backward"


# --- one axis -----------------------------------------------------------------


def _along(
    x: Any, n: Any, axis: int, norm: str | None, inverse: bool, name: str
) -> Any:
    """The complex transform of `n` elements (None: all) along `axis`, scaled."""
    if norm not in _SWAPPED:
        text = 'should be None, "backward", "ortho" or "forward"'
        raise ValueError(f"Invalid norm value {norm!r}; {text}.")
    axis = axis_of(axis, x.ndim)
    x = _resized(x, n, axis, name)
    n = x.shape[axis]
    out = fourier.fft(_complex(x), axis=axis, inverse=inverse)
    if norm == "ortho":
        return out / _root(n)
    return out / n if (norm == "forward") != inverse else out


def _root(n: Any) -> Any:
    """The square root of a length, which may be symbolic."""
    return np.sqrt(as_tensor(n)) if type(n) is Dim else n**0.5


def _complex(x: Any) -> Any:
    if x.dtype.kind == "c":
        return x
    return cast(x, dtype=np.dtype("F" if x.dtype.char in "efF" else "D"))


def _resized(x: Any, n: Any, axis: int, name: str) -> Any:
    """`x` cut, or filled up with zeros, to `n` elements along `axis`."""
    size = x.shape[axis]
    n = size if n is None else operator.index(n)
    if not isinstance(n, Dim) and n < 1:
        text = f"np.fft.{name}: {n} elements along axis {axis} of {x.type!r}"
        raise here(ShapeError(f"{text}; at least one is needed"))
    if n == size:
        return x
    if n < size:
        return x[(slice(None),) * axis + (slice(n),)]
    return np.pad(x, [(0, (n - size) * (k == axis)) for k in range(x.ndim)])


@implements(np.fft.fft)
def fft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    only_default("fft.fft", out=(out, None))
    return _along(as_array(a), n, axis, norm, False, "fft")


@implements(np.fft.ifft)
def ifft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    only_default("fft.ifft", out=(out, None))
    return _along(as_array(a), n, axis, norm, True, "ifft")


@implements(np.fft.rfft)
def rfft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    """The first half of `fft`: the other one is its mirror image."""
    only_default("fft.rfft", out=(out, None))
    x = as_array(a)
    if x.dtype.kind == "c":
        raise TypeError("np.fft.rfft takes real numbers; use np.fft.fft")
    axis = axis_of(axis, x.ndim)
    whole = _along(x, n, axis, norm, False, "rfft")
    half = whole.shape[axis] // 2 + 1
    return whole[(slice(None),) * axis + (slice(half),)]


@implements(np.fft.irfft)
def irfft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    """The real numbers that `rfft` came from: every term but the ends counts twice."""
    only_default("fft.irfft", out=(out, None))
    x = as_array(a)
    axis = axis_of(axis, x.ndim)
    n = 2 * (x.shape[axis] - 1) if n is None else operator.index(n)
    if n < 1:
        text = f"np.fft.irfft: {n} elements along axis {axis}"
        raise here(ShapeError(f"{text}; at least one is needed"))
    half = _resized(_complex(x), n // 2 + 1, axis, "irfft")
    twice = np.full(n // 2 + 1, 2, np.real(half).dtype)
    twice[0] = 1
    twice[(n + 1) // 2 :] = 1  # the middle one, if n is even
    weights = twice.reshape(-1, *[1] * (x.ndim - axis - 1))
    out = np.real(_along(half * weights, n, axis, norm, True, "irfft"))
    return out if x.dtype.char != "e" else cast(out, dtype=x.dtype)


@implements(np.fft.hfft)
def hfft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    """The real transform of numbers of which the first half of a mirror is given."""
    only_default("fft.hfft", out=(out, None))
    return irfft(conj(as_array(a)), n, axis, _SWAPPED.get(norm, norm))


@implements(np.fft.ihfft)
def ihfft(
    a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> Any:
    only_default("fft.ihfft", out=(out, None))
    return conj(rfft(a, n, axis, _SWAPPED.get(norm, norm)))


# --- several axes -------------------------------------------------------------


def _plan(x: Any, s: Any, axes: Any) -> tuple[list[Any], list[int]]:
    """The lengths and the axes, one for one; -1 is the length that `x` has."""
    if axes is None:
        count = x.ndim if s is None else len(s)
        axes = range(x.ndim - count, x.ndim)
    axes = [axis_of(axis, x.ndim) for axis in axes]
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    pairs = zip(lengths, axes, strict=True)
    return [x.shape[axis] if n == -1 else n for n, axis in pairs], axes


def _each(
    one: Callable[..., Any], x: Any, lengths: Any, axes: Any, norm: str | None
) -> Any:
    """`one` along each of the axes, the last one first."""
    for n, axis in reversed(list(zip(lengths, axes, strict=True))):
        x = one(x, n, axis, norm)
    return x


@implements(np.fft.fftn)
def fftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> Any:
    only_default("fft.fftn", out=(out, None))
    x = as_array(a)
    return _each(fft, x, *_plan(x, s, axes), norm)


@implements(np.fft.ifftn)
def ifftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> Any:
    only_default("fft.ifftn", out=(out, None))
    x = as_array(a)
    return _each(ifft, x, *_plan(x, s, axes), norm)


@implements(np.fft.rfftn)
def rfftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> Any:
    """`rfft` along the last axis, `fft` along the others."""
    only_default("fft.rfftn", out=(out, None))
    x = as_array(a)
    lengths, axes = _plan(x, s, axes)
    x = rfft(x, lengths[-1], axes[-1], norm)
    return _each(fft, x, lengths[:-1], axes[:-1], norm)


@implements(np.fft.irfftn)
def irfftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> Any:
    """`ifft` along all axes but the last, then `irfft` along that."""
    only_default("fft.irfftn", out=(out, None))
    x = as_array(a)
    lengths, axes = _plan(x, s, axes)
    x = _each(ifft, x, lengths[:-1], axes[:-1], norm)
    return irfft(x, lengths[-1], axes[-1], norm)


def _planar(many: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same along the last two axes."""

    def two(
        a: Any, s: Any = None, axes: Sequence[int] = (-2, -1),
        norm: str | None = None, out: Any = None,
    ) -> Any:  # fmt: skip
        return many(a, s, axes, norm, out)

    two.__name__ = two.__qualname__ = name
    return implements(getattr(np.fft, name))(two)


fft2 = _planar(fftn, "fft2")
ifft2 = _planar(ifftn, "ifft2")
rfft2 = _planar(rfftn, "rfft2")
irfft2 = _planar(irfftn, "irfft2")


# --- order --------------------------------------------------------------------


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The zero frequency in the middle."""
    return _shifted(x, axes, 1)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, -1)


def _shifted(a: Any, axes: Any, sign: int) -> Any:
    x = as_array(a)
    axes = axes_of(axes, x.ndim)
    return roll(x, [sign * (x.shape[axis] // 2) for axis in axes], axes)
