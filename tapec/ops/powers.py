"""Powers, roots and the length of a pair."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.ops.select import where
from tapec.primitive import Masked, Sample, Scalar, draw_array, elementwise, primitive
from tapec.promotion import resolve_ufunc

__all__ = [
    "cbrt",
    "float_power",
    "hypot",
    "integer_power",
    "power",
    "sqrt",
    "square",
]

ANY = (-3.0, 3.0)
ABOVE = (0.5, 3.0)


# --- x ** y -------------------------------------------------------------------


def _power_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    """y * x ** (y - 1), where 0 ** 0 counts as a constant."""
    base = where((x == 0) & (y == 0), 1, x)
    return ct * conj(y * power(base, y - 1))


def _power_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    """x ** y * log(x); powers of 0 do not depend on y."""
    live = broadcast_like(x != 0, out)
    slope = conj(out * np.log(where(x == 0, 1, x)))
    return Masked(where(live, ct * slope, 0), live)


def broadcast_like(x: Any, out: Any) -> Any:
    """`x` in the shape of `out`."""
    return x if x.shape == out.shape else np.broadcast_to(x, out.shape)


power = elementwise(
    name="power",
    doc="x ** y.",
    reference=np.power,
    vjp=(_power_dx, _power_dy),
    lower=lambda b, x, y: x**y,
    domain=(ABOVE, ANY),
)


float_power = elementwise(
    name="float_power",
    doc="x ** y in double precision, whatever the operands.",
    reference=np.float_power,
    vjp=(_power_dx, _power_dy),
    lower=lambda b, x, y: x**y,
    domain=(ABOVE, ANY),
)


# --- x ** n -------------------------------------------------------------------


def _integer_power_d(ct: Any, out: Any, x: Any, *, n: int) -> Any:
    if n == 0:
        return np.zeros_like(x)
    if n == 1:
        return ct
    if n == 2:
        return ct * (2 * conj(x))
    return ct * conj(n * integer_power(x, n=n - 1))


def _integer_power(x: Any, *, n: int) -> Any:
    return np.power(x, n)


def _integer_power_type(x: ArrayType, *, n: int) -> ArrayType:
    if x.dtype.kind in "iu" and n < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    if x.dtype.kind == "b":
        raise DTypeError(f"integer_power: Booleans are cast first, got {x!r}")
    return x


def _integer_power_promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    return resolve_ufunc(np.power, (*dtypes, int))[:1]


MULTIPLIED = 8
"""Up to this exponent repeated multiplication stays within a few ulps of pow."""


def _integer_power_lower(b: Any, x: Any, *, n: int) -> Any:
    if x.dtype.kind == "f" and abs(n) > MULTIPLIED:
        return x ** b.const(n, like=x)
    one = b.const(1, like=x)
    if n < 0:
        x, n = one / x, -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else result * x
        n >>= 1
        if n:
            x = x * x
    return one if result is None else result


def _integer_power_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(n: int, dtype: str = "d", shape: tuple[int, ...] = (2, 3)) -> Sample:
        x = draw_array(rng, ANY if n >= 0 else (-2.0, -0.8), shape, dtype)
        return Sample((x,), {"n": n})

    floats = [draw(n) for n in (0, 1, 2, 3, 5, -1, -2, 11, -9)]
    others = [draw(3, "f"), draw(3, "D"), draw(2, "l"), draw(0, "l"), draw(5, "b")]
    return [*floats, *others, draw(3, shape=()), draw(2, shape=(0, 3))]


integer_power = primitive(
    name="integer_power",
    doc="x ** n for a Python integer n: no logarithm, negative x welcome.",
    reference=_integer_power,
    type_rule=_integer_power_type,
    vjp=(_integer_power_d,),
    lower=Scalar(_integer_power_lower),
    samples=_integer_power_samples,
    batch=aligned,
    promote=_integer_power_promote,
    liveness="keep",
)


# --- squares and roots --------------------------------------------------------


def _square_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (2 * conj(x))


def _sqrt_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(0.5 / out)


def _cbrt_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / (3 * out * out)


square = elementwise(
    name="square",
    doc="x * x.",
    reference=np.square,
    vjp=(_square_d,),
    lower=lambda b, x: x * x,
    domain=(ANY,),
    dtypes="dfDFlbB",
)


sqrt = elementwise(
    name="sqrt",
    doc="The square root; its derivative at 0 is inf.",
    reference=np.sqrt,
    vjp=(_sqrt_d,),
    lower=lambda b, x: (
        b.intrinsic("sqrt", x) if x.dtype.kind == "f" else NotImplemented
    ),
    domain=(ABOVE,),
    dtypes="dfD",
)

cbrt = elementwise(
    name="cbrt",
    doc="The real cube root.",
    reference=np.cbrt,
    vjp=(_cbrt_d,),
    lower=lambda b, x: b.math("cbrt", x),
    domain=(ABOVE,),
)


# --- hypot --------------------------------------------------------------------


def _hypot_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * (x / where(out == 0, 1, out))


def _hypot_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * (y / where(out == 0, 1, out))


hypot = elementwise(
    name="hypot",
    doc="sqrt(x * x + y * y) without overflow; its gradient at (0, 0) is 0.",
    reference=np.hypot,
    vjp=(_hypot_dx, _hypot_dy),
    lower=lambda b, x, y: b.math("hypot", x, y),
    domain=(ANY, ANY),
)
