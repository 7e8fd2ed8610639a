"""Python's binary operators on scalars, with NumPy's meaning for each dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tapec.native import complexes, division, integers
from tapec.native.layout import NoNative

if TYPE_CHECKING:
    from tapec.native.scalars import Builder, Scalar

__all__ = ["binary", "fmod"]

BOOL = np.dtype(np.bool_)
HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
INT_OPS = {"+": "add", "-": "sub", "*": "mul", "&": "and_", "|": "or_", "^": "xor"}
BOOL_OPS = {"+": "or_", "*": "and_", "&": "and_", "|": "or_", "^": "xor"}
FLOAT_OPS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
SIMPLE = {"i": INT_OPS, "u": INT_OPS, "b": BOOL_OPS, "f": FLOAT_OPS}


def binary(b: Builder, symbol: str, x: Scalar, y: Scalar) -> Scalar:
    """`x symbol y` for scalars of one dtype."""
    if x.dtype != y.dtype:
        raise NoNative(f"{x.dtype} {symbol} {y.dtype}")
    if x.kind == "c":
        ordered = symbol in COMPARISONS
        return (complexes.compare if ordered else complexes.binary)(b, symbol, x, y)
    if symbol in COMPARISONS:
        return _compare(b, symbol, x, y)
    if x.dtype == HALF:
        wide = binary(b, symbol, b.cast(x, FLOAT), b.cast(y, FLOAT))
        return b.cast(wide, HALF)
    if symbol == "/" and x.kind == "f":
        quotient = division.by_constant(b, x, y)
        if quotient is None and b.divisors is not None:
            quotient = b.divisors.quotient(b, x, y)
        if quotient is not None:
            return quotient
    simple = SIMPLE[x.kind].get(symbol)
    at, depth = b.at(x, y)
    if simple is not None:
        return b.make(x.dtype, depth, getattr(at, simple)(x.value, y.value))
    if x.kind == "f" and symbol == "**":
        return b.math("power", x, y)
    if x.kind == "f" and symbol in ("//", "%"):
        return _float_divmod(b, x, y)[symbol == "%"]
    if x.kind in "iu" and symbol in integers.OPERATIONS:
        operation = integers.OPERATIONS[symbol]
        value = operation(at, x.value, y.value, signed=x.kind == "i")
        return b.make(x.dtype, depth, value)
    raise NoNative(f"{x.dtype} {symbol} {y.dtype}")


def _compare(b: Builder, symbol: str, x: Scalar, y: Scalar) -> Scalar:
    if x.dtype == HALF:
        x, y = b.cast(x, FLOAT), b.cast(y, FLOAT)
    at, depth = b.at(x, y)
    if x.kind == "f":
        make = at.fcmp_unordered if symbol == "!=" else at.fcmp_ordered
    else:
        make = at.icmp_signed if x.kind == "i" else at.icmp_unsigned
    return b.make(BOOL, depth, make(symbol, x.value, y.value))


def fmod(b: Builder, x: Scalar, y: Scalar) -> Scalar:
    """The remainder of the truncated quotient: it has the sign of x."""
    if x.dtype == HALF:
        return b.cast(fmod(b, b.cast(x, FLOAT), b.cast(y, FLOAT)), HALF)
    at, depth = b.at(x, y)
    if x.kind == "f":
        return b.make(x.dtype, depth, at.frem(x.value, y.value))
    if x.kind not in "iu":
        raise NoNative(f"fmod of {x.dtype}")
    value = integers.truncated_remainder(at, x.value, y.value, signed=x.kind == "i")
    return b.make(x.dtype, depth, value)


def _float_divmod(b: Builder, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """Floored quotient and remainder with the sign of the divisor."""
    at, depth = b.at(x, y)
    rest = b.make(x.dtype, depth, at.frem(x.value, y.value))
    quotient = (x - rest) / y
    wrong = (rest != 0.0) & ((y < 0.0) != (rest < 0.0))
    quotient = b.where(wrong, quotient - 1.0, quotient)
    zero = b.const(0.0, x)
    signed_zero = b.intrinsic("copysign", zero, y)
    moved = b.where(wrong, rest + y, b.where(rest != 0.0, rest, signed_zero))
    floor = b.intrinsic("floor", quotient)
    floor = b.where(quotient - floor > 0.5, floor + 1.0, floor)
    flat = b.intrinsic("copysign", zero, x / y)
    floor = b.where(quotient != 0.0, floor, flat)
    by_zero = y == 0.0
    return (
        b.where(by_zero, x / y, floor),
        b.where(by_zero, b.const(np.nan, x), moved),
    )
