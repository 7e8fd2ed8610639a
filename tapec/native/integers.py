"""Integer operations whose NumPy meaning is not one LLVM instruction.

LLVM leaves division by zero, the quotient of the least integer by -1 and shifts by the
width or more undefined; NumPy gives 0, wraps around, and shifts everything out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

__all__ = ["OPERATIONS", "truncated_remainder"]


def _safe_divisor(at: Any, x: Any, y: Any, *, signed: bool) -> tuple[Any, Any, Any]:
    """(is y zero, does x / y overflow, a divisor that is neither)."""
    kind = y.type
    zero, one = ir.Constant(kind, 0), ir.Constant(kind, 1)
    by_zero = at.icmp_unsigned("==", y, zero)
    if not signed:
        return by_zero, ir.Constant(ir.IntType(1), 0), at.select(by_zero, one, y)
    least = ir.Constant(kind, -(1 << (kind.width - 1)))
    minus_one = at.icmp_signed("==", y, ir.Constant(kind, -1))
    overflow = at.and_(at.icmp_signed("==", x, least), minus_one)
    unsafe = at.or_(by_zero, overflow)
    return by_zero, overflow, at.select(unsafe, one, y)


def floor_divide(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """x // y, rounded towards minus infinity; 0 if y is."""
    by_zero, _, divisor = _safe_divisor(at, x, y, signed=signed)
    zero = ir.Constant(y.type, 0)
    if not signed:
        return at.select(by_zero, zero, at.udiv(x, divisor))
    quotient = at.sdiv(x, divisor)
    rest = at.sub(x, at.mul(quotient, divisor))
    down = _signs_differ(at, rest, divisor)
    floor = at.sub(quotient, at.zext(down, y.type))
    return at.select(by_zero, zero, floor)


def remainder(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """x % y with the sign of y; 0 if y is."""
    by_zero, overflow, divisor = _safe_divisor(at, x, y, signed=signed)
    zero = ir.Constant(y.type, 0)
    if not signed:
        return at.select(by_zero, zero, at.urem(x, divisor))
    rest = at.srem(x, divisor)
    moved = at.select(_signs_differ(at, rest, divisor), at.add(rest, divisor), rest)
    return at.select(at.or_(by_zero, overflow), zero, moved)


def truncated_remainder(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """The remainder with the sign of x; 0 if y is."""
    by_zero, overflow, divisor = _safe_divisor(at, x, y, signed=signed)
    rest = (at.srem if signed else at.urem)(x, divisor)
    return at.select(at.or_(by_zero, overflow), ir.Constant(y.type, 0), rest)


def _signs_differ(at: Any, rest: Any, divisor: Any) -> Any:
    zero = ir.Constant(rest.type, 0)
    nonzero = at.icmp_signed("!=", rest, zero)
    return at.and_(nonzero, at.icmp_signed("<", at.xor(rest, divisor), zero))


def shift_left(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """x << y; 0 if everything is shifted out."""
    width = ir.Constant(y.type, y.type.width)
    inside = at.icmp_unsigned("<", y, width)
    count = at.select(inside, y, ir.Constant(y.type, 0))
    return at.select(inside, at.shl(x, count), ir.Constant(x.type, 0))


def shift_right(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """x >> y; copies of the sign if everything is shifted out."""
    most = ir.Constant(y.type, y.type.width - 1)
    inside = at.icmp_unsigned("<=", y, most)
    count = at.select(inside, y, most)
    if signed:
        return at.ashr(x, count)
    return at.select(inside, at.lshr(x, count), ir.Constant(x.type, 0))


def power(at: Any, x: Any, y: Any, *, signed: bool) -> Any:
    """x ** y by squaring, wrapping around; negative y is the caller's to refuse."""
    kind = x.type
    result, square = ir.Constant(kind, 1), x
    for bit in range(kind.width - signed):
        mask = ir.Constant(kind, 1 << bit)
        odd = at.icmp_unsigned("!=", at.and_(y, mask), ir.Constant(kind, 0))
        result = at.select(odd, at.mul(result, square), result)
        square = at.mul(square, square)
    return result


OPERATIONS: dict[str, Callable[..., Any]] = {
    "//": floor_divide,
    "%": remainder,
    "<<": shift_left,
    ">>": shift_right,
    "**": power,
}
