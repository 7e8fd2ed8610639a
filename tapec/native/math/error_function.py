"""erf, erfc.

erf(x) = x + x P(x**2) near zero, and 1 - exp(-x**2) R(x) beyond.
"""

from __future__ import annotations

from .constants import LN2
from .exponential import EXP, PER_LN2, exp, nearest, scaled
from .pair import Pair, exact_product, ordered_sum, product, quotient
from .polynomial import polynomial
from .scalar import Num, at_most, fma, muladd, where

SPLIT = 0.9
# From here on erf rounds to 1.
ERF_MOST = {"f64": 5.95, "f32": 3.95}

# erf(x) / x - 1 in z = x**2, x <= 0.9: absolute error 2**-56, 2**-29.2.
ERF_SMALL = {
    "f64": (
        "0x1.06eba8214db69p-3",
        "-0x1.812746b0379e3p-2",
        "0x1.ce2f21a042835p-4",
        "-0x1.b82ce312736c4p-6",
        "0x1.565bcd0a6ed6ep-8",
        "-0x1.c02db31ef9813p-11",
        "0x1.f9a3076009552p-14",
        "-0x1.f4cf6f999b667p-17",
        "0x1.b9b866813f982p-20",
        "-0x1.5d8aef6c3255fp-23",
        "0x1.e2dcfb98be65dp-27",
        "-0x1.d32baf199c585p-31",
    ),
    "f32": (
        "0x1.06eba8p-3",
        "-0x1.812744p-2",
        "0x1.ce2e60p-4",
        "-0x1.b8162ap-6",
        "0x1.5513f4p-8",
        "-0x1.acf7fep-11",
        "0x1.66251ap-14",
    ),
}

# exp(x**2) erfc(x) on 0.9 <= x <= ERF_MOST: error times exp(-x**2) 2**-55, 2**-27.6.
ERF_LARGE = {
    "f64": (
        "0x1.ffffb81cd782ap-1",
        "-0x1.20dbbab1efcf3p+0",
        "0x1.ffebee0795a2ep-1",
        "-0x1.80de0b251775ep-1",
        "0x1.fe86e3baefc48p-2",
        "-0x1.3145b330311e9p-2",
        "0x1.4cb56640af09ep-3",
        "-0x1.4b2ce15209041p-4",
        "0x1.2b8eb42b13c6fp-5",
        "-0x1.e7524a529cd01p-7",
        "0x1.5f8f26038d17bp-8",
        "-0x1.baf5173fef351p-10",
        "0x1.df83536192ecdp-12",
        "-0x1.b661d32d6d8ecp-14",
        "0x1.4c1a402f49416p-16",
        "-0x1.97a6f7cb0fa0ap-19",
        "0x1.89c3ae1f44dd8p-22",
        "-0x1.1f46d4dd322a2p-25",
        "0x1.28e94033b74dap-29",
        "-0x1.82afe504159d3p-34",
        "0x1.dc63088b7fb64p-40",
    ),
    "f32": (
        "0x1.fd01a8p-1",
        "-0x1.16e620p+0",
        "0x1.c4692ep-1",
        "-0x1.16b140p-1",
        "0x1.ff1d64p-3",
        "-0x1.4e684cp-4",
        "0x1.2459e2p-6",
        "-0x1.2fe09ap-9",
        "0x1.1a776cp-13",
    ),
}


def erf(x: Num) -> Num:
    """The error function.

    Its derivative has the same exponential, which is then computed once. The rounding
    error of the square is small beside 1.
    """
    size = at_most(abs(x), ERF_MOST[x.format.name])
    small = muladd(size, polynomial(size * size, ERF_SMALL), size)
    large = muladd(-polynomial(size, ERF_LARGE), exp(-(x * x)), 1.0)
    return where(size < SPLIT, small, large).with_sign_of(x)


# From here on erfc rounds to zero.
ERFC_MOST = {"f64": 28.0, "f32": 10.6}
# The x that t = (x - center) / (x + center) maps to zero.
ERFC_CENTER = {"f64": 3.0, "f32": 2.0}

# (1 + 2 x) exp(x**2) erfc(x) in t, 1/2 <= x <= ERFC_MOST: error 2**-56.4, 2**-27;
# the first coefficient as an unevaluated sum, then the others.
ERFC_FIRST = {
    "f64": (1.2530080582697296, 4.2388697431348773e-17),
    "f32": (1.2769783735275269, 1.14880549517693e-08),
}
ERFC = {
    "f64": (
        "-0x1.15c084bb9e8f7p-3",
        "-0x1.85a15c58aa560p-5",
        "0x1.098366a5b4919p-3",
        "-0x1.e88b803a4a273p-4",
        "0x1.17ca2877e4e61p-4",
        "-0x1.8574c40b607f2p-6",
        "0x1.4b884e60e9a57p-9",
        "0x1.ef1bdcdeeb0c6p-10",
        "-0x1.98db55c1f0c70p-11",
        "-0x1.b91238d48263dp-14",
        "0x1.065aac08c1c5bp-13",
        "0x1.4c0f370cba519p-18",
        "-0x1.51498c0bbb554p-16",
        "-0x1.85c9a941e8d3ep-21",
        "0x1.d31e3e399f1f9p-19",
        "0x1.7079527d50167p-22",
        "-0x1.510d047a020fcp-21",
        "-0x1.02246ad00e249p-23",
        "0x1.d84c1cc90dbe9p-24",
        "0x1.80198a7ee2d45p-26",
        "-0x1.fa6f50f59a766p-27",
    ),
    "f32": (
        "-0x1.7bf5dap-4",
        "-0x1.5407f8p-3",
        "0x1.4ff8a8p-3",
        "-0x1.bc1950p-5",
        "-0x1.063eaap-7",
        "0x1.1bc23ap-7",
        "0x1.2a0008p-10",
        "-0x1.4c0b34p-10",
        "-0x1.bfed62p-13",
    ),
}


def erfc(x: Num) -> Num:
    """1 - erf(x), accurate where it is small."""
    square = x * x
    hi = 1.0 - x
    small = hi + muladd(-x, polynomial(square, ERF_SMALL), (1.0 - hi) - x)
    tail = _erfc_tail(at_most(abs(x), ERFC_MOST[x.format.name]))
    large = where(x < 0.0, 2.0 - tail, tail)
    return where(abs(x) < 0.5, small, large)


def _erfc_tail(x: Num) -> Num:
    """erfc(x), x >= 1/2: exp(-x**2), with the rounding error of the square, times R."""
    center = ERFC_CENTER[x.format.name]
    t = (x - center) / (x + center)
    divisor = ordered_sum(x * 2.0, 1.0)
    first, rest = ERFC_FIRST[x.format.name]
    dividend = ordered_sum(x.constant(first), muladd(t, polynomial(t, ERFC), rest))
    factor = quotient(dividend, divisor)
    square = exact_product(x, x)
    hi, lo = LN2[x.format.name]
    n = nearest(-square.hi, PER_LN2)
    r = muladd(-n.number, lo, fma(-n.number, hi, -square.hi))
    power = ordered_sum(x.constant(1.0), muladd(r * r, polynomial(r, EXP), r))
    total = product(Pair(power.hi, power.lo - square.lo * power.hi), factor).total()
    return scaled(total, n)
