"""gammaln and digamma, in double precision for both formats.

Polynomials around the zeros for positive numbers, recurrences to get there, Stirling's
series (as a polynomial in 1/x**2) above, reflection below zero. Near their zeros at
negative numbers the error is that of the terms that cancel.
"""

from __future__ import annotations

import math

from .constants import HALF_PI
from .logarithm import log_pair
from .pair import Pair, exact_product, exact_sum, normalized, ordered_sum, quotient
from .polynomial import polynomial
from .scalar import Num, at_most, fma, muladd, where
from .trigonometric import choose, reduced_cos, reduced_sin

# log(gamma(2 + t)) / t on |t| <= 1/2: error 2**-57.6; the first
# coefficients as unevaluated sums, then the others.
LOG_GAMMA_FIRST = (0.42278433509846713, 1.0774661162969094e-18)
LOG_GAMMA_SECOND = (0.32246703342411326, -6.353343578744392e-18)
LOG_GAMMA = {
    "f64": (
        "-0x1.13e001a557553p-4",
        "0x1.51322ac7d7c3dp-6",
        "-0x1.e404fc21d9e3ap-8",
        "0x1.7add6eaebfda2p-9",
        "-0x1.38ac5bfc6eb3fp-10",
        "0x1.0b36af0cc0eeap-11",
        "-0x1.d3fd6acbac610p-13",
        "0x1.a127ed8c14501p-14",
        "-0x1.78d8f0541cca2p-15",
        "0x1.5804e70954181p-16",
        "-0x1.3d4d82dcb044ap-17",
        "0x1.26620f7d4d13ap-18",
        "-0x1.08f6a349615e8p-19",
        "0x1.eb90215fc2145p-21",
        "-0x1.3816ccb4708bfp-21",
        "0x1.2fc9be40d8d1ap-22",
    ),
}

# (log(gamma(x)) - (x - 1/2) log(x) + x - log(2 pi)/2) x in 1/x**2, x >= 3.25:
# error in log(gamma(x)) 2**-58.
STIRLING = {
    "f64": (
        "0x1.5555555555551p-4",
        "-0x1.6c16c16bf7b7dp-9",
        "0x1.a01a0112eefa3p-11",
        "-0x1.3813369248938p-11",
        "0x1.b93baaf49682fp-11",
        "-0x1.f49aaae0b3da8p-10",
        "0x1.93c2e63801e70p-8",
        "-0x1.89d3ae539f37bp-6",
        "0x1.71e8e343c6645p-4",
        "-0x1.00e0d3b4d45dcp-2",
        "0x1.688dfab6dc78dp-2",
    ),
}

# digamma(3/2 + t) / (3/2 + t - ROOT) on |t| <= 1/2: error 2**-55.9; the first
# coefficient as an unevaluated sum, then the others.
DIGAMMA_FIRST = (0.9510558760318328, 4.248173584766426e-17)
DIGAMMA = {
    "f64": (
        "-0x1.b1cb63005ee98p-2",
        "0x1.eca189b8e6f8ap-3",
        "-0x1.2feeeb98a78c5p-3",
        "0x1.8512e59036c20p-4",
        "-0x1.fb44202a26266p-5",
        "0x1.4de9aa1893efep-5",
        "-0x1.b9f8b11b01bd2p-6",
        "0x1.25647131f7013p-6",
        "-0x1.8635641fc1ddep-7",
        "0x1.03c0b7ff8be46p-7",
        "-0x1.5a06a153f1483p-8",
        "0x1.cd1e30c190d0cp-9",
        "-0x1.336e0977dfda6p-9",
        "0x1.99f00a3e4fc7dp-10",
        "-0x1.0fb0786866478p-10",
        "0x1.6930a65ef1068p-11",
        "-0x1.fdb5fe742deb7p-12",
        "0x1.59fbccc1de4e3p-12",
        "-0x1.2f1f68f31f1fcp-13",
        "0x1.6a83a05861e9fp-14",
        "-0x1.762ed8bd47af4p-13",
        "0x1.089794f1adadep-13",
    ),
}

# (log(x) - 1/(2 x) - digamma(x)) x**2 in 1/x**2, x >= 2: error in digamma 2**-57.4.
DIGAMMA_LARGE = {
    "f64": (
        "0x1.5555555555352p-4",
        "-0x1.1111110f0d1bfp-7",
        "0x1.04103e293adeep-8",
        "-0x1.11100736e5685p-8",
        "0x1.f0415922c19e1p-8",
        "-0x1.57676e58bb66ep-6",
        "0x1.466f6f20f06a1p-4",
        "-0x1.78577ab422828p-2",
        "0x1.c82148f007223p+0",
        "-0x1.00826eeb4754ep+3",
        "0x1.e92df6c782d0ap+4",
        "-0x1.7230491c71a80p+6",
        "0x1.a312878cc80e4p+7",
        "-0x1.4a0bca89d3dbep+8",
        "0x1.40b69c9a12abep+8",
        "-0x1.20843662f493fp+7",
    ),
}

# The positive zero of digamma, and logarithms, as unevaluated sums.
ROOT = (1.4616321449683622, 9.549995429965697e-17)
LOG_PI = (1.1447298858494002, 1.0265951162707826e-17)
HALF_LOG_2PI = (0.9189385332046728, -3.8782941580672414e-17)
# From here on all numbers are even, and the functions are their first terms.
MOST = 2.0**53
# Up to here they are their first terms.
TINY = 2.0**-60


def gammaln(x: Num) -> Num:
    """log |gamma(x)|."""
    wide = x.widen()
    size = abs(wide)
    positive = _log_gamma(size)
    sine, _ = _of_half_turns(size)
    area = abs(sine.total()) * size
    logarithm = log_pair(area)
    head = ordered_sum(wide.constant(LOG_PI[0]), -logarithm.hi)
    reflected = (head.hi - positive) + ((head.lo + LOG_PI[1]) - logarithm.lo)
    pole = area.equals(0.0) | (size >= MOST)
    reflected = where(pole, wide.constant(math.inf), reflected)
    tiny = size < TINY
    reflected = where(tiny, positive, reflected)
    result = where(wide < 0.0, reflected, positive)
    result = where(size.equals(0.0), size.constant(math.inf), result)
    return where(size < math.inf, result, wide).narrow(x.format)


def _log_gamma(x: Num) -> Num:
    """log(gamma(x)), x > 0."""
    is_large = x >= 3.5
    above, below, tiny = x > 2.5, x < 1.5, x < 0.5
    one = x.constant(1.0)
    up = where(tiny, one * 2.0, where(below, one, where(above, -one, 0.0)))
    # A tiny x must not be lost beside 2: t is the argument less 2.
    t = x + (up - 2.0)
    near = _near_two(t)
    shifted = where(above, x - 1.0, where(tiny, muladd(x, x, x), where(below, x, one)))
    logarithm = log_pair(where(is_large, x, shifted))
    signed = choose(below, Pair(-logarithm.hi, -logarithm.lo), logarithm)
    total = exact_sum(signed.hi, near.hi)
    rest = signed.lo + near.lo
    return where(is_large, _stirling(x, logarithm), total.hi + (total.lo + rest))


def _near_two(t: Num) -> Pair:
    """log(gamma(2 + t)), |t| <= 1/2: t (FIRST + t (SECOND + t P(t)))."""
    bend = _plus(LOG_GAMMA_SECOND, t * polynomial(t, LOG_GAMMA))
    tilt = exact_product(bend.hi, t)
    slope = _plus(LOG_GAMMA_FIRST, tilt.hi)
    near = exact_product(slope.hi, t)
    lost = slope.lo + muladd(bend.lo, t, tilt.lo)
    return Pair(near.hi, muladd(lost, t, near.lo))


def _plus(constant: tuple[float, float], x: Num) -> Pair:
    """The sum of a constant and a number of less magnitude."""
    total = ordered_sum(x.constant(constant[0]), x)
    return Pair(total.hi, total.lo + constant[1])


def _stirling(x: Num, logarithm: Pair) -> Num:
    """(x - 1/2) log(x) - x + log(2 pi)/2 + P(1/x**2) / x."""
    inverse = 1.0 / x
    less = x - 0.5
    term = exact_product(less, logarithm.hi)
    head = ordered_sum(term.hi, -x)
    rest = muladd(less, logarithm.lo, term.lo + head.lo)
    rest = rest + muladd(
        inverse, polynomial(inverse * inverse, STIRLING), HALF_LOG_2PI[1]
    )
    total = exact_sum(head.hi, x.constant(HALF_LOG_2PI[0]))
    moderate = total.hi + (total.lo + rest)
    return where(x < MOST, moderate, x * (logarithm.hi - 1.0))


def digamma(x: Num) -> Num:
    """The derivative of log(gamma(x))."""
    wide = x.widen()
    size = abs(wide)
    positive = _digamma(size)
    sine, cosine = _of_half_turns(size)
    ratio = quotient(cosine, sine)
    half = HALF_PI["f64"][0]
    turned = muladd(ratio.hi, 2.0 * half, ratio.lo * (2.0 * half))
    reflected = positive + (1.0 / size + turned)
    tiny = size < TINY
    reflected = where(tiny, 1.0 / size, reflected)
    pole = sine.hi.equals(0.0) | (size >= MOST)
    nan = wide.constant(math.nan)
    reflected = where(pole, nan, reflected)
    result = where(wide < 0.0, reflected, positive)
    infinity = wide.constant(math.inf).with_sign_of(-wide)
    return where(size.equals(0.0), infinity, result).narrow(x.format)


def _digamma(x: Num) -> Num:
    """digamma(x), x > 0."""
    is_large, below = x > 2.0, x < 1.0
    inverse, zero = 1.0 / x, x.constant(0.0)
    lost = fma(-inverse, x, 1.0) * inverse
    place = where(below, x + 1.0, x)
    t = place - 1.5
    first, second = DIGAMMA_FIRST
    slope = first + muladd(t, polynomial(t, DIGAMMA), second)
    near = ((place - ROOT[0]) - ROOT[1]) * slope
    moderate = where(below, -inverse + (near - where(x < TINY, zero, lost)), near)
    return where(is_large, _digamma_large(x, inverse), moderate)


def _digamma_large(x: Num, inverse: Num) -> Num:
    """log(x) - 1/(2 x) - P(1/x**2) / x**2."""
    z = inverse * inverse
    logarithm = log_pair(x)
    rest = muladd(inverse, -0.5, logarithm.lo) - z * polynomial(z, DIGAMMA_LARGE)
    return where(x < math.inf, logarithm.hi + rest, x)


def _of_half_turns(x: Num) -> tuple[Pair, Pair]:
    """sin(pi x) and cos(pi x) up to one common sign, for x >= 0."""
    bounded = at_most(x, MOST)
    halves = (bounded * 2.0).rint() * 0.5
    rest = bounded - halves
    first, second, _ = HALF_PI["f64"]
    angle = exact_product(rest, rest.constant(2.0 * first))
    r = Pair(angle.hi, muladd(rest, 2.0 * second, angle.lo))
    sine, cosine = normalized(reduced_sin(r)), normalized(reduced_cos(r))
    even = halves.rint().equals(halves)
    negative = Pair(-sine.hi, -sine.lo)
    return choose(even, sine, cosine), choose(even, cosine, negative)
