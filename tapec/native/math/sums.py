"""Sums in the logarithm, and roots: logaddexp, logaddexp2, hypot, cbrt.

A sum in the logarithm is the greater operand and a positive term; where they cancel,
its error is theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .exponential import Nearest, exp2_parts, exp_parts, power_of_two, scaled
from .logarithm import log2_of_pair, log_of_pair, split
from .pair import Pair, exact_sum, ordered_sum
from .polynomial import polynomial
from .scalar import Num, fma, muladd, where

# Powers of two that bring squares of very great and very small numbers into range.
HYPOT_ABOVE, HYPOT_BELOW = 2.0**510, 2.0**-460
HYPOT_DOWN, HYPOT_UP = 2.0**-600, 2.0**550

# cbrt(m) on sqrt(1/2) <= m <= sqrt(2): relative error 2**-19, 2**-10.6.
CBRT = {
    "f64": (
        "0x1.afcf9529b9851p-2",
        "0x1.0e56cfed5c7eap+0",
        "-0x1.ac1082a8965e6p-1",
        "0x1.059c73a510fe4p-1",
        "-0x1.6fb9bb543cd73p-3",
        "0x1.b99e4a294e95fp-6",
    ),
    "f32": (
        "0x1.1b7f08p-1",
        "0x1.1b79f6p-1",
        "-0x1.b83a7cp-4",
    ),
}


def logaddexp(x: Num, y: Num) -> Num:
    """log(e**x + e**y)."""
    greater, total = _greater_and_total(x, y, exp_parts, 1.0)
    return greater + log_of_pair(total)


def logaddexp2(x: Num, y: Num) -> Num:
    """log2(2**x + 2**y)."""
    greater, total = _greater_and_total(x, y, exp2_parts, math.log(2.0))
    return greater + log2_of_pair(total)


def _greater_and_total(
    x: Num, y: Num, power: Callable[[Num], tuple[Pair, Nearest]], slope: float
) -> tuple[Num, Pair]:
    """The greater number, and 1 + the ratio of the lesser power to the greater.

    `slope` is the logarithm of the base. Infinities of one sign are not apart.
    """
    greater, lesser = where(x > y, x, y), where(x > y, y, x)
    equal = x.equals(y)
    apart = exact_sum(lesser, -greater)
    distance = where(equal, x.constant(0.0), apart.hi)
    finite = distance > -math.inf
    lost = where(finite & ~equal, apart.lo, 0.0)
    fraction, n = power(distance)
    ratio = scaled(fraction.hi, n)
    total = ordered_sum(x.constant(1.0), ratio)
    rest = muladd(ratio, lost * slope, scaled(fraction.lo, n))
    return greater, Pair(total.hi, total.lo + rest)


def hypot(x: Num, y: Num) -> Num:
    """sqrt(x**2 + y**2)."""
    across, along = abs(x.widen()), abs(y.widen())
    big = where(across > along, across, along)
    small = where(across > along, along, across)
    one = big.constant(1.0)
    if x.format.name == big.format.name:
        up = where(big < HYPOT_BELOW, one * HYPOT_UP, 1.0)
        scale = where(big > HYPOT_ABOVE, one * HYPOT_DOWN, up)
        back = where(big < HYPOT_BELOW, one / HYPOT_UP, 1.0)
        unscale = where(big > HYPOT_ABOVE, one / HYPOT_DOWN, back)
        result = _root_of_squares(big * scale, small * scale) * unscale
    else:
        result = _root_of_squares(big, small)
    infinite = across.equals(math.inf) | along.equals(math.inf)
    return where(infinite, one * math.inf, result).narrow(x.format)


def _root_of_squares(big: Num, small: Num) -> Num:
    """sqrt(big**2 + small**2) where no square overflows."""
    return muladd(big, big, small * small).sqrt()


def cbrt(x: Num) -> Num:
    """Cube root: a polynomial and one step of Halley's method."""
    parts = split(abs(x))
    third = ((parts.exponent - 1.0) * (1.0 / 3.0)).rint()
    left = muladd(third, -3.0, parts.exponent)
    m = parts.fraction
    one = x.constant(1.0)
    is_one, is_two = left > 0.5, left > 1.5
    cube = m * where(is_two, one * 4.0, where(is_one, one * 2.0, 1.0))
    factor = where(
        is_two, one * 2.0 ** (2 / 3), where(is_one, one * 2.0 ** (1 / 3), 1.0)
    )
    guess = polynomial(m, CBRT) * factor
    square = guess * guess
    lost = fma(guess, guess, -square)
    rest = muladd(-lost, guess, fma(-square, guess, cube))
    divisor = muladd(square * guess, 2.0, cube)
    root = muladd(guess, rest / divisor, guess)
    result = (root * power_of_two(third)).with_sign_of(x)
    ordinary = (abs(x) > 0.0) & (abs(x) < math.inf)
    return where(ordinary, result, x)
