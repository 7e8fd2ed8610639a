"""The remainder of a large number by pi/2, after Payne and Hanek.

Only those bits of 2/pi matter whose product with the number is below 4. 192 of them,
times the 53 bits of the number, leave 126 bits of fraction; no double is nearer to a
multiple of pi/2 than about 2**-61 of it.
"""

from __future__ import annotations

from itertools import pairwise

from llvmlite import ir

from .constants import HALF_PI
from .pair import Pair, ordered_sum, product
from .scalar import F64, Bits, Num

I64 = ir.IntType(64)
I128 = ir.IntType(128)

# 64 zero bits, then the binary digits of 2/pi.
DIGITS = (
    0x0000000000000000,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)
TABLE = "tapec.two_over_pi"


def reduced_large(x: Num) -> tuple[Bits, Pair]:
    """The integer n nearest to x / (pi/2), modulo 4, and x - n pi/2.

    `x` is double, finite and at least 2 in magnitude.
    """
    product_bits = _product(x)
    builder = x.builder
    # Two bits of integer, then the fraction: round, and take the fraction as signed.
    half = ir.Constant(I128, 1 << 125)
    rounded = builder.lshr(builder.add(product_bits, half), ir.Constant(I128, 126))
    fraction = builder.shl(product_bits, ir.Constant(I128, 2))
    n = Bits(builder, builder.trunc(rounded, I64), F64)
    quarter_turns = _as_pair(builder, fraction)
    first, second, _ = HALF_PI["f64"]
    turn = Pair(x.constant(first), x.constant(second))
    remainder = product(quarter_turns, turn)
    return _with_sign(n, ordered_sum(remainder.hi, remainder.lo), x)


def _with_sign(n: Bits, r: Pair, x: Num) -> tuple[Bits, Pair]:
    """n and r of |x| turned into those of x."""
    sign = x.sign_bit()
    ones = Bits(x.builder, x.builder.ashr(sign.value, ir.Constant(I64, 63)), F64)
    signed = (n ^ ones) - ones
    hi, lo = ((part.as_bits() ^ sign).as_num() for part in (r.hi, r.lo))
    return signed, Pair(hi, lo)


def _product(x: Num) -> ir.Value:
    """|x| 2/pi modulo 4, in units of 2**-126, as an i128."""
    builder = x.builder
    bits = x.as_bits()
    exponent = (bits >> 52) & 0x7FF
    fraction = (bits & ((1 << 52) - 1)) | (1 << 52)
    # |x| = fraction * 2**(exponent - 1075), so the digit of weight 2 in the product
    # with 2**(exponent - 1075) is number exponent - 1077, and 64 zeros precede.
    first, second, third = _digits(exponent - (1077 - 64))
    wide = builder.zext(fraction.value, I128)
    top, middle, low = (
        builder.mul(wide, builder.zext(word.value, I128))
        for word in (first, second, third)
    )
    sixty_four = ir.Constant(I128, 64)
    total = builder.add(builder.shl(top, sixty_four), middle)
    return builder.add(total, builder.lshr(low, sixty_four))


def _digits(start: Bits) -> list[Bits]:
    """192 digits from number `start` on."""
    builder = start.builder
    table = _table(builder.module)
    word, shift = start >> 6, start & 63
    words = []
    for offset in range(4):
        indices = [ir.Constant(I64, 0), (word + offset).value]
        address = builder.gep(table, indices, inbounds=True)
        words.append(builder.load(address))
    signature = ir.FunctionType(I64, [I64] * 3)
    funnel = builder.module.declare_intrinsic("llvm.fshl", [I64], signature)
    return [
        Bits(builder, builder.call(funnel, [high, low, shift.value]), F64)
        for high, low in pairwise(words)
    ]


def _table(module: ir.Module) -> ir.GlobalVariable:
    """The digits as a constant array of `module`."""
    if TABLE not in module.globals:
        kind = ir.ArrayType(I64, len(DIGITS))
        table = ir.GlobalVariable(module, kind, TABLE)
        table.linkage = "internal"
        table.global_constant = True
        table.initializer = ir.Constant(kind, DIGITS)
    return module.globals[TABLE]


def _as_pair(builder: ir.IRBuilder, fraction: ir.Value) -> Pair:
    """A signed fixed-point number, all of whose 128 bits are fraction bits."""
    low = builder.trunc(fraction, I64)
    high = builder.trunc(builder.lshr(fraction, ir.Constant(I128, 64)), I64)
    # The upper 53 bits are exact as a double, and so are the 11 below them.
    upper = builder.sitofp(builder.and_(high, ir.Constant(I64, -2048)), F64.type)
    middle = builder.sitofp(builder.and_(high, ir.Constant(I64, 2047)), F64.type)
    lower = builder.uitofp(low, F64.type)
    parts = [Num(builder, value, F64) for value in (upper, middle, lower)]
    rest = parts[1] + parts[2] * 2.0**-64
    total = ordered_sum(parts[0], rest)
    return Pair(total.hi * 2.0**-64, total.lo * 2.0**-64)
