"""Division by a number that is known when code is made, without dividing.

    x / c   =   x * (high + low)   =   fma(x, high, x * low)

where `high` is 1/c rounded towards zero and `low` the rest of it, rounded (after N.
Brisebarre, J.-M. Muller, S. K. Raina, "Accelerating correctly rounded floating-point
division when the divisor is known in advance", 2004). Before it is rounded the sum is
off by 2**-52 of the result's last place, or less: it rounds as the quotient does unless
that lies so near to the middle of two floats, and a quotient that is a float is exact.
Neither part has another sign than c, which makes zeros and infinities come out right.
Results near the subnormal numbers lose a part of `low`: they may be the neighbour of
the right float.

A division takes about eight times as long as these two instructions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from tapec.native import platform

if TYPE_CHECKING:
    from tapec.native.scalars import Builder, Scalar

__all__ = ["by_constant", "halves"]

# Between these `low` is a normal number, and so is 1/c.
RANGE = {"f8": (2.0**-900, 2.0**900), "f4": (2.0**-90, 2.0**90)}


def by_constant(b: Builder, x: Scalar, y: Scalar) -> Scalar | None:
    """x / y, if y is a constant that has a reciprocal in two parts."""
    if not isinstance(y.value, ir.Constant) or isinstance(x.value, ir.Constant):
        return None
    parts = halves(y.value.constant, y.dtype)
    if parts is None or not platform.has_fma():
        return None
    high, low = (b.const(part, like=x) for part in parts)
    return b.intrinsic("fma", x, high, x * low)


def halves(divisor: Any, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """1/divisor as `high` and `low`; None where a division is as good, or needed."""
    least, most = RANGE[dtype.str[1:]]
    if not least < abs(divisor) < most or np.frexp(divisor)[0] in (0.5, -0.5):
        return None
    number = dtype.type
    exact = 1 / Fraction(divisor)
    high = number(float(exact))
    if abs(Fraction(float(high))) > abs(exact):
        high = np.nextafter(high, number(0.0))
    low = number(float(exact - Fraction(float(high))))
    return float(high), float(low)
