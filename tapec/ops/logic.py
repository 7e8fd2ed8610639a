"""Comparisons, logic and bits. None of them has a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.primitive import Primitive, elementwise

__all__ = [
    "bitwise_and",
    "bitwise_count",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "gcd",
    "greater",
    "greater_equal",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "lcm",
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

NUMBERS = "dflbB?D"


equal = _constant(np.equal, "x == y.", lambda b, x, y: x == y, NUMBERS)
not_equal = _constant(np.not_equal, "x != y.", lambda b, x, y: x != y, NUMBERS)
less = _constant(np.less, "x < y.", lambda b, x, y: x < y, NUMBERS)
less_equal = _constant(np.less_equal, "x <= y.", lambda b, x, y: x <= y, NUMBERS)
greater = _constant(np.greater, "x > y.", lambda b, x, y: x > y, NUMBERS)
greater_equal = _constant(np.greater_equal, "x >= y.", lambda b, x, y: x >= y, NUMBERS)


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
left_shift = _constant(np.left_shift, "x * 2 ** y.", lambda b, x, y: x << y, INTEGERS)
right_shift = _constant(
    np.right_shift, "x // 2 ** y.", lambda b, x, y: x >> y, INTEGERS
)
gcd = _constant(np.gcd, "The greatest common divisor.", None, INTEGERS)
lcm = _constant(np.lcm, "The least common multiple.", None, INTEGERS)
bitwise_count = _constant(
    np.bitwise_count, "How many bits of |x| are set.", None, INTEGERS
)


# --- kinds of floats ----------------------------------------------------------


FLOATS = "dfDl?"

isnan = _constant(
    np.isnan, "Whether x is not a number.", lambda b, x: b.isnan(x), FLOATS
)
isinf = _constant(
    np.isinf, "Whether x is inf or -inf.", lambda b, x: b.isinf(x), FLOATS
)
isfinite = _constant(
    np.isfinite, "Whether x is neither inf nor nan.", lambda b, x: b.isfinite(x), FLOATS
)
signbit = _constant(
    np.signbit, "Whether the sign of x is minus.", lambda b, x: b.signbit(x), "df"
)
