"""The discrete Fourier transform; NumPy's functions are in `tapec.numpy.fft`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import along
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.primitive import HOST, Sample, draw_array, primitive

__all__ = ["fft"]


def _fft(x: Any, *, axis: int, inverse: bool) -> Any:
    if not x.size:
        return x
    if inverse:
        return np.fft.ifft(x, axis=axis, norm="forward")
    return np.fft.fft(x, axis=axis)


def _fft_type(x: ArrayType, *, axis: int, inverse: bool) -> ArrayType:
    if x.dtype.kind != "c":
        raise DTypeError(f"fft: {x!r} is not complex")
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"fft: no axis {axis} in {x!r}")
    return x


def _fft_d(ct: Any, out: Any, x: Any, *, axis: int, inverse: bool) -> Any:
    return fft(ct, axis=axis, inverse=not inverse)


def _fft_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(shape: tuple[int, ...], axis: int, inverse: bool, dtype: str) -> Sample:
        x = draw_array(rng, (-1.0, 1.0), shape, dtype)
        return Sample((x,), {"axis": axis, "inverse": inverse})

    cases = [((2, 4), 1), ((3, 2), 0), ((5,), 0), ((1, 1), 1), ((0, 3), 1)]
    drawn = [draw(s, axis, way, "D") for s, axis in cases for way in (False, True)]
    return [*drawn, draw((2, 3), 1, False, "F")]


fft = primitive(
    name="fft",
    doc="The sums of x[k] * exp(∓2πi jk / n) along `axis`, + if `inverse`; unscaled.",
    reference=_fft,
    type_rule=_fft_type,
    vjp=(_fft_d,),
    lower=HOST,
    samples=_fft_samples,
    batch=along,
    affine=True,
)
