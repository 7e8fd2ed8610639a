"""Unevaluated sums of two floats: intermediate results of about twice the precision.

The exact sums and products are those of Dekker, Knuth and Møller; with a fused
multiply-add the error of a product is one instruction.
"""

from __future__ import annotations

from dataclasses import dataclass

from .scalar import Num, Real, fma, muladd


@dataclass(frozen=True)
class Pair:
    """hi + lo, where lo is at most about an ulp of hi."""

    hi: Num
    lo: Num

    def total(self) -> Num:
        """The sum, rounded."""
        return self.hi + self.lo


def ordered_sum(big: Num, small: Real) -> Pair:
    """big + small exactly, if |big| >= |small| or big is zero."""
    hi = big + small
    return Pair(hi, small - (hi - big))


def normalized(x: Pair) -> Pair:
    """The same sum with a second part below the precision of the first."""
    return ordered_sum(x.hi, x.lo)


def exact_sum(x: Num, y: Num) -> Pair:
    """x + y exactly."""
    hi = x + y
    y_part = hi - x
    x_part = hi - y_part
    return Pair(hi, (x - x_part) + (y - y_part))


def exact_product(x: Num, y: Num) -> Pair:
    """x * y exactly."""
    hi = x * y
    return Pair(hi, fma(x, y, -hi))


def product(x: Pair, y: Pair) -> Pair:
    """x * y to about twice the precision, not normalized."""
    hi = x.hi * y.hi
    lo = fma(x.hi, y.hi, -hi)
    return Pair(hi, muladd(x.lo, y.hi, muladd(x.hi, y.lo, lo)))


def quotient(x: Pair, y: Pair) -> Pair:
    """x / y to about twice the precision, not normalized."""
    inverse = 1.0 / y.hi
    hi = x.hi * inverse
    rest = fma(-hi, y.hi, x.hi) + muladd(-hi, y.lo, x.lo)
    return Pair(hi, rest * inverse)


def quotient_of(x: Num, y: Pair) -> Pair:
    """x / y to about twice the precision, not normalized."""
    inverse = 1.0 / y.hi
    hi = x * inverse
    rest = muladd(-hi, y.lo, fma(-hi, y.hi, x))
    return Pair(hi, rest * inverse)
