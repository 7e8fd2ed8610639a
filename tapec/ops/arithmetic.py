"""Sums, products, quotients, signs. Integers and Booleans follow NumPy exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ops.complex import conj
from tapec.ops.powers import (
    cbrt,
    float_power,
    hypot,
    integer_power,
    power,
    sqrt,
    square,
)
from tapec.ops.select import where
from tapec.primitive import elementwise

__all__ = [
    "absolute",
    "add",
    "cbrt",
    "copysign",
    "divide",
    "fabs",
    "float_power",
    "floor_divide",
    "fmod",
    "hypot",
    "integer_power",
    "multiply",
    "negative",
    "nextafter",
    "positive",
    "power",
    "reciprocal",
    "remainder",
    "sign",
    "sqrt",
    "square",
    "subtract",
]

ANY = (-3.0, 3.0)
ABOVE = (0.5, 3.0)
NUMBERS = "dfDFlbB?"


# --- sum and difference -------------------------------------------------------


def _pass_on(ct: Any, out: Any, *args: Any) -> Any:
    return ct


def _pass_negated(ct: Any, out: Any, *args: Any) -> Any:
    return -ct


add = elementwise(
    name="add",
    doc="x + y; the logical or of Booleans.",
    reference=np.add,
    vjp=(_pass_on, _pass_on),
    lower=lambda b, x, y: x + y,
    domain=(ANY, ANY),
    dtypes=NUMBERS,
    affine=True,
)

subtract = elementwise(
    name="subtract",
    doc="x - y.",
    reference=np.subtract,
    vjp=(_pass_on, _pass_negated),
    lower=lambda b, x, y: x - y,
    domain=(ANY, ANY),
    dtypes="dfDFlbB",
    affine=True,
)

negative = elementwise(
    name="negative",
    doc="-x.",
    reference=np.negative,
    vjp=(_pass_negated,),
    lower=lambda b, x: -x,
    domain=(ANY,),
    dtypes="dfDFlbB",
    affine=True,
)

positive = elementwise(
    name="positive",
    doc="+x, which is x.",
    reference=np.positive,
    vjp=(_pass_on,),
    lower=lambda b, x: x,
    domain=(ANY,),
    dtypes="dfDFlbB",
    affine=True,
)


# --- product and quotient -----------------------------------------------------


def _multiply_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(y)


def _multiply_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(x)


def _divide_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct / conj(y)


def _divide_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    if _is_one(x):
        return _reciprocal_d(ct, out, y)
    return -(ct * conj(out / y))


def _is_one(x: Any) -> bool:
    """Whether an operand is the constant 1."""
    v = getattr(x, "value", None)
    if v is None or v.prim is None or v.prim.name != "const" or v.type.shape:
        return False
    return bool(v.attr("value").array == 1)


def _reciprocal_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * conj(out * out))


multiply = elementwise(
    name="multiply",
    doc="x * y; the logical and of Booleans.",
    reference=np.multiply,
    vjp=(_multiply_dx, _multiply_dy),
    lower=lambda b, x, y: x * y,
    domain=(ANY, ANY),
    dtypes=NUMBERS,
)

divide = elementwise(
    name="divide",
    doc="x / y, a float also for integers.",
    reference=np.divide,
    vjp=(_divide_dx, _divide_dy),
    lower=lambda b, x, y: x / y,
    domain=(ANY, ABOVE),
    dtypes="dfDFlB",
)

reciprocal = elementwise(
    name="reciprocal",
    doc="1 / x.",
    reference=np.reciprocal,
    vjp=(_reciprocal_d,),
    lower=lambda b, x: NotImplemented if x.dtype.kind == "c" else 1 / x,
    domain=(ABOVE,),
    dtypes="dfDF",
)


# --- whole quotients and remainders -------------------------------------------


def _remainder_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return -(ct * floor_divide(x, y))


def _fmod_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return -(ct * np.trunc(x / y))


floor_divide = elementwise(
    name="floor_divide",
    doc="The largest integer not above x / y; an integer divided by zero gives 0.",
    reference=np.floor_divide,
    vjp=None,
    lower=lambda b, x, y: x // y,
    domain=(ANY, ABOVE),
    dtypes="dflbB",
)

remainder = elementwise(
    name="remainder",
    doc="x - y * floor(x / y), with the sign of y.",
    reference=np.remainder,
    vjp=(_pass_on, _remainder_dy),
    lower=lambda b, x, y: x % y,
    domain=(ANY, ABOVE),
    dtypes="dflbB",
)

fmod = elementwise(
    name="fmod",
    doc="x - y * trunc(x / y), with the sign of x.",
    reference=np.fmod,
    vjp=(_pass_on, _fmod_dy),
    lower=lambda b, x, y: b.fmod(x, y),
    domain=(ANY, ABOVE),
    dtypes="dflbB",
)


# --- magnitude and sign -------------------------------------------------------


def _absolute_d(ct: Any, out: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return ct * np.sign(x)
    return ct * (x / where(out == 0, 1, out))


def _sign_d(ct: Any, out: Any, x: Any) -> Any:
    """Zero for real x. Complex: x moves on a circle, so the radial part is removed."""
    if x.dtype.kind != "c":
        return np.zeros_like(ct)
    r = np.abs(x)
    across = ct - out * np.real(conj(out) * ct)
    return where(r == 0, 0, across / where(r == 0, 1, r))


def _copysign_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * (np.sign(x) * np.copysign(1.0, y))


def _sign(b: Any, x: Any) -> Any:
    zero, one = b.const(0, like=x), b.const(1, like=x)
    if x.dtype.kind == "c":
        return NotImplemented
    if x.dtype.kind == "u":
        return b.where(x == zero, zero, one)
    return b.where(x > zero, one, b.where(x < zero, -one, b.where(x == 0, zero, x)))


absolute = elementwise(
    name="absolute",
    doc="|x|; its derivative at 0 is 0.",
    reference=np.absolute,
    vjp=(_absolute_d,),
    lower=lambda b, x: abs(x),
    domain=(ANY,),
    dtypes="dfDFlbB?",
)

fabs = elementwise(
    name="fabs",
    doc="|x| as a float; its derivative at 0 is 0.",
    reference=np.fabs,
    vjp=(_absolute_d,),
    lower=lambda b, x: abs(x),
    domain=(ANY,),
)

sign = elementwise(
    name="sign",
    doc="-1, 0 or 1; x / |x| for complex x. The derivative for real x is 0.",
    reference=np.sign,
    vjp=(_sign_d,),
    lower=_sign,
    domain=(ANY,),
    dtypes="dfDlbB",
)


copysign = elementwise(
    name="copysign",
    doc="|x| with the sign of y.",
    reference=np.copysign,
    vjp=(_copysign_dx, None),
    lower=lambda b, x, y: b.intrinsic("copysign", x, y),
    domain=(ANY, ANY),
)


def _nextafter(b: Any, x: Any, y: Any) -> Any:
    """Floats of one sign are ordered like their bits; 0 is followed by the least."""
    bits = b.bits(x)
    outwards = (x > 0) == (y > x)
    moved = b.floating(b.where(outwards, bits + 1, bits - 1))
    least = b.floating(b.const(1, like=bits))
    moved = b.where(x == 0, b.intrinsic("copysign", least, y), moved)
    same = x if x.dtype == np.float16 else y  # 0.0 and -0.0, as NumPy has it
    return b.where(x == y, same, b.where(b.isnan(x) | b.isnan(y), x + y, moved))


nextafter = elementwise(
    name="nextafter",
    doc="The floating-point number after x in the direction of y.",
    reference=np.nextafter,
    vjp=(_pass_on, None),
    lower=_nextafter,
    domain=(ANY, ANY),
)
