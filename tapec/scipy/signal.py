"""`scipy.signal` on tensors: `from tapec.scipy import signal`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy import fft as fourier
from tapec.tensor import as_tensor

__all__ = ["convolve", "correlate"]

SHIFTS = 64
"""Elements of the smaller operand up to which shifted products are added."""


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of as many axes.

    mode: "full"; "same", the middle of it with the shape of in1; "valid", where the
    smaller one lies within the other. method: "direct" adds shifted products, "fft"
    multiplies transforms, "auto" takes the first for at most 64 of them.

    Raises ShapeError where the numbers of axes differ, or neither holds the other.

    >>> import numpy as np, tapec
    >>> from tapec.scipy import signal
    >>> f = lambda x: np.sum(signal.convolve(x, [1.0, -1.0], mode="valid") ** 2)
    >>> print(tapec.grad(f)(np.array([1.0, 3.0, 4.0])))
    [-4.  2.  2.]
    """
    a, v = as_tensor(in1), as_tensor(in2)
    if a.ndim != v.ndim:
        raise ShapeError(f"convolve: {a.ndim} axes with {v.ndim}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolve: mode is full, same or valid, not {mode!r}")
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: method is auto, direct or fft, not {method!r}")
    sizes = a.shape, v.shape
    if mode == "valid" and not (_holds(*sizes) or _holds(*reversed(sizes))):
        raise ShapeError(
            f"convolve: neither of {a.shape} and {v.shape} holds the other"
        )
    if a.ndim == 0:
        return a * v
    big, small = (v, a) if v.size > a.size else (a, v)
    direct = method == "direct" or (method == "auto" and small.size <= SHIFTS)
    whole = (_by_shifts if direct else _by_transforms)(big, small)
    return _part(whole, mode, *sizes)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The correlation: `convolve` with in2 conjugated and turned around."""
    return convolve(in1, np.conj(np.flip(as_tensor(in2))), mode, method)


def _holds(outer: Any, inner: Any) -> bool:
    return all(m >= n for m, n in zip(outer, inner, strict=True))


def _by_shifts(big: Any, small: Any) -> Any:
    total: Any = 0.0
    for place in np.ndindex(*small.shape):
        after = [n - 1 - i for i, n in zip(place, small.shape, strict=True)]
        moved = np.pad(big, [*zip(place, after, strict=True)])
        total = total + moved * small[place]
    return total


def _by_transforms(a: Any, v: Any) -> Any:
    shape = tuple(m + n - 1 for m, n in zip(a.shape, v.shape, strict=True))
    axes = tuple(range(len(shape)))
    if a.dtype.kind == "c" or v.dtype.kind == "c":
        there, back = fourier.fftn, fourier.ifftn
    else:
        there, back = fourier.rfftn, fourier.irfftn
    return back(there(a, shape, axes) * there(v, shape, axes), shape, axes)


def _part(whole: Any, mode: str, first: Any, second: Any) -> Any:
    if mode == "full":
        return whole
    wanted = first
    if mode == "valid":
        wanted = tuple(abs(m - n) + 1 for m, n in zip(first, second, strict=True))
    starts = [(n - w) // 2 for n, w in zip(whole.shape, wanted, strict=True)]
    return whole[tuple(slice(s, s + w) for s, w in zip(starts, wanted, strict=True))]
