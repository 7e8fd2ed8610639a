"""One element at a time: the notation in which primitives are lowered.

A `Scalar` is a NumPy dtype and the LLVM values that hold one element of it, with
Python's operators; `b`, the `Builder`, has everything else an `emit` function needs:

    b.math("exp", x)          functions of `native.math` (f32, f64; f16 through f32)
    b.intrinsic("fabs", x)    LLVM's intrinsics by their name without "llvm."
    b.where(c, x, y)          element choice, both sides are computed
    b.const(1.0, like=x)      a number in the dtype of `x`
    b.cast(x, dtype)          NumPy's `astype`
    b.isnan(x) b.isinf(x) b.isfinite(x) b.signbit(x)
    b.maximum(x, y) b.minimum(x, y)      NaN if either is, as in NumPy
    b.fmod(x, y) b.bits(x) b.floating(n)
    b.real(x) b.imag(x) b.conj(x) b.complex(re, im)

Semantics are NumPy's: integers wrap around, dividing them by zero gives 0, bools add
as `or` and multiply as `and`, complex numbers order by real part first. A combination
that has no native form raises `NoNative`, and the op runs on the host instead.

Every instruction goes to the outermost scope (`depth`) in which all of its operands
are known, so what does not change in a loop is computed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Dim, Extent
from tapec.native.divisors import Divisors
from tapec.native.extents import Extents
from tapec.native.layout import ELEMENT, NoNative, real_dtype, register_type
from tapec.native.scalar import Scalar

__all__ = ["BOOL", "Builder", "NoNative", "Scalar"]

BOOL = np.dtype(np.bool_)
HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)
INT = np.dtype(np.int64)


INLINED = 8
"""Mathematical functions outside of loops that are copied into a kernel: beyond, code
grows and nothing is gained."""


class Builder:
    """Emits scalar code.

    scopes: the LLVM builder of each loop depth. extents: symbolic ones as numbers.
    axes: the loop counters. places: index expressions that are already emitted.
    serial: whether the rounds of the loop wait for each other. divisors: those that are
    worth a reciprocal. lanes: elements of a vector that takes the place of a loop, if
    one does.
    """

    serial = False
    divisors: Divisors | None = None
    lanes = 0

    def __init__(
        self, scopes: Sequence[Any], lines: Callable[[int], Any] | None = None
    ) -> None:
        self.scopes = scopes
        self.lines = lines
        self.extents = Extents({}, scopes[0])
        self.axes: dict[int, Scalar] = {}
        self.places: dict[Any, Scalar] = {}
        self.functions = 0

    def mark(self, line: int) -> None:
        """Give what is emitted from here on a line number in the debug information."""
        if self.lines is not None:
            location = self.lines(line)
            for scope in self.scopes:
                scope.debug_metadata = location

    # --- making scalars

    def make(self, dtype: np.dtype[Any], depth: int, *parts: Any) -> Scalar:
        """A scalar from LLVM values."""
        return Scalar(self, dtype, parts, depth)

    def const(self, number: Any, like: Any) -> Scalar:
        """`number` in the dtype of `like`, a scalar or a dtype."""
        dtype = like.dtype if isinstance(like, Scalar) else np.dtype(like)
        element = np.asarray(number).astype(dtype)[()]
        if dtype.kind == "c":
            real = real_dtype(dtype)
            numbers = (element.real, element.imag)
            parts = tuple(ir.Constant(ELEMENT[real], float(x)) for x in numbers)
            return Scalar(self, dtype, parts, 0)
        kind = float if dtype.kind == "f" else int
        constant = ir.Constant(register_type(dtype), kind(element))
        return Scalar(self, dtype, (constant,), 0)

    def extent(self, extent: Extent) -> Scalar:
        """An extent as a 64-bit integer, the same in all loops."""
        return Scalar(self, INT, (self.extents.value(extent),), 0)

    def scalar(self, x: Any, like: Scalar) -> Scalar:
        """`x` as it is, or as a constant like the other operand."""
        if isinstance(x, Scalar):
            return x
        if isinstance(x, Dim):
            return self.cast(self.extent(x), like.dtype)
        lower = getattr(x, "lower", None)  # an index expression
        made: Scalar = self.const(x, like) if lower is None else lower(self)
        return made

    # --- operators

    def binary(self, symbol: str, x: Scalar, y: Scalar) -> Scalar:
        """One of Python's binary operators on scalars of one dtype."""
        from tapec.native import operators

        return operators.binary(self, symbol, x, y)

    def at(self, *xs: Scalar) -> tuple[Any, int]:
        """The LLVM builder of the scope in which all of `xs` are known, its depth."""
        depth = max(x.depth for x in xs)
        return self.scopes[depth], depth

    def negative(self, x: Scalar) -> Scalar:
        """-x."""
        if x.kind == "b":
            raise NoNative("-bool")
        if x.dtype == HALF:
            return self.floating(self.bits(x) ^ -0x8000)
        at, depth = self.at(x)
        negate = at.neg if x.kind in "iu" else at.fneg
        return self.make(x.dtype, depth, *[negate(part) for part in x.parts])

    def invert(self, x: Scalar) -> Scalar:
        """~x: bitwise for integers, logical for bools."""
        at, depth = self.at(x)
        if x.kind not in "biu":
            raise NoNative(f"~{x.dtype}")
        return self.make(x.dtype, depth, at.not_(x.value))

    def absolute(self, x: Scalar) -> Scalar:
        """|x|, real."""
        if x.kind == "f":
            return self.intrinsic("fabs", x)
        if x.kind == "c":
            return self.math("hypot", self.real(x), self.imag(x))
        return x if x.kind in "bu" else self.where(x < 0, -x, x)

    # --- functions

    def math(self, name: str, *operands: Any) -> Scalar:
        """A function of `native.math`."""
        xs = self._alike(operands)
        if xs[0].dtype == HALF:
            return self.cast(self.math(name, *[self.cast(x, FLOAT) for x in xs]), HALF)
        if xs[0].kind != "f":
            raise NoNative(f"{name}({xs[0].dtype})")
        at, depth = self.at(*xs)
        try:
            serial = self.serial or depth == 0
            value = self.call_math(at, name, [x.value for x in xs], serial)
        except KeyError:
            raise NoNative(name) from None
        self.functions += 1
        if depth == 0 and self.functions > INLINED:
            value.attributes.add("noinline")
        return self.make(xs[0].dtype, depth, value)

    def call_math(self, at: Any, name: str, values: list[Any], serial: bool) -> Any:
        """The call of a function of `native.math`, whose code is in the module."""
        from tapec.native.math import call

        return call(at, name, *values, serial=serial)

    def intrinsic(
        self, name: str, *operands: Any, flags: tuple[str, ...] = ()
    ) -> Scalar:
        """An LLVM intrinsic whose operands and result have one type."""
        xs = self._alike(operands)
        x = xs[0]
        name = "fabs" if name == "abs" and x.kind == "f" else name
        if x.dtype == HALF:
            wide = [self.cast(x, FLOAT) for x in xs]
            return self.cast(self.intrinsic(name, *wide, flags=flags), HALF)
        if len(x.parts) != 1:
            raise NoNative(f"{name}({x.dtype})")
        at, depth = self.at(*xs)
        values = [x.value for x in xs]
        kind = values[0].type
        signature = ir.FunctionType(kind, [kind] * len(values))
        function = at.module.declare_intrinsic(f"llvm.{name}", [kind], signature)
        return self.make(x.dtype, depth, at.call(function, values, fastmath=flags))

    def _alike(self, xs: Sequence[Any]) -> list[Scalar]:
        like = next(x for x in xs if isinstance(x, Scalar))
        return [self.scalar(x, like) for x in xs]

    def where(self, condition: Any, x: Any, y: Any) -> Scalar:
        """`x` where the condition holds, else `y`."""
        if isinstance(condition, (bool, np.bool_)):
            chosen: Scalar = x if condition else y
            return chosen
        if not isinstance(condition, Scalar):
            condition = condition.lower(self)
        if not isinstance(x, Scalar) and not isinstance(y, Scalar):
            raise TypeError("b.where: give one side by b.const(number, like=...)")
        x, y = self._alike((x, y))
        if x.dtype != y.dtype:
            raise NoNative(f"where of {x.dtype} and {y.dtype}")
        at, depth = self.at(condition, x, y)
        pairs = zip(x.parts, y.parts, strict=True)
        parts = [at.select(condition.value, a, b) for a, b in pairs]
        return self.make(x.dtype, depth, *parts)

    def cast(self, x: Scalar, dtype: Any) -> Scalar:
        """NumPy's `astype`."""
        from tapec.native import casts

        return casts.cast(self, x, np.dtype(dtype))

    def isnan(self, x: Scalar) -> Scalar:
        """Whether x (or a part of it) is not a number."""
        if x.kind == "c":
            return self.isnan(self.real(x)) | self.isnan(self.imag(x))
        return x != x if x.kind == "f" else self.const(False, BOOL)

    def isinf(self, x: Scalar) -> Scalar:
        """Whether x (or a part of it) is infinite."""
        if x.kind == "c":
            return self.isinf(self.real(x)) | self.isinf(self.imag(x))
        return abs(x) == np.inf if x.kind == "f" else self.const(False, BOOL)

    def isfinite(self, x: Scalar) -> Scalar:
        """Whether x is neither infinite nor NaN."""
        if x.kind == "c":
            return self.isfinite(self.real(x)) & self.isfinite(self.imag(x))
        return abs(x) < np.inf if x.kind == "f" else self.const(True, BOOL)

    def signbit(self, x: Scalar) -> Scalar:
        """Whether the sign bit of a float is set."""
        x = self.cast(x, FLOAT) if x.dtype == HALF else x
        if x.kind != "f":
            return x < 0
        at, depth = self.at(x)
        width = ir.IntType(8 * x.dtype.itemsize)
        bits = at.bitcast(x.value, width)
        return self.make(BOOL, depth, at.icmp_signed("<", bits, ir.Constant(width, 0)))

    def bits(self, x: Scalar) -> Scalar:
        """The bits of a float as a signed integer."""
        return self._reread(x, np.dtype(f"i{x.dtype.itemsize}"))

    def floating(self, n: Scalar) -> Scalar:
        """The float that has the bits of an integer."""
        return self._reread(n, np.dtype(f"f{n.dtype.itemsize}"))

    def _reread(self, x: Scalar, dtype: np.dtype[Any]) -> Scalar:
        at, depth = self.at(x)
        return self.make(dtype, depth, at.bitcast(x.value, ELEMENT[dtype]))

    def fmod(self, x: Any, y: Any) -> Scalar:
        """x - y * trunc(x / y); integers divided by zero give 0."""
        from tapec.native import operators

        x, y = self._alike((x, y))
        return operators.fmod(self, x, y)

    def maximum(self, x: Any, y: Any) -> Scalar:
        """The greater one; NaN if either is."""
        x, y = self._alike((x, y))
        return self.where((x >= y) | self.isnan(x), x, y)

    def minimum(self, x: Any, y: Any) -> Scalar:
        """The smaller one; NaN if either is."""
        x, y = self._alike((x, y))
        return self.where((x <= y) | self.isnan(x), x, y)

    # --- complex numbers

    def real(self, x: Scalar) -> Scalar:
        """The real part."""
        if x.kind != "c":
            return x
        return self.make(real_dtype(x.dtype), x.depth, x.parts[0])

    def imag(self, x: Scalar) -> Scalar:
        """The imaginary part, 0 for real numbers."""
        if x.kind != "c":
            return self.const(0, x)
        return self.make(real_dtype(x.dtype), x.depth, x.parts[1])

    def complex(self, re: Any, im: Any) -> Scalar:
        """re + im j."""
        re, im = self._alike((re, im))
        dtype = np.result_type(re.dtype, np.complex64)
        return self.make(dtype, max(re.depth, im.depth), re.value, im.value)

    def conj(self, x: Scalar) -> Scalar:
        """The complex conjugate; x itself if it is real."""
        if x.kind != "c":
            return x
        return self.complex(self.real(x), -self.imag(x))
