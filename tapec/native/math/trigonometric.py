"""sin, cos, tan.

x = n pi/2 + r with |r| <= pi/4. Up to LARGE, n pi/2 is subtracted in three parts;
for greater arguments `large` replaces the result.
"""

from __future__ import annotations

from .constants import HALF_PI
from .exponential import Nearest, nearest
from .large import with_large
from .pair import Pair, normalized, quotient
from .polynomial import polynomial
from .scalar import Bits, Flag, Num, fma, muladd, where

TWO_OVER_PI = 0.6366197723675814
# (sin(r) - r) / r**3 in z = r**2, |r| <= pi/4: relative error 2**-56.7, 2**-27.2.
SIN = {
    "f64": (
        "-0x1.5555555555549p-3",
        "0x1.111111110f841p-7",
        "-0x1.a01a019c0a222p-13",
        "0x1.71de3570f8afcp-19",
        "-0x1.ae5e60c181327p-26",
        "0x1.5d915d58de5eap-33",
    ),
    "f32": (
        "-0x1.555544p-3",
        "0x1.1106fcp-7",
        "-0x1.992be2p-13",
    ),
}

# (cos(r) - 1 + r**2/2) / r**4 in z = r**2, |r| <= pi/4: error 2**-59.5, 2**-32.8.
COS = {
    "f64": (
        "0x1.555555555554cp-5",
        "-0x1.6c16c16c15140p-10",
        "0x1.a01a019cab745p-16",
        "-0x1.27e4f8053061fp-22",
        "0x1.1ee9e88c58877p-29",
        "-0x1.8facce28a8f6ap-37",
    ),
    "f32": (
        "0x1.55554ap-5",
        "-0x1.6c0c22p-10",
        "0x1.99e33cp-16",
    ),
}


def reduced(x: Num) -> tuple[Nearest, Pair]:
    """The integer n nearest to x / (pi/2), and x - n pi/2.

    x - n P1 is a multiple of the last place of P1 (or of x), and less than 1: exact.
    So is the sum of that and n P2, in two parts.
    """
    first, second, third = HALF_PI[x.format.name]
    n = nearest(x, TWO_OVER_PI)
    rest = fma(-n.number, first, x)
    product = n.number * second
    hi = rest - product
    lo = ((rest - hi) - product) - fma(n.number, second, -product)
    return n, Pair(hi, muladd(-n.number, third, lo))


def reduced_sin(r: Pair) -> Pair:
    """sin(r), |r| <= pi/4; the second part is not small."""
    z = r.hi * r.hi
    slope = muladd(z, -0.5, 1.0)
    return Pair(r.hi, muladd(z * r.hi, polynomial(z, SIN), r.lo * slope))


def reduced_cos(r: Pair) -> Pair:
    """cos(r), |r| <= pi/4."""
    z = r.hi * r.hi
    half = z * 0.5
    hi = 1.0 - half
    lost = (1.0 - hi) - half
    return Pair(hi, muladd(z * z, polynomial(z, COS), muladd(-r.hi, r.lo, lost)))


def sin_of_parts(n: Bits, r: Pair) -> Num:
    """sin(n pi/2 + r)."""
    return _quadrant(n, r)


def cos_of_parts(n: Bits, r: Pair) -> Num:
    """cos(n pi/2 + r)."""
    return _quadrant(n + 1, r)


def tan_of_parts(n: Bits, r: Pair) -> Num:
    """tan(n pi/2 + r)."""
    sine, cosine = normalized(reduced_sin(r)), normalized(reduced_cos(r))
    even = (n & 1).equals(0)
    ratio = quotient(choose(even, sine, cosine), choose(even, cosine, sine)).total()
    return where(even, ratio, -ratio)


def choose(flag: Flag, yes: Pair, no: Pair) -> Pair:
    """`yes` if the flag is set, else `no`."""
    return Pair(where(flag, yes.hi, no.hi), where(flag, yes.lo, no.lo))


def _quadrant(n: Bits, r: Pair) -> Num:
    """The one of sin(r), cos(r), -sin(r), -cos(r) that n mod 4 names."""
    sine, cosine = reduced_sin(r).total(), reduced_cos(r).total()
    chosen = where((n & 1).equals(0), sine, cosine)
    sign = (n & 2) << (n.format.width - 2)
    return (chosen.as_bits() ^ sign).as_num()


def sin(x: Num) -> Num:
    """Sine."""
    n, r = reduced(x)
    result = sin_of_parts(n.bits, r)
    return with_large(x, where(x.equals(0.0), x, result), "sin", sin_of_parts)


def cos(x: Num) -> Num:
    """Cosine."""
    n, r = reduced(x)
    return with_large(x, cos_of_parts(n.bits, r), "cos", cos_of_parts)


def tan(x: Num) -> Num:
    """Tangent."""
    n, r = reduced(x)
    result = where(x.equals(0.0), x, tan_of_parts(n.bits, r))
    return with_large(x, result, "tan", tan_of_parts)
