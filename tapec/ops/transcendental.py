"""Exponentials, logarithms, circular and hyperbolic functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.ops.complex import conj, from_parts
from tapec.ops.select import where
from tapec.ops.special import expit
from tapec.primitive import Primitive, elementwise

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
]

ANY = (-3.0, 3.0)
ABOVE = (0.5, 3.0)
INSIDE = (-0.9, 0.9)
BEYOND = (1.1, 3.0)

LOG2 = float(np.log(2.0))
LOG10 = float(np.log(10.0))


def _native(name: str) -> Callable[..., Any]:
    """The function of tapec's own mathematics; complex numbers go to the host."""
    return lambda b, *xs: b.math(name, *xs)


def _function(
    ufunc: np.ufunc,
    doc: str,
    derivative: Callable[..., Any],
    interval: tuple[float, float] = ANY,
    dtypes: str = "dfD",
) -> Primitive:
    """A primitive of one operand with the ufunc's name."""
    return elementwise(
        name=ufunc.__name__,
        doc=doc,
        reference=ufunc,
        vjp=(derivative,),
        lower=_native(ufunc.__name__),
        domain=(interval,),
        dtypes=dtypes,
    )


# --- exponentials -------------------------------------------------------------


def _exp_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(out)


def _exp2_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(out * LOG2)


def _expm1_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(out + 1)


exp = _function(np.exp, "e ** x.", _exp_d)
exp2 = _function(np.exp2, "2 ** x.", _exp2_d)
expm1 = _function(np.expm1, "e ** x - 1, exact for small x.", _expm1_d)


# --- logarithms ---------------------------------------------------------------


def _log_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(x)


def _log2_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(x * LOG2)


def _log10_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(x * LOG10)


def _log1p_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(x + 1)


log = _function(np.log, "The natural logarithm.", _log_d, ABOVE)
log2 = _function(np.log2, "The logarithm to base 2.", _log2_d, ABOVE)
log10 = _function(np.log10, "The logarithm to base 10.", _log10_d, ABOVE)
log1p = _function(np.log1p, "log(1 + x), exact for small x.", _log1p_d, ABOVE)


# --- circular functions -------------------------------------------------------


def _sin_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.cos(x))


def _cos_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * conj(np.sin(x)))


def _tan_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(1 + out * out)


def _less_than_one(x: Any) -> Any:
    """1 - x. On a branch cut the sign of an imaginary zero tells the side: it is kept,
    where that of (1 + 0j) - (2 + 0j) is lost."""
    return -(x - 1) if x.dtype.kind == "c" else 1 - x


def _more_than_one(x: Any) -> Any:
    """1 + x, with the sign of an imaginary zero too."""
    return x - (-1) if x.dtype.kind == "c" else x + 1


def _cosine(x: Any) -> Any:
    """cos(arcsin(x)), the root on the side of the cut where x is."""
    if x.dtype.kind == "c":
        return np.sqrt(_less_than_one(x)) * np.sqrt(_more_than_one(x))
    return np.sqrt((1 - x) * (1 + x))


def _arcsin_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(_cosine(x))


def _arccos_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct / conj(_cosine(x)))


def _arctan_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(1 + x * x)


sin = _function(np.sin, "The sine.", _sin_d)
cos = _function(np.cos, "The cosine.", _cos_d)
tan = _function(np.tan, "The tangent.", _tan_d, (-1.2, 1.2))
arcsin = _function(np.arcsin, "The angle whose sine is x.", _arcsin_d, INSIDE)
arccos = _function(np.arccos, "The angle whose cosine is x.", _arccos_d, INSIDE)
arctan = _function(np.arctan, "The angle whose tangent is x.", _arctan_d)


# --- arctan2 ------------------------------------------------------------------


def _arctan2_dy(ct: Any, out: Any, y: Any, x: Any) -> Any:
    return ct * (x / _safe_square(y, x))


def _arctan2_dx(ct: Any, out: Any, y: Any, x: Any) -> Any:
    return -(ct * (y / _safe_square(y, x)))


def _safe_square(y: Any, x: Any) -> Any:
    """|(x, y)| ** 2, and 1 at the origin, so that both partials are 0 there."""
    square = x * x + y * y
    return where(square == 0, 1, square)


arctan2 = elementwise(
    name="arctan2",
    doc="The angle of the point (x, y), from -pi to pi; its gradient at (0, 0) is 0.",
    reference=np.arctan2,
    vjp=(_arctan2_dy, _arctan2_dx),
    lower=_native("arctan2"),
    domain=(ABOVE, ANY),
)


# --- hyperbolic functions -----------------------------------------------------


def _sinh_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.cosh(x))


def _cosh_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.sinh(x))


def _tanh_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(1 - out * out)


def _arcsinh_d(ct: Any, out: Any, x: Any) -> Any:
    if x.dtype.kind == "c":  # arcsinh(x) = arcsin(ix) / i
        return ct / conj(_cosine(from_parts(-np.imag(x), np.real(x))))
    return ct / np.sqrt(x * x + 1)


def _arccosh_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj(np.sqrt(x - 1) * np.sqrt(_more_than_one(x)))


def _arctanh_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / conj((1 - x) * (1 + x))


sinh = _function(np.sinh, "The hyperbolic sine.", _sinh_d)
cosh = _function(np.cosh, "The hyperbolic cosine.", _cosh_d)
tanh = _function(np.tanh, "The hyperbolic tangent.", _tanh_d)
arcsinh = _function(np.arcsinh, "The number whose sinh is x.", _arcsinh_d)
arccosh = _function(np.arccosh, "The number whose cosh is x.", _arccosh_d, BEYOND)
arctanh = _function(np.arctanh, "The number whose tanh is x.", _arctanh_d, INSIDE)


# --- sums of exponentials -----------------------------------------------------


def _share(difference: Any, out: Any) -> Any:
    """The part of one operand in the sum; none where the sum is 0 or infinite."""
    return expit(where(np.isfinite(out), difference, -np.inf))


def _logaddexp_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * _share(x - y, out)


def _logaddexp_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * _share(y - x, out)


def _logaddexp2_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * _share(LOG2 * (x - y), out)


def _logaddexp2_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * _share(LOG2 * (y - x), out)


logaddexp = elementwise(
    name="logaddexp",
    doc="log(exp(x) + exp(y)) without overflow.",
    reference=np.logaddexp,
    vjp=(_logaddexp_dx, _logaddexp_dy),
    lower=_native("logaddexp"),
    domain=(ANY, ANY),
)

logaddexp2 = elementwise(
    name="logaddexp2",
    doc="log2(2 ** x + 2 ** y) without overflow.",
    reference=np.logaddexp2,
    vjp=(_logaddexp2_dx, _logaddexp2_dy),
    lower=_native("logaddexp2"),
    domain=(ANY, ANY),
)


# --- angles -------------------------------------------------------------------

TO_RADIANS = float(np.pi / 180.0)
TO_DEGREES = float(180.0 / np.pi)


def _scale(factor: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def derivative(ct: Any, out: Any, x: Any) -> Any:
        return ct * factor

    return derivative, lambda b, x: x * b.const(factor, like=x)


def _angle(ufunc: np.ufunc, doc: str, factor: float) -> Primitive:
    derivative, lower = _scale(factor)
    return elementwise(
        name=ufunc.__name__, doc=doc, reference=ufunc, vjp=(derivative,), lower=lower,
        domain=(ANY,), affine=True,
    )  # fmt: skip


deg2rad = _angle(np.deg2rad, "Degrees to radians.", TO_RADIANS)
radians = _angle(np.radians, "Degrees to radians.", TO_RADIANS)
rad2deg = _angle(np.rad2deg, "Radians to degrees.", TO_DEGREES)
degrees = _angle(np.degrees, "Radians to degrees.", TO_DEGREES)
