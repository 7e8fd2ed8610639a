"""power(x, y) = exp2(y log2(x)), the logarithm to more than working precision."""

from __future__ import annotations

import math

from .constants import LN2
from .exponential import EXP2, nearest, power_of_two, scaled
from .logarithm import split
from .pair import Pair, ordered_sum, product, quotient_of
from .polynomial import evaluate, polynomial
from .scalar import F32, Flag, Num, at_least, at_most, fma, muladd, where

# log2((1 + s) / (1 - s)) = s (FIRST + z (THIRD + z P(z))) in z = s**2 <= 0.0295:
# relative error 2**-65.
FIRST = (2.8853900817779268, 4.0710547481862066e-17)
THIRD = (0.9617966939259756, 5.0577616648125907e-17)
FIFTH = {
    "f64": (
        "0x1.2776c50ef9bfep-1",
        "0x1.a61762a7adedap-2",
        "0x1.484b13d7c01b3p-2",
        "0x1.0c9a84994d961p-2",
        "0x1.c68f567f02420p-3",
        "0x1.89f3b630fa9d7p-3",
        "0x1.5b99bbf9eefe9p-3",
        "0x1.372a721f0bdbcp-3",
        "0x1.15ecfef660ffbp-3",
        "0x1.2db190a1a848ap-3",
    ),
}

# log2((1 + s) / (1 - s)) / s in z = s**2 <= 0.0295: error 2**-43.5, for float operands.
SHORT = {
    "f64": (
        "0x1.71547652b824fp+1",
        "0x1.ec709dc53fac5p-1",
        "0x1.2776c28f6802ap-1",
        "0x1.a61a31e580f5ap-2",
        "0x1.4794d3c26a6c1p-2",
        "0x1.21b85aecc6117p-2",
    ),
}
# 2**r on |r| <= 1/2: error 2**-29, for float operands.
SHORT_EXP2 = (
    "0x1.ffffffff4fc73p-1",
    "0x1.62e430d0955bbp-1",
    "0x1.ebfbe10e7e4e3p-3",
    "0x1.c6aecbeeeb110p-5",
    "0x1.3b2995b23a5a5p-7",
    "0x1.5f48f96a7c633p-10",
    "0x1.449927819fd33p-13",
)
# Beyond these exponents, of either sign, the power is infinite or zero.
EXPONENT_MOST = 1100.0
FLOAT_MOST = 200.0
# Greater powers of any double but 1 and -1 are infinite or zero, too.
Y_MOST = 2.0**1000


def power(x: Num, y: Num) -> Num:
    """x**y."""
    one, half = x.constant(1.0), y * 0.5
    whole = y.rint().equals(y)
    odd = whole & half.rint().differs(half)
    # Finite, so that the product with log2(1) is zero.
    exponent = at_least(at_most(y.widen(), Y_MOST), -Y_MOST)
    power_of_size = _of_floats if x.format.name == F32.name else _of_doubles
    result = power_of_size(x, exponent, (x < 0.0) & ~whole).narrow(x.format)
    result = where(odd, (result.as_bits() ^ x.sign_bit()).as_num(), result)
    return where(y.equals(0.0) | x.equals(1.0), one, result)


def _at_limits(x: Num, logarithm: Num, undefined: Flag) -> Num:
    """log2 |x|: as given, but NaN if undefined, and infinite for zero and infinity."""
    size = abs(x)
    result = where(undefined, logarithm.constant(math.nan), logarithm)
    result = where(size < math.inf, result, size.widen())
    return where(size.equals(0.0), logarithm.constant(-math.inf), result)


def _of_floats(x: Num, y: Num, undefined: Flag) -> Num:
    """|x|**y for a float x and a finite y, in double precision."""
    parts = split(abs(x).widen(), subnormal=False)
    s = (parts.fraction - 1.0) / (parts.fraction + 1.0)
    logarithm = muladd(s, polynomial(s * s, SHORT), parts.exponent)
    exponent = y * _at_limits(x, logarithm, undefined)
    bounded = at_least(at_most(exponent, FLOAT_MOST), -FLOAT_MOST)
    n = nearest(bounded).number
    power_of_rest = evaluate(bounded - n, [float.fromhex(c) for c in SHORT_EXP2])
    return power_of_two(n) * power_of_rest


def _of_doubles(x: Num, y: Num, undefined: Flag) -> Num:
    """|x|**y for a finite y."""
    logarithm = _log2(abs(x))
    hi = _at_limits(x, logarithm.hi, undefined)
    return _exp2(_times(Pair(hi, logarithm.lo), y))


def _log2(x: Num) -> Pair:
    """log2 of a positive double."""
    parts = split(x)
    f = parts.fraction - 1.0
    divisor = parts.fraction + 1.0
    lost = parts.fraction - (divisor - 1.0)
    s = quotient_of(f, Pair(divisor, lost))
    z = product(s, s)
    term = ordered_sum(x.constant(THIRD[0]), z.hi * polynomial(z.hi, FIFTH))
    tail = product(z, Pair(term.hi, term.lo + THIRD[1]))
    head = ordered_sum(x.constant(FIRST[0]), tail.hi)
    fraction = product(s, Pair(head.hi, head.lo + (tail.lo + FIRST[1])))
    total = ordered_sum(parts.exponent, fraction.hi)
    return Pair(total.hi, total.lo + fraction.lo)


def _times(logarithm: Pair, y: Num) -> Pair:
    """The product, its first part kept within EXPONENT_MOST."""
    hi = y * logarithm.hi
    lo = muladd(y, logarithm.lo, fma(y, logarithm.hi, -hi))
    ordinary = abs(hi) < EXPONENT_MOST
    bounded = at_least(at_most(hi, EXPONENT_MOST), -EXPONENT_MOST)
    return Pair(bounded, where(ordinary, lo, 0.0))


def _exp2(x: Pair) -> Num:
    """2**x."""
    n = nearest(x.hi)
    r = (x.hi - n.number) + x.lo
    fraction = muladd(r, LN2["f64"][0], r * r * polynomial(r, EXP2))
    return scaled(1.0 + fraction, n)
