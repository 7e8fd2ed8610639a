"""f16 to f32 and back where no instruction does it: integer operations, in vectors too.

The exponent of f16 has a bias of 15, that of f32 one of 127: a factor of 2**112. As a
factor it is right for subnormal numbers as well.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

__all__ = ["narrowed", "widened"]

FLOAT, HALF, SHORT, WORD = ir.FloatType(), ir.HalfType(), ir.IntType(16), ir.IntType(32)

INFINITY, NAN = 0x7C00, 0x7E00
INFINITY_OF_FLOAT = 0x7F800000
LEAST_NORMAL = 0x38800000  # 2**-14
BEYOND = 0x47800000  # 2**16
ONE_HALF = 0x3F000000  # the last place of the float 0.5 is that of subnormal f16


def _word(number: int) -> Any:
    return ir.Constant(WORD, number)


def widened(at: Any, x: Any) -> Any:
    """An f16 as f32: exact."""
    bits = at.zext(at.bitcast(x, SHORT), WORD)
    size = at.shl(at.and_(bits, _word(0x7FFF)), _word(13))
    scaled = at.fmul(at.bitcast(size, FLOAT), ir.Constant(FLOAT, 2.0**112))
    special = at.icmp_unsigned(">=", size, _word(INFINITY << 13))
    infinite = at.or_(size, _word(INFINITY_OF_FLOAT))
    chosen = at.select(special, infinite, at.bitcast(scaled, WORD))
    sign = at.shl(at.and_(bits, _word(0x8000)), _word(16))
    return at.bitcast(at.or_(chosen, sign), FLOAT)


def narrowed(at: Any, x: Any) -> Any:
    """The f16 nearest to an f32, ties to even."""
    bits = at.bitcast(x, WORD)
    size = at.and_(bits, _word(0x7FFFFFFF))
    odd = at.and_(at.lshr(size, _word(13)), _word(1))
    moved = at.sub(at.add(size, odd), _word((112 << 23) - 0xFFF))
    normal = at.lshr(moved, _word(13))
    sum_ = at.fadd(at.bitcast(size, FLOAT), ir.Constant(FLOAT, 0.5))
    subnormal = at.sub(at.bitcast(sum_, WORD), _word(ONE_HALF))
    is_nan = at.icmp_unsigned(">", size, _word(INFINITY_OF_FLOAT))
    special = at.select(is_nan, _word(NAN), _word(INFINITY))
    large = at.select(at.icmp_unsigned(">=", size, _word(BEYOND)), special, normal)
    is_small = at.icmp_unsigned("<", size, _word(LEAST_NORMAL))
    chosen = at.select(is_small, subnormal, large)
    sign = at.and_(at.lshr(bits, _word(16)), _word(0x8000))
    return at.bitcast(at.trunc(at.or_(chosen, sign), SHORT), HALF)
