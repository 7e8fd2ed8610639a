"""Scalar LLVM values with Python operators: the notation of this package.

`Num` is a float, `Bits` the integer of the same width, `Flag` a truth value.
Every operation emits one instruction, or one intrinsic that is an instruction on
the machines we aim at; none carries a fast-math flag. Python numbers are constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from llvmlite import ir

from tapec.native import platform

Real: TypeAlias = "Num | float"
Whole: TypeAlias = "Bits | int"


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    serial: whether what follows waits for the result, as in a recurrence: then a short
    chain of operations counts, else how many they are.
    """

    name: str
    type: ir.Type
    bits_type: ir.IntType
    fraction_bits: int
    bias: int
    serial: bool = False

    @property
    def width(self) -> int:
        """The number of bits."""
        return int(self.bits_type.width)

    @property
    def rounder(self) -> float:
        """Added to a small number, leaves its nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction_bits

    @property
    def smallest_normal(self) -> float:
        """The least positive number of full precision."""
        return 2.0 ** (1 - self.bias)


F64 = Format("f64", ir.DoubleType(), ir.IntType(64), 52, 1023)
F32 = Format("f32", ir.FloatType(), ir.IntType(32), 23, 127)
FORMATS = {F64.type: F64, F32.type: F32}
SERIAL = {kind: replace(format, serial=True) for kind, format in FORMATS.items()}


@dataclass(frozen=True)
class Flag:
    """A truth value (i1)."""

    builder: ir.IRBuilder
    value: ir.Value

    def __and__(self, other: Flag) -> Flag:
        return Flag(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: Flag) -> Flag:
        return Flag(self.builder, self.builder.or_(self.value, other.value))

    def __invert__(self) -> Flag:
        return Flag(self.builder, self.builder.not_(self.value))


@dataclass(frozen=True)
class Bits:
    """An integer of the width of `format`, wrapping on overflow."""

    builder: ir.IRBuilder
    value: ir.Value
    format: Format

    def _emit(self, make: Callable[..., ir.Value], other: Whole) -> Bits:
        return Bits(self.builder, make(self.value, self._operand(other)), self.format)

    def _operand(self, other: Whole) -> ir.Value:
        if isinstance(other, Bits):
            return other.value
        modulus = 1 << self.format.width
        return ir.Constant(self.format.bits_type, other % modulus)

    def __add__(self, other: Whole) -> Bits:
        return self._emit(self.builder.add, other)

    def __sub__(self, other: Whole) -> Bits:
        return self._emit(self.builder.sub, other)

    def __and__(self, other: Whole) -> Bits:
        return self._emit(self.builder.and_, other)

    def __or__(self, other: Whole) -> Bits:
        return self._emit(self.builder.or_, other)

    def __xor__(self, other: Whole) -> Bits:
        return self._emit(self.builder.xor, other)

    def __lshift__(self, count: Whole) -> Bits:
        return self._emit(self.builder.shl, count)

    def __rshift__(self, count: Whole) -> Bits:
        """Shift in zeros, whatever the sign."""
        return self._emit(self.builder.lshr, count)

    def equals(self, other: Whole) -> Flag:
        """Whether the two integers are the same."""
        operand = self._operand(other)
        return Flag(self.builder, self.builder.icmp_unsigned("==", self.value, operand))

    def as_num(self) -> Num:
        """The float with these bits."""
        value = self.builder.bitcast(self.value, self.format.type)
        return Num(self.builder, value, self.format)


@dataclass(frozen=True)
class Num:
    """A float."""

    builder: ir.IRBuilder
    value: ir.Value
    format: Format

    def constant(self, number: float) -> Num:
        """`number`, in the format of this value."""
        return Num(self.builder, ir.Constant(self.format.type, number), self.format)

    def coerce(self, other: Real) -> Num:
        """`other`, a constant if it is a Python number."""
        return other if isinstance(other, Num) else self.constant(float(other))

    def _emit(self, make: Callable[..., ir.Value], left: Real, right: Real) -> Num:
        value = make(self.coerce(left).value, self.coerce(right).value)
        return Num(self.builder, value, self.format)

    def __add__(self, other: Real) -> Num:
        return self._emit(self.builder.fadd, self, other)

    def __radd__(self, other: Real) -> Num:
        return self._emit(self.builder.fadd, other, self)

    def __sub__(self, other: Real) -> Num:
        return self._emit(self.builder.fsub, self, other)

    def __rsub__(self, other: Real) -> Num:
        return self._emit(self.builder.fsub, other, self)

    def __mul__(self, other: Real) -> Num:
        return self._emit(self.builder.fmul, self, other)

    def __rmul__(self, other: Real) -> Num:
        return self._emit(self.builder.fmul, other, self)

    def __truediv__(self, other: Real) -> Num:
        return self._emit(self.builder.fdiv, self, other)

    def __rtruediv__(self, other: Real) -> Num:
        return self._emit(self.builder.fdiv, other, self)

    def __neg__(self) -> Num:
        return Num(self.builder, self.builder.fneg(self.value), self.format)

    def _compare(self, relation: str, other: Real) -> Flag:
        operand = self.coerce(other).value
        make = self.builder.fcmp_ordered
        if relation == "!=":
            make = self.builder.fcmp_unordered
        return Flag(self.builder, make(relation, self.value, operand))

    def __lt__(self, other: Real) -> Flag:
        return self._compare("<", other)

    def __le__(self, other: Real) -> Flag:
        return self._compare("<=", other)

    def __gt__(self, other: Real) -> Flag:
        return self._compare(">", other)

    def __ge__(self, other: Real) -> Flag:
        return self._compare(">=", other)

    def equals(self, other: Real) -> Flag:
        """Whether the numbers are equal; false for NaN."""
        return self._compare("==", other)

    def differs(self, other: Real) -> Flag:
        """Whether the numbers are not equal; true for NaN."""
        return self._compare("!=", other)

    def is_nan(self) -> Flag:
        """Whether this is not a number."""
        return self.differs(self)

    def as_bits(self) -> Bits:
        """The bits of this float."""
        value = self.builder.bitcast(self.value, self.format.bits_type)
        return Bits(self.builder, value, self.format)

    def sign_bit(self) -> Bits:
        """The bits with all but the sign cleared."""
        return self.as_bits() & (1 << (self.format.width - 1))

    def intrinsic(self, name: str, *operands: Num) -> Num:
        """The LLVM intrinsic for operands of this format."""
        kind = self.format.type
        signature = ir.FunctionType(kind, [kind] * (1 + len(operands)))
        function = self.builder.module.declare_intrinsic(name, [kind], signature)
        arguments = [self.value, *(operand.value for operand in operands)]
        return Num(self.builder, self.builder.call(function, arguments), self.format)

    def __abs__(self) -> Num:
        return self.intrinsic("llvm.fabs")

    def sqrt(self) -> Num:
        """The correctly rounded square root."""
        return self.intrinsic("llvm.sqrt")

    def rint(self) -> Num:
        """The nearest integer, ties to even."""
        return self.intrinsic("llvm.rint")

    def with_sign_of(self, other: Num) -> Num:
        """This magnitude with the sign of `other`."""
        return self.intrinsic("llvm.copysign", other)

    def widen(self) -> Num:
        """The same number in double precision."""
        if self.format.name == F64.name:
            return self
        wide = replace(F64, serial=self.format.serial)
        return Num(self.builder, self.builder.fpext(self.value, F64.type), wide)

    def narrow(self, target: Format) -> Num:
        """The nearest number of a format that is not wider."""
        if self.format.name == target.name:
            return self
        value = self.builder.fptrunc(self.value, target.type)
        return Num(self.builder, value, target)


def fma(x: Num, y: Real, z: Real) -> Num:
    """x * y + z, rounded once; the error of a product, and where terms cancel."""
    y, z = x.coerce(y), x.coerce(z)
    if platform.has_fma():
        return x.intrinsic("llvm.fma", y, z)
    if x.format.name == F32.name:
        return (x.widen() * y.widen() + z.widen()).narrow(x.format)
    return _sum_of_parts(x, y, z)


def muladd(x: Num, y: Real, z: Real) -> Num:
    """x * y + z, rounded once or twice: the faster."""
    if platform.has_fma():
        return x.intrinsic("llvm.fma", x.coerce(y), x.coerce(z))
    return x * y + z


def _sum_of_parts(x: Num, y: Num, z: Num) -> Num:
    """x * y + z from Dekker's exact product and Knuth's exact sum.

    Off from what is rounded once by no more than a neighbour, and not at all where the
    exact result is a float. Infinite and undefined ones are those of x * y + z.
    """
    product = x * y
    (x_hi, x_lo), (y_hi, y_lo) = _halves(x), _halves(y)
    lost = ((x_hi * y_hi - product) + x_hi * y_lo + x_lo * y_hi) + x_lo * y_lo
    total = product + z
    added = total - product
    rest = (product - (total - added)) + (z - added)
    result = total + (rest + lost)
    return where(result.is_nan(), total, result)


def _halves(x: Num) -> tuple[Num, Num]:
    """A double as the sum of two numbers of 26 bits, whose products are exact."""
    hi = ((x.as_bits() + (1 << 26)) & -(1 << 27)).as_num()
    return hi, x - hi


def where(flag: Flag, yes: Num, no: Real) -> Num:
    """`yes` if the flag is set, else `no`."""
    value = flag.builder.select(flag.value, yes.value, yes.coerce(no).value)
    return Num(flag.builder, value, yes.format)


def at_most(x: Num, limit: Real) -> Num:
    """The smaller number; NaN if `x` is NaN."""
    bound = x.coerce(limit)
    return where(bound < x, bound, x)


def at_least(x: Num, limit: Real) -> Num:
    """The greater number; NaN if `x` is NaN."""
    bound = x.coerce(limit)
    return where(bound > x, bound, x)
