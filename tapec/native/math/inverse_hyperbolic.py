"""arcsinh, arccosh, arctanh: logarithms of sums that are not rounded."""

from __future__ import annotations

import math

from .logarithm import log_of_pair
from .pair import Pair, exact_product, exact_sum, ordered_sum, quotient
from .scalar import Flag, Num, at_least, fma, where

# From here on 1 is nothing beside x**2, which may overflow.
LARGE = 2.0**60
# Less than any root but zero.
TINY = 2.0**-40


def arcsinh(x: Num) -> Num:
    """log(1 + |x| + (sqrt(x**2 + 1) - 1)) with the sign of x."""
    size = abs(x)
    is_large = size > LARGE
    moderate = where(is_large, size.constant(1.0), size)
    square = moderate * moderate
    excess = square / (1.0 + (square + 1.0).sqrt())
    head = exact_sum(size, size.constant(1.0))
    total = exact_sum(head.hi, excess)
    lost = total.lo + head.lo
    result = _doubled_if(is_large, size, Pair(total.hi, lost))
    return where(size < math.inf, result, size).with_sign_of(x)


def arccosh(x: Num) -> Num:
    """log(x + sqrt(x**2 - 1))."""
    is_large = x > LARGE
    moderate = where(is_large, x.constant(1.0), x)
    square = exact_product(moderate - 1.0, moderate + 1.0)
    root = square.hi.sqrt()
    lost = (fma(-root, root, square.hi) + square.lo) / at_least(root * 2.0, TINY)
    total = ordered_sum(x, root)
    result = _doubled_if(is_large, x, Pair(total.hi, total.lo + lost))
    result = where(x < math.inf, result, x)
    return where(x < 1.0, x.constant(math.nan), result)


def _doubled_if(is_large: Flag, x: Num, pair: Pair) -> Num:
    """log(2 x) if x is large, else the logarithm of the pair."""
    hi = where(is_large, x, pair.hi)
    lo = where(is_large, x.constant(0.0), pair.lo)
    return log_of_pair(Pair(hi, lo), where(is_large, x.constant(1.0), 0.0))


def arctanh(x: Num) -> Num:
    """log((1 + |x|) / (1 - |x|)) / 2 with the sign of x."""
    size = abs(x)
    one = x.constant(1.0)
    ratio = quotient(ordered_sum(one, size), ordered_sum(one, -size))
    result = 0.5 * log_of_pair(ratio)
    outside = where(size.equals(1.0), one * math.inf, math.nan)
    return where(size < 1.0, result, outside).with_sign_of(x)
