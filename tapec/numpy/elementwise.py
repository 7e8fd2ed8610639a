"""NumPy functions that work element by element and are not ufuncs, or more than one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.numpy.support import axis_of, only_default, result_type
from tapec.ops import arithmetic as ar
from tapec.ops import bessel, extrema
from tapec.ops import complex as parts
from tapec.ops.cast import cast
from tapec.ops.select import where as choose
from tapec.ops.sinc import sinc as sinc_prim
from tapec.tensor import as_tensor, implements

__all__ = [
    "angle",
    "astype",
    "clip",
    "conjugate",
    "divmod",
    "fix",
    "i0",
    "imag",
    "iscomplex",
    "iscomplexobj",
    "isreal",
    "isrealobj",
    "ldexp",
    "modf",
    "nan_to_num",
    "power",
    "real",
    "real_if_close",
    "round",
    "sinc",
    "unwrap",
]

LARGEST_EXPONENT = 1024


# --- powers -------------------------------------------------------------------


@implements(np.power)
def power(x1: Any, x2: Any, /, out: Any = None, **options: Any) -> Any:
    """Exponents that are Python integers, also as floats, are structure."""
    given = {"out": (out, None), **{k: (v, None) for k, v in options.items()}}
    only_default("power", **given)
    if type(x2) is int:
        return ar.integer_power(x1, n=x2)
    if type(x2) is float and as_tensor(x1).dtype.kind in "fc":
        if x2 == 0.5:
            return ar.sqrt(x1)
        if x2.is_integer() and abs(x2) <= LARGEST_EXPONENT:
            return ar.integer_power(x1, n=int(x2))
    return ar.power(x1, x2)


# --- complex numbers ----------------------------------------------------------


@implements(np.conjugate)
def conjugate(x: Any, /, out: Any = None) -> Any:
    only_default("conjugate", out=(out, None))
    return parts.conj(as_tensor(x))


@implements(np.real)
def real(val: Any) -> Any:
    x = as_tensor(val)
    return parts.real(x) if x.dtype.kind == "c" else x


@implements(np.imag)
def imag(val: Any) -> Any:
    x = as_tensor(val)
    return parts.imag(x) if x.dtype.kind == "c" else np.zeros_like(x)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    x = as_tensor(z)
    if x.dtype.kind != "f":
        x = x + 0.0
    found = np.arctan2(imag(x), real(x))
    return found * (180 / np.pi) if deg else found


@implements(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    x = as_tensor(a)
    if x.dtype.kind != "c":
        return x
    limit = tol * float(np.finfo(x.dtype).eps) if tol > 1 else tol
    return real(x) if bool(np.all(np.abs(imag(x)) < limit)) else x


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return bool(as_tensor(x).dtype.kind == "c")


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return not iscomplexobj(x)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return np.not_equal(imag(x), 0)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    return np.equal(imag(x), 0)


# --- clipping and rounding ----------------------------------------------------


def _end(kind: np.dtype[Any], sign: int) -> Any:
    """A bound that nothing of this dtype passes."""
    if kind.kind not in "iu":
        return sign * np.inf
    return int(np.iinfo(kind).max if sign > 0 else np.iinfo(kind).min)


@implements(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None,
) -> Any:  # fmt: skip
    only_default("clip", out=(out, None))
    x = as_tensor(a)
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    if low is None and high is None:
        return x
    if low is None:
        low = _end(result_type(x, high), -1)
    elif high is None:
        high = _end(result_type(x, low), 1)
    return extrema.clip(x, low, high)


@implements(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    only_default("round", out=(out, None))
    x = as_tensor(a)
    if x.dtype.kind in "biu":
        if x.dtype.kind == "b":
            return cast(x, dtype=np.dtype(np.float16))
        if decimals >= 0:
            return x
        scale = float(10**-decimals)
        return cast(extrema.rint(x / scale) * scale, dtype=x.dtype)
    if decimals == 0:
        return extrema.rint(x)
    scale = float(10 ** abs(decimals))
    if decimals > 0:
        return extrema.rint(x * scale) / scale
    return extrema.rint(x / scale) * scale


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    only_default("fix", out=(out, None))
    return extrema.trunc(x)


@implements(np.divmod)
def divmod(x1: Any, x2: Any, /) -> Any:
    return ar.floor_divide(x1, x2), ar.remainder(x1, x2)


@implements(np.modf)
def modf(x: Any, /) -> Any:
    whole = extrema.trunc(as_tensor(x) + 0.0)
    rest = choose(np.isinf(whole), 0, x - whole)
    return np.copysign(rest, x), whole


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    t = as_tensor(x)
    if t.dtype.kind == "c":
        options = (copy, nan, posinf, neginf)
        re, im = nan_to_num(real(t), *options), nan_to_num(imag(t), *options)
        return parts.from_parts(re, im)
    if t.dtype.kind != "f":
        return t
    limits = np.finfo(t.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    finite = choose(np.equal(t, np.inf), high, choose(np.equal(t, -np.inf), low, t))
    return choose(np.isnan(t), nan, finite)


# --- functions ----------------------------------------------------------------


@implements(np.sinc)
def sinc(x: Any) -> Any:
    return sinc_prim(x, order=0)


@implements(np.i0)
def i0(x: Any) -> Any:
    return bessel.i0(x)


@implements(np.unwrap)
def unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi
) -> Any:
    x = as_tensor(p)
    axis = axis_of(axis, x.ndim)
    half = period / 2
    jump = np.diff(x, axis=axis)
    small = np.mod(jump + half, period) - half
    small = choose(np.equal(small, -half) & (jump > 0), half, small)
    limit = half if discont is None else np.maximum(discont, half)
    correction = choose(np.abs(jump) < limit, 0, small - jump)
    first = np.zeros_like(np.take(x, [0], axis=axis))
    steps = np.concatenate([first, np.cumsum(correction, axis=axis)], axis=axis)
    return x + steps


# --- dtypes and exponents -----------------------------------------------------


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return cast(x, dtype=np.dtype(dtype))


@implements(np.ldexp)
def ldexp(x1: Any, x2: Any, /) -> Any:
    x = as_tensor(x1) + 0.0
    return x * np.exp2(cast(x2, dtype=x.dtype))
