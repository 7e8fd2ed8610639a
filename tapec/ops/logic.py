"""Comparisons, logic and bits. None of them has a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.primitive import Primitive, elementwise

__all__ = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
    "signbit",
]

ANY = (-3.0, 3.0)


def _constant(
    ufunc: np.ufunc, doc: str, lower: Callable[..., Any] | None, dtypes: str
) -> Primitive:
    """A primitive with the ufunc's name and no derivative."""
    return elementwise(
        name=ufunc.__name__,
        doc=doc,
        reference=ufunc,
        vjp=None,
        lower=lower,
        domain=(ANY, ANY)[: ufunc.nin],
        dtypes=dtypes,
    )


# --- comparisons --------------------------------------------------------------

REAL = "dflbB?"


def _real_only(b: Any, result: Any, x: Any) -> Any:
    """Complex numbers are ordered lexicographically, on the host."""
    return NotImplemented if x.dtype.kind == "c" else result


equal = _constant(np.equal, "x == y.", lambda b, x, y: x == y, REAL + "DF")
not_equal = _constant(np.not_equal, "x != y.", lambda b, x, y: x != y, REAL + "DF")
less = _constant(np.less, "x < y.", lambda b, x, y: x < y, REAL)
less_equal = _constant(np.less_equal, "x <= y.", lambda b, x, y: x <= y, REAL)
greater = _constant(np.greater, "x > y.", lambda b, x, y: x > y, REAL)
greater_equal = _constant(np.greater_equal, "x >= y.", lambda b, x, y: x >= y, REAL)


# --- logic --------------------------------------------------------------------


def _truth(b: Any, x: Any) -> Any:
    return x if x.dtype.kind == "b" else x != b.const(0, like=x)


def _and(b: Any, x: Any, y: Any) -> Any:
    return _truth(b, x) & _truth(b, y)


def _or(b: Any, x: Any, y: Any) -> Any:
    return _truth(b, x) | _truth(b, y)


def _xor(b: Any, x: Any, y: Any) -> Any:
    return _truth(b, x) ^ _truth(b, y)


def _not(b: Any, x: Any) -> Any:
    return ~_truth(b, x)


logical_and = _constant(np.logical_and, "Whether both are nonzero.", _and, "?dlD")
logical_or = _constant(np.logical_or, "Whether at least one is nonzero.", _or, "?dlD")
logical_xor = _constant(np.logical_xor, "Whether exactly one is nonzero.", _xor, "?dlD")
logical_not = _constant(np.logical_not, "Whether x is zero.", _not, "?dlD")


# --- bits ---------------------------------------------------------------------

INTEGERS = "lbB"


def _left(b: Any, x: Any, n: Any) -> Any:
    """Bits shifted out are lost; a count beyond the width shifts all of them out."""
    zero, width = b.const(0, like=x), b.const(8 * x.dtype.itemsize, like=n)
    fits = (n >= b.const(0, like=n)) & (n < width)
    return b.where(fits, x << b.where(fits, n, b.const(0, like=n)), zero)


def _right(b: Any, x: Any, n: Any) -> Any:
    """Arithmetic for signed x; a count beyond the width leaves only the sign."""
    zero, width = b.const(0, like=x), b.const(8 * x.dtype.itemsize, like=n)
    fits = (n >= b.const(0, like=n)) & (n < width)
    rest = zero if x.dtype.kind == "u" else b.where(x < zero, ~zero, zero)
    return b.where(fits, x >> b.where(fits, n, b.const(0, like=n)), rest)


bitwise_and = _constant(
    np.bitwise_and, "x & y, bit by bit.", lambda b, x, y: x & y, INTEGERS + "?"
)
bitwise_or = _constant(
    np.bitwise_or, "x | y, bit by bit.", lambda b, x, y: x | y, INTEGERS + "?"
)
bitwise_xor = _constant(
    np.bitwise_xor, "x ^ y, bit by bit.", lambda b, x, y: x ^ y, INTEGERS + "?"
)
invert = _constant(np.invert, "~x, bit by bit.", lambda b, x: ~x, INTEGERS + "?")
left_shift = _constant(np.left_shift, "x * 2 ** y.", _left, INTEGERS)
right_shift = _constant(np.right_shift, "x // 2 ** y.", _right, INTEGERS)


# --- kinds of floats ----------------------------------------------------------


def _isnan(b: Any, x: Any) -> Any:
    return x != x


def _isinf(b: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return _isinf(b, x.real) | _isinf(b, x.imag)
    if x.dtype.kind != "f":
        return x != x
    return b.intrinsic("abs", x) == b.const(np.inf, like=x)


def _isfinite(b: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return _isfinite(b, x.real) & _isfinite(b, x.imag)
    if x.dtype.kind != "f":
        return x == x
    return b.intrinsic("abs", x) < b.const(np.inf, like=x)


def _signbit(b: Any, x: Any) -> Any:
    return b.intrinsic("copysign", b.const(1, like=x), x) < b.const(0, like=x)


isnan = _constant(np.isnan, "Whether x is not a number.", _isnan, "dfDl?")
isinf = _constant(np.isinf, "Whether x is inf or -inf.", _isinf, "dfDl?")
isfinite = _constant(
    np.isfinite, "Whether x is neither inf nor nan.", _isfinite, "dfDl?"
)
signbit = _constant(np.signbit, "Whether the sign of x is minus.", _signbit, "df")
