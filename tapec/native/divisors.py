"""Division by one number many times: one division, then two products and a sum each.

    x / y   =   fma(x, high, x * low)

as in `division`, with `high` and `low` made at run time. They have to be normal
numbers, so x and y are multiplied by a power of two first where y is tiny or huge: a
quotient that overflows or vanishes by that would anyway. Of 1/y as the processor rounds
it, what is not below the exact one is made the next smaller float, so that `low` is
never zero and has the sign of y: zeros and infinities come out right.

The sum is off by less than 2**-50 of the result's last place before it is rounded. A
division takes 8 to 16 times as long as one of these instructions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from llvmlite import ir

from tapec.ir import Extent, Function, Value, estimate
from tapec.native import platform
from tapec.native.division import RANGE

if TYPE_CHECKING:
    from tapec.native.scalars import Builder, Scalar

__all__ = ["Divisors", "shared_divisions"]

OFTEN, ROUNDS = 3, 16
"""Divisions by one number in a round of a loop, and rounds of a loop with one division
by the same, for which that pays."""

SCALE = {"f8": 2.0**400, "f4": 2.0**60}
"""What brings any number that is not in `RANGE` into it, or its inverse."""


def shared_divisions(body: Function) -> set[Value]:
    """The divisions of a kernel whose divisor is that of several."""
    divisions = [op for op in body.ops if op.prim.name == "divide"]
    often = Counter(op.args[1] for op in divisions)
    return {op for op in divisions if often[op.args[1]] >= OFTEN}


class Halves(NamedTuple):
    """1/y as a sum, times `scale`."""

    high: Scalar
    low: Scalar
    scale: Scalar


class Divisors:
    """Those of a kernel. loops: the extents of its loops, outermost first."""

    def __init__(self, loops: Sequence[Extent]) -> None:
        self._rounds = [estimate(n) for n in loops]
        self._often: set[Any] = set()
        self._halves: dict[Any, Halves] = {}

    def add(self, y: Scalar) -> None:
        """Much is divided by `y`."""
        self._often.update(y.parts)

    def quotient(self, b: Builder, x: Scalar, y: Scalar) -> Scalar | None:
        """x / y, if it pays to have 1/y."""
        if isinstance(y.value, ir.Constant) or not self._pays(x, y):
            return None
        found = self._halves.get(y.value)
        if found is None:
            found = self._halves[y.value] = _halves_of(b, y)
        x = x * found.scale
        return b.intrinsic("fma", x, found.high, x * found.low)

    def _pays(self, x: Scalar, y: Scalar) -> bool:
        if not platform.has_fma() or not max(x.depth, y.depth):
            return False
        again = math.prod(self._rounds[y.depth : x.depth])
        return again >= ROUNDS or y.value in self._often


def _halves_of(b: Builder, y: Scalar) -> Halves:
    kind = y.dtype.str[1:]
    (least, most), factor = RANGE[kind], SCALE[kind]
    size, one = abs(y), b.const(1.0, y)
    small = b.where(size > most, b.const(1.0 / factor, y), one)
    scale = b.where(size < least, b.const(factor, y), small)
    y = y * scale
    at, depth = b.at(y)
    rounded = b.make(y.dtype, depth, at.fdiv(one.value, y.value))
    above = b.intrinsic("fma", -rounded, y, one) <= 0.0
    bits = b.bits(rounded)
    high = b.floating(bits - b.cast(above, bits.dtype))
    low = b.intrinsic("fma", -high, y, one) * high
    low = b.where(b.isnan(low), high, low)  # y is 0 or infinite
    return Halves(high, low, scale)
