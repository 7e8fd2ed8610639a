"""arcsin, arccos, arctan, arctan2."""

from __future__ import annotations

import math

from .constants import HALF_PI
from .pair import Pair, exact_sum, quotient_of
from .polynomial import polynomial
from .scalar import Num, at_most, muladd, where

# (arctan(t) - t) / t**3 in z = t**2, |t| <= 1/2: relative error 2**-56.8, 2**-27.2.
ARCTAN = {
    "f64": (
        "-0x1.5555555555518p-2",
        "0x1.999999999144ep-3",
        "-0x1.249249216cfb8p-3",
        "0x1.c71c709593d33p-4",
        "-0x1.745cf5369ebf3p-4",
        "0x1.3b1143d32bc98p-4",
        "-0x1.10f358a45544dp-4",
        "0x1.dfec4ccaf625dp-5",
        "-0x1.a3a4279f72722p-5",
        "0x1.5714ab300977ap-5",
        "-0x1.c1dcfa3ee6792p-6",
        "0x1.4bfed0d3d44e0p-7",
    ),
    "f32": (
        "-0x1.555514p-2",
        "0x1.997bc8p-3",
        "-0x1.22533ap-3",
        "0x1.a0598ap-4",
        "-0x1.a51818p-5",
    ),
}

# (arcsin(s) - s) / s**3 in z = s**2, |s| <= 1/2: relative error 2**-55.7, 2**-27.3.
ARCSIN = {
    "f64": (
        "0x1.5555555555384p-3",
        "0x1.333333336fe75p-4",
        "0x1.6db6db41962dep-5",
        "0x1.f1c72c8169140p-6",
        "0x1.6e89ed91b9e8cp-6",
        "0x1.1c6c44ddf802ep-6",
        "0x1.c6f637147d6d0p-7",
        "0x1.8ef3c8324536dp-7",
        "0x1.aa2f2b673619bp-8",
        "0x1.410da35009012p-6",
        "-0x1.0b868ace2f843p-6",
        "0x1.0600e058b86a3p-5",
    ),
    "f32": (
        "0x1.5555cap-3",
        "0x1.330136p-4",
        "0x1.748f00p-5",
        "0x1.8b8664p-6",
        "0x1.59f43cp-5",
    ),
}

# Where arctan has become pi/2; and the bounds between which arctan2 need not scale.
ARCTAN_MOST = 2.0**60
SCALE_ABOVE = {"f64": 2.0**500, "f32": 2.0**60}
SCALE_BELOW = {"f64": 2.0**-400, "f32": 2.0**-50}


def arctan(x: Num) -> Num:
    """Arc tangent."""
    size = at_most(abs(x), ARCTAN_MOST)
    angle = _angle(size, size.constant(1.0))
    return angle.total().with_sign_of(x)


def arctan2(y: Num, x: Num) -> Num:
    """The angle of the point (x, y)."""
    name = x.format.name
    rise, run = _comparable(abs(y), abs(x))
    angle = _angle(rise, run)
    first, second, _ = HALF_PI[name]
    turned = Pair(2.0 * first - angle.hi, 2.0 * second - angle.lo)
    lost = (2.0 * first - turned.hi) - angle.hi
    right = x.sign_bit().equals(0)
    result = where(right, angle.total(), turned.hi + (turned.lo + lost))
    nan = x.constant(math.nan)
    return where(x.is_nan() | y.is_nan(), nan, result.with_sign_of(y))


def _comparable(rise: Num, run: Num) -> tuple[Num, Num]:
    """Finite numbers of the same ratio, the greater neither huge nor tiny."""
    name = rise.format.name
    most = where(rise > run, rise, run)
    one = rise.constant(1.0)
    huge = most > SCALE_ABOVE[name]
    tiny = most < SCALE_BELOW[name]
    scale = where(
        huge, one * SCALE_BELOW[name], where(tiny, one * SCALE_ABOVE[name], 1.0)
    )
    infinite = most.equals(math.inf)
    rise = where(infinite, where(rise.equals(math.inf), one, 0.0), rise * scale)
    run = where(infinite, where(run.equals(math.inf), one, 0.0), run * scale)
    return rise, where(most.equals(0.0), one, run)


def _angle(rise: Num, run: Num) -> Pair:
    """arctan(rise / run) for numbers that are not negative.

    t = rise / run below 1/2; (rise - run) / (rise + run) with pi/4 up to 2;
    -run / rise with pi/2 above. The difference is exact.
    """
    first, second, _ = HALF_PI[rise.format.name]
    low = rise * 2.0 < run
    high = run * 2.0 < rise
    total = exact_sum(rise, run)
    zero = rise.constant(0.0)
    top = where(low, rise, where(high, -run, rise - run))
    bottom = where(low, run, where(high, rise, total.hi))
    lost = where(low | high, zero, total.lo)
    t = quotient_of(top, Pair(bottom, lost))
    z = t.hi * t.hi
    rest = muladd(t.hi * z, polynomial(z, ARCTAN), t.lo)
    base = where(low, zero, where(high, zero.constant(first), first / 2.0))
    base_lo = where(low, zero, where(high, zero.constant(second), second / 2.0))
    hi = base + t.hi
    return Pair(hi, ((base - hi) + t.hi) + (rest + base_lo))


def _arcsin_excess(s: Num, z: Num) -> Num:
    """arcsin(s) - s, for z = s**2."""
    return s * (z * polynomial(z, ARCSIN))


def arcsin(x: Num) -> Num:
    """Arc sine: near 1, pi/2 - 2 arcsin(sqrt((1 - x) / 2))."""
    first, second, _ = HALF_PI[x.format.name]
    size = abs(x)
    small = size < 0.5
    z = where(small, x * x, muladd(size, -0.5, 0.5))
    s = where(small, size, z.sqrt())
    rest = _arcsin_excess(s, z)
    large = first - (2.0 * s + muladd(rest, 2.0, -second))
    return where(small, s + rest, large).with_sign_of(x)


def arccos(x: Num) -> Num:
    """Arc cosine."""
    first, second, _ = HALF_PI[x.format.name]
    size = abs(x)
    small = size < 0.5
    z = where(small, x * x, muladd(size, -0.5, 0.5))
    s = where(small, x, z.sqrt())
    rest = _arcsin_excess(s, z)
    middle = first - (s + (rest - second))
    right = 2.0 * (s + rest)
    left = 2.0 * (first - (s + (rest - second)))
    return where(small, middle, where(x < 0.0, left, right))
