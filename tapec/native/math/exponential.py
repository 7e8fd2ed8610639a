"""exp, exp2, expm1, and the parts the hyperbolic functions are made of.

x = n ln 2 + r with |r| <= ln(2)/2, and e**x = 2**n e**r.
"""

from __future__ import annotations

from dataclasses import dataclass

from .constants import LN2
from .pair import Pair, ordered_sum
from .polynomial import polynomial
from .scalar import Bits, Num, at_least, at_most, fma, muladd, where

# Rounded to either format, near enough to find n.
PER_LN2 = 1.4426950408889634

# Beyond these e**x is infinite, or rounds to zero.
EXP_MOST = {"f64": 710.0, "f32": 89.0}
EXP_LEAST = {"f64": -746.0, "f32": -104.0}
EXP2_MOST = {"f64": 1025.0, "f32": 129.0}
EXP2_LEAST = {"f64": -1076.0, "f32": -151.0}
EXPM1_LEAST = {"f64": -40.0, "f32": -20.0}

# (e**r - 1 - r) / r**2 on |r| <= ln(2)/2: relative error of e**r 2**-60.2, 2**-27.8.
EXP = {
    "f64": (
        "0x1.0000000000000p-1",
        "0x1.555555555555bp-3",
        "0x1.5555555555502p-5",
        "0x1.111111110ec1ap-7",
        "0x1.6c16c16c30772p-10",
        "0x1.a01a01b398cdep-13",
        "0x1.a01a013604b5fp-16",
        "0x1.71ddefdd03beap-19",
        "0x1.27e5b4ddd99f3p-22",
        "0x1.af6c60463d4f4p-26",
        "0x1.1e3cfb5ecc821p-29",
    ),
    "f32": (
        "0x1.fffffcp-2",
        "0x1.555490p-3",
        "0x1.5558f6p-5",
        "0x1.123a6ep-7",
        "0x1.6a2278p-10",
    ),
}

# (e**r - 1 - r - r**2/2) / r**3 on |r| <= ln(2)/2: error in e**r - 1, relative to r,
# 2**-60.4, 2**-30.2.
EXPM1 = {
    "f64": (
        "0x1.5555555555559p-3",
        "0x1.5555555555559p-5",
        "0x1.111111110f6abp-7",
        "0x1.6c16c16c14a3fp-10",
        "0x1.a01a01afeba5dp-13",
        "0x1.a01a01af7b5ebp-16",
        "0x1.71ddf838ea7f5p-19",
        "0x1.27e4c790f064ap-22",
        "0x1.af5efc9952005p-26",
        "0x1.1f930ec4585e3p-29",
    ),
    "f32": (
        "0x1.555556p-3",
        "0x1.5554f2p-5",
        "0x1.1110a4p-7",
        "0x1.6d4174p-10",
        "0x1.a188cap-13",
    ),
}


@dataclass(frozen=True)
class Nearest:
    """An integer as a float, and in the low bits of another one."""

    number: Num
    bits: Bits


def nearest(x: Num, factor: float = 1.0) -> Nearest:
    """The integer nearest to x * factor, which must be far below 2**fraction_bits."""
    shifted = muladd(x, factor, x.format.rounder)
    return Nearest(shifted - x.format.rounder, shifted.as_bits())


def power_of_two(n: Num) -> Num:
    """2**n for an integer n whose power is a normal number."""
    shifted = n + (n.format.rounder + n.format.bias)
    return (shifted.as_bits() << n.format.fraction_bits).as_num()


def scaled(y: Num, n: Nearest) -> Num:
    """y * 2**n, rounded once even if subnormal, for any n that half of is in range."""
    format = y.format
    doubled = n.bits + (2 * format.bias - _rounder_bits(y))
    half = doubled >> 1
    first = (half << format.fraction_bits).as_num()
    second = ((doubled - half) << format.fraction_bits).as_num()
    return y * first * second


def _rounder_bits(y: Num) -> int:
    """The bits of `rounder`: exponent `fraction_bits`, fraction 1.5."""
    format = y.format
    exponent = format.bias + format.fraction_bits
    return (exponent << format.fraction_bits) | (1 << (format.fraction_bits - 1))


def exp(x: Num) -> Num:
    """e**x."""
    fraction, n = exp_parts(x)
    return scaled(fraction.hi, n)


def exp_parts(x: Num) -> tuple[Pair, Nearest]:
    """The fraction e**r, not rounded, and the exponent n of e**x."""
    name = x.format.name
    x = at_least(at_most(x, EXP_MOST[name]), EXP_LEAST[name])
    n = nearest(x, PER_LN2)
    r = muladd(-n.number, LN2[name][1], fma(-n.number, LN2[name][0], x))
    return ordered_sum(x.constant(1.0), muladd(r * r, polynomial(r, EXP), r)), n


# (2**r - 1 - r ln(2)) / r**2 on |r| <= 1/2: error in 2**r 2**-60, 2**-29.
EXP2 = {
    "f64": (
        "0x1.ebfbdff82c58fp-3",
        "0x1.c6b08d704a0c8p-5",
        "0x1.3b2ab6fba4e7fp-7",
        "0x1.5d87fe78a3700p-10",
        "0x1.430912f869665p-13",
        "0x1.ffcbfc70d249bp-17",
        "0x1.62c0224bc93f2p-20",
        "0x1.b524e48ae70c8p-24",
        "0x1.e4ceedf2bfa4ep-28",
        "0x1.e9f7ae47dc7b9p-32",
        "0x1.c4d3f6a86855bp-36",
    ),
    "f32": (
        "0x1.ebfbe0p-3",
        "0x1.c6b08ep-5",
        "0x1.3b29f2p-7",
        "0x1.5d8740p-10",
        "0x1.445e30p-13",
        "0x1.00e4dap-16",
    ),
}


def exp2(x: Num) -> Num:
    """2**x."""
    fraction, n = exp2_parts(x)
    return scaled(fraction.hi, n)


def exp2_parts(x: Num) -> tuple[Pair, Nearest]:
    """The fraction 2**r, not rounded, and the exponent n of 2**x."""
    name = x.format.name
    x = at_least(at_most(x, EXP2_MOST[name]), EXP2_LEAST[name])
    n = nearest(x)
    r = x - n.number
    rest = muladd(r, LN2[name][0], r * r * polynomial(r, EXP2))
    return ordered_sum(x.constant(1.0), rest), n


def expm1(x: Num) -> Num:
    """e**x - 1."""
    name = x.format.name
    clamped = at_least(at_most(x, EXP_MOST[name]), EXPM1_LEAST[name])
    n = nearest(clamped, PER_LN2).number
    bias = float(x.format.bias)
    pair = shifted_exponential(clamped, n, at_most(n, bias), 1.0)
    result = pair.total() * where(n > bias, n.constant(2.0), 1.0)
    return result.with_sign_of(x)


def shifted_exponential(x: Num, n: Num, exponent: Num, shift: float) -> Pair:
    """2**exponent e**r - shift for x = n ln 2 + r, accurate also where it cancels.

    The second part is not small: up to an eighth of the first.
    """
    name = x.format.name
    rest = fma(-n, LN2[name][0], x)
    r = muladd(-n, LN2[name][1], rest)
    r_lo = muladd(-n, LN2[name][1], rest - r)
    square = r * r
    tail = muladd(square * r, polynomial(r, EXPM1), muladd(square, 0.5, r_lo))
    scale = power_of_two(exponent)
    head = ordered_sum(scale - shift, scale * r)
    return Pair(head.hi, muladd(scale, tail, head.lo))
