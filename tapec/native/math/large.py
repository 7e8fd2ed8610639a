"""Angles too great for `trigonometric.reduced`, at no cost where there are none.

The result for such an angle is computed by a scalar function that is rarely called.
Its callers only call a function `(x, y) -> y` that replaces y where x is large. The
loop vectorizer cannot widen a branch, but it can replace a call by one to a variant
for whole vectors (the attribute "vector-function-abi-variant"), and that variant
branches once for all its lanes. It is inlined once loops are vectorized: a call would
leave no vector in a register.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from llvmlite import ir

from .pair import Pair
from .payne_hanek import reduced_large
from .scalar import Bits, Format, Num

OfParts: TypeAlias = Callable[[Bits, Pair], Num]
"""A function of n pi/2 + r, given n and r."""

# From here on |x| is large.
LARGE = {"f64": 2.0**30, "f32": 2.0**15}
# Bytes of the vectors for which there are variants.
VECTOR_BYTES = (16, 32, 64)
ATTRIBUTES = ("noinline", "nounwind", "memory(none)", "willreturn")
KEPT = "llvm.compiler.used"


def with_large(x: Num, y: Num, name: str, of_parts: OfParts) -> Num:
    """`y`, or the function computed anew where |x| is large and finite."""
    module = x.builder.module
    symbol = f"tapec.{name}.large.{x.format.name}"
    if symbol not in module.globals:
        _define_all(module, symbol, x.format, of_parts)
    screen = module.globals[symbol]
    value = x.builder.call(screen, [x.value, y.value])
    names = (f"_ZGV_LLVM_N{n}vv_{symbol}({symbol}.v{n})" for n in _lanes(x.format))
    variants = f'"vector-function-abi-variant"="{",".join(names)}"'
    set.add(value.attributes, variants)
    return Num(x.builder, value, x.format)


def _lanes(format: Format) -> list[int]:
    """The numbers of lanes of the variants."""
    return [size * 8 // format.width for size in VECTOR_BYTES]


def _function(module: ir.Module, symbol: str, kind: ir.Type, arity: int) -> ir.Function:
    """A new internal function of `arity` arguments, all of one type."""
    function = ir.Function(module, ir.FunctionType(kind, [kind] * arity), symbol)
    function.linkage = "internal"
    for attribute in ATTRIBUTES:
        set.add(function.attributes, attribute)
    return function


def _define_all(
    module: ir.Module, symbol: str, format: Format, of_parts: OfParts
) -> None:
    """The scalar function, and its variants for vectors."""
    anew = _function(module, f"{symbol}.anew", format.type, 1)
    anew.attributes.add("cold")
    _define_anew(anew, format, of_parts)
    screen = _function(module, symbol, format.type, 2)
    _define_screen(screen, anew, format)
    variants = []
    for lanes in _lanes(format):
        kind = ir.VectorType(format.type, lanes)
        each = _function(module, f"{symbol}.each.v{lanes}", kind, 2)
        _define_each(each, screen, lanes)
        variant = _function(module, f"{symbol}.v{lanes}", kind, 2)
        variant.attributes.discard("noinline")
        variant.attributes.add("alwaysinline")
        _define_variant(variant, each, format, lanes)
        variants.append(variant)
    _keep(module, variants)


def _define_anew(function: ir.Function, format: Format, of_parts: OfParts) -> None:
    """The function of a large finite angle."""
    builder = ir.IRBuilder(function.append_basic_block())
    x = Num(builder, function.args[0], format)
    n, r = reduced_large(x.widen())
    builder.ret(of_parts(n, r).narrow(format).value)


def _limits(format: Format) -> tuple[int, int, int]:
    """The bits of LARGE, the distance to those of infinity, and the mask of both."""
    exponent = int(math.log2(LARGE[format.name])) + format.bias
    large = exponent << format.fraction_bits
    infinity = (2 * format.bias + 1) << format.fraction_bits
    return large, infinity - large, (1 << (format.width - 1)) - 1


def _is_large(
    builder: ir.IRBuilder, value: ir.Value, format: Format, lanes: int
) -> ir.Value:
    """Whether the scalar, or each lane of the vector, is large and finite."""
    kind = format.bits_type
    large, span, mask = _limits(format)
    constants = [ir.Constant(kind, number) for number in (mask, large, span)]
    if lanes > 1:
        kind = ir.VectorType(kind, lanes)
        constants = [ir.Constant(kind, [number] * lanes) for number in constants]
    bits = builder.and_(builder.bitcast(value, kind), constants[0])
    return builder.icmp_unsigned("<", builder.sub(bits, constants[1]), constants[2])


def _define_screen(function: ir.Function, anew: ir.Function, format: Format) -> None:
    """(x, y) -> y, but the value for x where x is large."""
    x, y = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    with builder.if_then(_is_large(builder, x, format, 1), likely=False):
        builder.ret(builder.call(anew, [x]))
    builder.ret(y)


def _define_each(function: ir.Function, screen: ir.Function, lanes: int) -> None:
    """The scalar function for each lane."""
    x, y = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    result = y
    for lane in range(lanes):
        index = ir.Constant(ir.IntType(32), lane)
        arguments = [builder.extract_element(vector, index) for vector in (x, y)]
        value = builder.call(screen, arguments)
        result = builder.insert_element(result, value, index)
    builder.ret(result)


def _define_variant(
    function: ir.Function, each: ir.Function, format: Format, lanes: int
) -> None:
    """The scalar function for each lane, but at once where no lane is large."""
    x, y = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    flags = _is_large(builder, x, format, lanes)
    mask = builder.bitcast(flags, ir.IntType(lanes))
    some = builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))
    with builder.if_then(some, likely=False):
        builder.ret(builder.call(each, [x, y]))
    builder.ret(y)


def _keep(module: ir.Module, functions: list[ir.Function]) -> None:
    """Keep functions that nothing calls yet from being removed."""
    table = module.globals.get(KEPT)
    if table is None:
        table = ir.GlobalVariable(module, ir.ArrayType(ir.PointerType(), 0), KEPT)
        table.linkage, table.section = "appending", "llvm.metadata"
        table.initializer = ir.Constant(table.value_type, [])
    kept = [*table.initializer.constant, *functions]
    table.value_type = ir.ArrayType(ir.PointerType(), len(kept))
    table.initializer = ir.Constant(table.value_type, kept)
