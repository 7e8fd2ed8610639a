"""log, log2, log10, log1p.

x = 2**k m with m between sqrt(1/2) and sqrt(2), f = m - 1, s = f / (2 + f), and
log(1 + f) = 2 atanh(s) = f - f**2/2 + s (f**2/2 + s**2 L(s**2)), arranged as in
FreeBSD's e_log.c so that the leading terms are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .constants import LN2, LOG2_E, LOG10_2, LOG10_E
from .exponential import power_of_two
from .pair import Pair, exact_product, exact_sum, ordered_sum
from .polynomial import polynomial
from .scalar import Num, Real, at_least, fma, muladd, where

# The bits of sqrt(1/2), rounded down.
SQRT_HALF = {"f64": 0x3FE6A09E667F3BCC, "f32": 0x3F3504F3}
ONE = {"f64": 0x3FF0000000000000, "f32": 0x3F800000}

# (2 atanh(s) - 2 s) / s**3 in z = s**2 <= 0.0295: error relative to 2, 2**-58, 2**-29.
LOG = {
    "f64": (
        "0x1.5555555555593p-1",
        "0x1.999999997fb31p-2",
        "0x1.24924942176d5p-2",
        "0x1.c71c51e83d301p-3",
        "0x1.7466461a19c7cp-3",
        "0x1.39a0f72dd51cep-3",
        "0x1.2f0d766af0e4ep-3",
    ),
    "f32": (
        "0x1.55557ap-1",
        "0x1.995e98p-2",
        "0x1.31e6dap-2",
    ),
}


@dataclass(frozen=True)
class Split:
    """A positive number 2**exponent * fraction, sqrt(1/2) <= fraction < sqrt(2)."""

    exponent: Num
    fraction: Num


def split(x: Num, subnormal: bool = True) -> Split:
    """Take apart a positive number, or one that is known not to be subnormal."""
    format = x.format
    # An integer below 2**fraction_bits in the low bits of 2**fraction_bits.
    unit = 2.0**format.fraction_bits
    bias: Real = unit + format.bias
    if subnormal:
        lift = format.fraction_bits + 2
        is_subnormal = x < format.smallest_normal
        bias = where(is_subnormal, x.constant(unit + format.bias + lift), bias)
        x = where(is_subnormal, x * 2.0**lift, x)
    base = SQRT_HALF[format.name]
    shifted = x.as_bits() + (ONE[format.name] - base)
    bits = (shifted >> format.fraction_bits) | x.constant(unit).as_bits()
    mask = (1 << format.fraction_bits) - 1
    return Split(bits.as_num() - bias, ((shifted & mask) + base).as_num())


def log(x: Num) -> Num:
    """Natural logarithm."""
    parts = split(x)
    return limits(x, _natural(parts.exponent, parts.fraction - 1.0))


def log1p(x: Num) -> Num:
    """log(1 + x), accurate for small x."""
    total = exact_sum(x.constant(1.0), x)
    result = log_of_pair(total)
    return limits(total.hi, result).with_sign_of(x)


def log_of_pair(x: Pair, doublings: Num | None = None) -> Num:
    """log(x 2**doublings) for a positive finite x, accurate also for x near 1.

    As in `log2_of_pair`, x must not be subnormal.
    """
    exponent, f = _split_pair(x)
    return _natural(exponent + doublings if doublings else exponent, f)


def log2_of_pair(x: Pair) -> Num:
    """log2(x) for a positive finite x, accurate also for x near 1."""
    exponent, f = _split_pair(x)
    fraction = _times(_natural_pair(f), *LOG2_E[f.format.name])
    head = ordered_sum(exponent, fraction.hi)
    return head.hi + (head.lo + fraction.lo)


def _split_pair(x: Pair) -> tuple[Num, Num]:
    """k and f such that x = 2**k (1 + f)."""
    parts = split(x.hi, subnormal=False)
    # Where the bound acts, the second part no longer counts.
    scale = power_of_two(at_least(-parts.exponent, -100.0))
    return parts.exponent, muladd(x.lo, scale, parts.fraction - 1.0)


def _natural(k: Num, f: Num) -> Num:
    """k log(2) + log(1 + f)."""
    name = k.format.name
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    rest = s * muladd(z, polynomial(z, LOG), half_square)
    tail = half_square - muladd(k, LN2[name][1], rest)
    return fma(k, LN2[name][0], f - tail)


def _natural_pair(f: Num) -> Pair:
    """log(1 + f) to more than working precision."""
    half = f * 0.5
    half_square = half * f
    s = f / (2.0 + f)
    z = s * s
    hi = f - half_square
    lost = fma(half, f, -half_square)
    rest = muladd(s, muladd(z, polynomial(z, LOG), half_square), -lost)
    return Pair(hi, ((f - hi) - half_square) + rest)


def log_pair(x: Num) -> Pair:
    """log(x) of a positive finite number, to more than working precision."""
    first, second = LN2[x.format.name]
    parts = split(x)
    fraction = _natural_pair(parts.fraction - 1.0)
    whole = exact_product(parts.exponent, x.constant(first))
    head = ordered_sum(whole.hi, fraction.hi)
    lost = muladd(parts.exponent, second, whole.lo)
    return ordered_sum(head.hi, head.lo + (fraction.lo + lost))


def _times(x: Pair, hi: float, lo: float) -> Pair:
    """x * (hi + lo)."""
    first = x.hi * hi
    return Pair(first, muladd(x.lo, hi, muladd(x.hi, lo, fma(x.hi, hi, -first))))


def log2(x: Num) -> Num:
    """Logarithm to base 2, exact for powers of 2."""
    parts = split(x)
    fraction = _times(_natural_pair(parts.fraction - 1.0), *LOG2_E[x.format.name])
    head = ordered_sum(parts.exponent, fraction.hi)
    return limits(x, head.hi + (head.lo + fraction.lo))


def log10(x: Num) -> Num:
    """Logarithm to base 10, exact for powers of 10."""
    name = x.format.name
    parts = split(x)
    fraction = _times(_natural_pair(parts.fraction - 1.0), *LOG10_E[name])
    hi, lo = LOG10_2[name]
    head = ordered_sum(parts.exponent * hi, fraction.hi)
    tail = muladd(parts.exponent, lo, head.lo + fraction.lo)
    return limits(x, head.hi + tail)


def limits(x: Num, result: Num) -> Num:
    """`result` for 0 < x < inf; -inf at zero, inf at inf, otherwise NaN."""
    positive = x > 0.0
    outside = where(x.equals(0.0), x.constant(-math.inf), math.nan)
    return where(positive & (x < math.inf), result, where(positive, x, outside))
