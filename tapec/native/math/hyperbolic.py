"""sinh, cosh, tanh, their inverses, and the logistic function."""

from __future__ import annotations

from .exponential import PER_LN2, exp, nearest, shifted_exponential
from .pair import Pair, exact_sum, normalized, quotient, quotient_of
from .scalar import Num, at_most, muladd, where

# From here on sinh and cosh are infinite, and tanh rounds to 1.
SINH_MOST = {"f64": 710.5, "f32": 89.5}
TANH_MOST = {"f64": 22.0, "f32": 10.0}
# Up to here sinh(x) rounds to x.
SINH_LINEAR = {"f64": 2.0**-28, "f32": 2.0**-13}
# Far above 1 in both formats, and far below overflow.
LARGE = 2.0**60


def sinh(x: Num) -> Num:
    """Hyperbolic sine: q + q / (4 q + 1) doubled, where q = (e**|x| - 1) / 4."""
    name = x.format.name
    size = at_most(abs(x), SINH_MOST[name])
    n = nearest(size, PER_LN2).number
    q = normalized(shifted_exponential(size, n, n - 2.0, 0.25))
    # Far up the quotient is 1/4, and no longer matters.
    small = Pair(at_most(q.hi, LARGE), q.lo)
    divisor = exact_sum(small.hi * 4.0, small.hi.constant(1.0))
    part = quotient(small, Pair(divisor.hi, muladd(q.lo, 4.0, divisor.lo)))
    result = (q.hi + (part.hi + (part.lo + q.lo))) * 2.0
    return where(size < SINH_LINEAR[name], size, result).with_sign_of(x)


def cosh(x: Num) -> Num:
    """Hyperbolic cosine: g + 1 / (16 g) doubled, where g = e**|x| / 4."""
    size = at_most(abs(x), SINH_MOST[x.format.name])
    n = nearest(size, PER_LN2).number
    g = normalized(shifted_exponential(size, n, n - 2.0, 0.0))
    return (g.hi + (g.lo + 1.0 / (g.hi * 16.0))) * 2.0


def tanh(x: Num) -> Num:
    """Hyperbolic tangent: -e / (e + 2), where e = exp(-2 |x|) - 1."""
    size = at_most(abs(x), TANH_MOST[x.format.name]) * -2.0
    n = nearest(size, PER_LN2).number
    e = normalized(shifted_exponential(size, n, n, 1.0))
    hi = e.hi + 2.0
    divisor = Pair(hi, (e.hi - (hi - 2.0)) + e.lo)
    ratio = quotient(Pair(-e.hi, -e.lo), divisor)
    return ratio.total().with_sign_of(x)


def expit(x: Num) -> Num:
    """The logistic function: e / (1 + e) or 1 / (1 + e), where e = exp(-|x|)."""
    e = exp(-abs(x))
    top = where(x < 0.0, e, 1.0)
    hi = e + 1.0
    ratio = quotient_of(top, Pair(hi, e - (hi - 1.0)))
    return ratio.total()
