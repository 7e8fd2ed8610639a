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

from tapec.native import integers
from tapec.native.layout import ELEMENT, NoNative, real_dtype, register_type

__all__ = ["BOOL", "Builder", "NoNative", "Scalar"]

BOOL = np.dtype(np.bool_)
HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)

_FLOAT_OPS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
_INT_OPS = {"+": "add", "-": "sub", "*": "mul", "&": "and_", "|": "or_", "^": "xor"}
_BOOL_OPS = {"+": "or_", "*": "and_", "&": "and_", "|": "or_", "^": "xor"}


def _operator(symbol: str, *, reflected: bool = False) -> Callable[..., Any]:
    def apply(self: Scalar, other: Any) -> Scalar:
        other = self.b.scalar(other, like=self)
        x, y = (other, self) if reflected else (self, other)
        return self.b.binary(symbol, x, y)

    return apply


MATH_NAMES = {"power": "pow"}


class Scalar:
    """One element: `parts` holds its LLVM value, two of them if it is complex."""

    __slots__ = ("b", "depth", "dtype", "parts")

    def __init__(
        self, b: Builder, dtype: np.dtype[Any], parts: tuple[Any, ...], depth: int
    ) -> None:
        self.b = b
        self.dtype = dtype
        self.parts = parts
        self.depth = depth

    @property
    def value(self) -> Any:
        """The LLVM value of a scalar that is not complex."""
        (value,) = self.parts
        return value

    @property
    def real(self) -> Scalar:
        """The real part."""
        return self.b.real(self)

    @property
    def imag(self) -> Scalar:
        """The imaginary part."""
        return self.b.imag(self)

    @property
    def kind(self) -> str:
        """NumPy's letter for the kind of dtype: b i u f c."""
        return self.dtype.kind

    __add__, __radd__ = _operator("+"), _operator("+", reflected=True)
    __sub__, __rsub__ = _operator("-"), _operator("-", reflected=True)
    __mul__, __rmul__ = _operator("*"), _operator("*", reflected=True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", reflected=True)
    __floordiv__, __rfloordiv__ = _operator("//"), _operator("//", reflected=True)
    __mod__, __rmod__ = _operator("%"), _operator("%", reflected=True)
    __pow__, __rpow__ = _operator("**"), _operator("**", reflected=True)
    __and__, __rand__ = _operator("&"), _operator("&", reflected=True)
    __or__, __ror__ = _operator("|"), _operator("|", reflected=True)
    __xor__, __rxor__ = _operator("^"), _operator("^", reflected=True)
    __lshift__, __rlshift__ = _operator("<<"), _operator("<<", reflected=True)
    __rshift__, __rrshift__ = _operator(">>"), _operator(">>", reflected=True)
    __lt__, __le__ = _operator("<"), _operator("<=")
    __gt__, __ge__ = _operator(">"), _operator(">=")
    __eq__, __ne__ = _operator("=="), _operator("!=")
    __hash__ = object.__hash__

    def __neg__(self) -> Scalar:
        return self.b.negative(self)

    def __pos__(self) -> Scalar:
        return self

    def __invert__(self) -> Scalar:
        return self.b.invert(self)

    def __abs__(self) -> Scalar:
        return self.b.absolute(self)

    def __bool__(self) -> bool:
        raise TypeError("an emitted scalar has no truth value; use b.where")


class Builder:
    """Emits scalar code.

    scopes: the LLVM builder of each loop depth. axes: the loop counters. places: index
    expressions that are already emitted.
    """

    def __init__(self, scopes: Sequence[Any]) -> None:
        self.scopes = scopes
        self.axes: dict[int, Scalar] = {}
        self.places: dict[Any, Scalar] = {}
        self.lines: Callable[[int], Any] | None = None

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
        return Scalar(self, dtype, (ir.Constant(register_type(dtype), kind(element)),), 0)

    def scalar(self, x: Any, like: Scalar) -> Scalar:
        """`x` as it is, or as a constant like the other operand."""
        if isinstance(x, Scalar):
            return x
        lower = getattr(x, "lower", None)  # an index expression
        return lower(self) if lower is not None else self.const(x, like)

    # --- operators

    def binary(self, symbol: str, x: Scalar, y: Scalar) -> Scalar:
        """One of Python's binary operators on scalars of one dtype."""
        if x.dtype != y.dtype:
            raise NoNative(f"{x.dtype} {symbol} {y.dtype}")
        if symbol in ("<", "<=", ">", ">=", "==", "!="):
            return self._compare(symbol, x, y)
        if x.dtype == HALF:
            wide = self.binary(symbol, self.cast(x, FLOAT), self.cast(y, FLOAT))
            return self.cast(wide, HALF)
        if x.kind == "c":
            from tapec.native import complexes

            return complexes.binary(self, symbol, x, y)
        if symbol == "**" and x.kind == "f":
            return self.math("pow", x, y)
        if symbol in ("//", "%") and x.kind == "f":
            return self._float_divmod(x, y)[symbol == "%"]
        simple = {"f": _FLOAT_OPS, "b": _BOOL_OPS}.get(x.kind, _INT_OPS).get(symbol)
        at, depth = self._at(x, y)
        if simple is not None:
            return self.make(x.dtype, depth, getattr(at, simple)(x.value, y.value))
        if x.kind not in "iu":
            raise NoNative(f"{x.dtype} {symbol} {y.dtype}")
        operation = integers.OPERATIONS.get(symbol)
        if operation is None:
            raise NoNative(f"{x.dtype} {symbol} {y.dtype}")
        value = operation(at, x.value, y.value, signed=x.kind == "i")
        return self.make(x.dtype, depth, value)

    def _at(self, *xs: Scalar) -> tuple[Any, int]:
        depth = max(x.depth for x in xs)
        return self.scopes[depth], depth

    def _compare(self, symbol: str, x: Scalar, y: Scalar) -> Scalar:
        at, depth = self._at(x, y)
        if x.kind == "c":
            from tapec.native import complexes

            return complexes.compare(self, symbol, x, y)
        if x.kind == "f":
            make = at.fcmp_unordered if symbol == "!=" else at.fcmp_ordered
        else:
            make = at.icmp_signed if x.kind == "i" else at.icmp_unsigned
        return self.make(BOOL, depth, make(symbol, x.value, y.value))

    def _float_divmod(self, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
        """Floored quotient and remainder with the sign of the divisor."""
        at, depth = self._at(x, y)
        rest = self.make(x.dtype, depth, at.frem(x.value, y.value))
        quotient = (x - rest) / y
        wrong = (rest != 0.0) & ((y < 0.0) != (rest < 0.0))
        quotient = self.where(wrong, quotient - 1.0, quotient)
        zero = self.const(0.0, x)
        signed_zero = self.intrinsic("copysign", zero, y)
        moved = self.where(wrong, rest + y, self.where(rest != 0.0, rest, signed_zero))
        floor = self.intrinsic("floor", quotient)
        floor = self.where(quotient - floor > 0.5, floor + 1.0, floor)
        flat = self.intrinsic("copysign", zero, x / y)
        floor = self.where(quotient != 0.0, floor, flat)
        by_zero = y == 0.0
        return (
            self.where(by_zero, x / y, floor),
            self.where(by_zero, self.const(np.nan, x), moved),
        )

    def negative(self, x: Scalar) -> Scalar:
        """-x."""
        at, depth = self._at(x)
        if x.kind == "b":
            raise NoNative("-bool")
        negate = at.neg if x.kind in "iu" else at.fneg
        return self.make(x.dtype, depth, *[negate(part) for part in x.parts])

    def invert(self, x: Scalar) -> Scalar:
        """~x: bitwise for integers, logical for bools."""
        at, depth = self._at(x)
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

    def math(self, name: str, *xs: Any) -> Scalar:
        """A function of `native.math`."""
        xs = self._alike(xs)
        if xs[0].dtype == HALF:
            return self.cast(self.math(name, *[self.cast(x, FLOAT) for x in xs]), HALF)
        if xs[0].kind != "f":
            raise NoNative(f"{name}({xs[0].dtype})")
        from tapec.native.math import call

        at, depth = self._at(*xs)
        try:
            name = MATH_NAMES.get(name, name)
            value = call(at, name, *[x.value for x in xs])
        except KeyError:
            raise NoNative(name) from None
        return self.make(xs[0].dtype, depth, value)

    def intrinsic(self, name: str, *xs: Any) -> Scalar:
        """An LLVM intrinsic whose operands and result have one type."""
        xs = self._alike(xs)
        x = xs[0]
        name = "fabs" if name == "abs" and x.kind == "f" else name
        if x.dtype == HALF:
            wide = self.intrinsic(name, *[self.cast(x, FLOAT) for x in xs])
            return self.cast(wide, HALF)
        if len(x.parts) != 1:
            raise NoNative(f"{name}({x.dtype})")
        at, depth = self._at(*xs)
        values = [x.value for x in xs]
        kind = values[0].type
        signature = ir.FunctionType(kind, [kind] * len(values))
        function = at.module.declare_intrinsic(f"llvm.{name}", [kind], signature)
        return self.make(x.dtype, depth, at.call(function, values))

    def _alike(self, xs: Sequence[Any]) -> list[Scalar]:
        like = next(x for x in xs if isinstance(x, Scalar))
        return [self.scalar(x, like) for x in xs]

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """`x` where the condition holds, else `y`."""
        if isinstance(condition, (bool, np.bool_)):
            return x if condition else y
        if not isinstance(condition, Scalar):
            condition = condition.lower(self)
        if not isinstance(x, Scalar) and not isinstance(y, Scalar):
            raise TypeError("b.where: give one side by b.const(number, like=...)")
        x, y = self._alike((x, y))
        if x.dtype != y.dtype:
            raise NoNative(f"where of {x.dtype} and {y.dtype}")
        at, depth = self._at(condition, x, y)
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
        at, depth = self._at(x)
        width = ir.IntType(8 * x.dtype.itemsize)
        bits = at.bitcast(x.value, width)
        return self.make(BOOL, depth, at.icmp_signed("<", bits, ir.Constant(width, 0)))

    def maximum(self, x: Any, y: Any) -> Scalar:
        """The greater one; NaN if either is."""
        x, y = self._alike((x, y))
        return self.where((x >= y) | self.isnan(x), x, y)  # type: ignore[no-any-return]

    def minimum(self, x: Any, y: Any) -> Scalar:
        """The smaller one; NaN if either is."""
        x, y = self._alike((x, y))
        return self.where((x <= y) | self.isnan(x), x, y)  # type: ignore[no-any-return]

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
