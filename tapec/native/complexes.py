"""Arithmetic and order of complex scalars, by the formulas NumPy uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapec.native.layout import NoNative

if TYPE_CHECKING:
    from tapec.native.scalars import Builder, Scalar

__all__ = ["binary", "compare"]


def binary(b: Builder, symbol: str, x: Scalar, y: Scalar) -> Scalar:
    """x + y, x - y, x * y or x / y."""
    (a, c), (p, q) = (b.real(x), b.imag(x)), (b.real(y), b.imag(y))
    match symbol:
        case "+":
            return b.complex(a + p, c + q)
        case "-":
            return b.complex(a - p, c - q)
        case "*":
            return b.complex(a * p - c * q, a * q + c * p)
        case "/":
            return _divide(b, (a, c), (p, q))
    raise NoNative(f"{x.dtype} {symbol} {y.dtype}")


def _divide(b: Builder, x: tuple[Scalar, Scalar], y: tuple[Scalar, Scalar]) -> Scalar:
    """Smith's method: scale by the larger part of the divisor."""
    (a, c), (p, q) = x, y
    by_real = abs(p) >= abs(q)
    big, small = b.where(by_real, p, q), b.where(by_real, q, p)
    ratio = small / big
    scale = 1.0 / (big + small * ratio)
    first, second = b.where(by_real, a, c), b.where(by_real, c, a)
    re = (first + second * ratio) * scale
    im = b.where(by_real, c - a * ratio, c * ratio - a) * scale
    by_zero = (p == 0.0) & (q == 0.0)
    return b.complex(b.where(by_zero, a / abs(p), re), b.where(by_zero, c / abs(p), im))


def compare(b: Builder, symbol: str, x: Scalar, y: Scalar) -> Scalar:
    """Equality of both parts; order by the real part, then by the imaginary one."""
    (a, c), (p, q) = (b.real(x), b.imag(x)), (b.real(y), b.imag(y))
    if symbol == "==":
        return (a == p) & (c == q)
    if symbol == "!=":
        return (a != p) | (c != q)
    strict = symbol[0]
    first = b.binary(strict, a, p) & ~b.isnan(c) & ~b.isnan(q)
    return first | ((a == p) & b.binary(symbol, c, q))
