"""Scalar code on all elements of a short array at once: LLVM's vectors.

The vectors have as many lanes as the array has elements, which LLVM divides among
registers. Nothing is masked: what one kernel stores the next one loads in the same
pieces, and does not wait until it has reached the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native.layout import NoNative, memory_type
from tapec.native.places import Axis, Place
from tapec.native.scalars import Builder, Scalar

__all__ = ["LaneBuilder", "Lanes", "load", "store", "total"]

INT, BYTE = ir.IntType(64), ir.IntType(8)
COUNTER = np.dtype(np.int64)

BINARY = "fadd fsub fmul fdiv frem add sub mul and_ or_ xor shl lshr ashr"
DIVISIONS = "udiv sdiv urem srem"
CASTS = "bitcast zext sext trunc fpext fptrunc sitofp uitofp fptosi fptoui"
COMPARISONS = "icmp_signed icmp_unsigned fcmp_ordered fcmp_unordered"

INTRINSICS = frozenset(
    ("fma", "fabs", "sqrt", "rint", "copysign", "floor", "ceil", "trunc", "round")
    + ("smax", "smin", "umax", "umin")
)
"""Those of which one is known for vectors, with operands of one type."""


class _Written(ir.Constant):  # type: ignore[misc]
    """A constant vector by its text."""

    def __init__(self, kind: Any, text: str) -> None:
        super().__init__(kind, None)
        self.text = text

    def _get_reference(self) -> str:
        return self.text


class LaneBuilder(ir.IRBuilder):  # type: ignore[misc]
    """Where an operand of an instruction is a vector, the others become vectors."""

    def __init__(self, block: Any, count: int) -> None:
        super().__init__(block)
        self.count = count

    def wide(self, x: Any) -> Any:
        """A number in every lane."""
        if isinstance(x.type, ir.VectorType):
            return x
        kind = ir.VectorType(x.type, self.count)
        if isinstance(x, ir.Constant):
            return _Written(kind, f"splat ({x.type} {x.get_reference()})")
        first = self.insert_element(
            ir.Constant(kind, ir.Undefined), x, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.count), None)
        return self.shuffle_vector(first, first, zeros)

    def alike(self, *xs: Any) -> list[Any]:
        """All in every lane, if one of them is a vector."""
        mixed = any(isinstance(x.type, ir.VectorType) for x in xs)
        return [self.wide(x) for x in xs] if mixed else list(xs)

    def select(self, cond: Any, lhs: Any, rhs: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(cond.type, ir.VectorType):
            lhs, rhs = self.wide(lhs), self.wide(rhs)
        return super().select(cond, *self.alike(lhs, rhs), *rest, **named)

    def neg(self, value: Any, *rest: Any, **named: Any) -> Any:
        kind = value.type
        if isinstance(kind, ir.VectorType):
            return self.sub(ir.Constant(kind, None), value)
        return super().neg(value, *rest, **named)

    def call(self, fn: Any, args: Sequence[Any], *rest: Any, **named: Any) -> Any:
        kinds = fn.function_type.args
        if all(a.type == kind for a, kind in zip(args, kinds, strict=True)):
            return super().call(fn, args, *rest, **named)
        _, name, kind = fn.name.split(".", 2)
        if name not in INTRINSICS:
            raise NoNative(fn.name)
        wide = self.alike(*args)
        symbol = f"llvm.{name}.v{self.count}{kind}"
        made = self.module.globals.get(symbol) or ir.Function(
            self.module,
            ir.FunctionType(wide[0].type, [wide[0].type] * len(wide)),
            symbol,
        )
        return super().call(made, wide, *rest, **named)


def _widening(name: str, places: slice) -> Callable[..., Any]:
    plain = getattr(ir.IRBuilder, name)

    def method(self: LaneBuilder, *args: Any, **named: Any) -> Any:
        given = list(args)
        given[places] = self.alike(*given[places])
        return plain(self, *given, **named)

    return method


def _casting(name: str) -> Callable[..., Any]:
    plain = getattr(ir.IRBuilder, name)

    def method(self: LaneBuilder, value: Any, kind: Any, *rest: Any) -> Any:
        if isinstance(value.type, ir.VectorType):
            kind = ir.VectorType(kind, self.count)
        return plain(self, value, kind, *rest)

    return method


for _name in f"{BINARY} {DIVISIONS}".split():
    setattr(LaneBuilder, _name, _widening(_name, slice(0, 2)))
for _name in COMPARISONS.split():
    setattr(LaneBuilder, _name, _widening(_name, slice(1, 3)))
for _name in CASTS.split():
    setattr(LaneBuilder, _name, _casting(_name))


class Lanes(Builder):
    """Scalars that have a value in every lane, or one for all."""

    def __init__(self, scopes: Sequence[Any], lines: Any, axis: int) -> None:
        super().__init__(scopes, lines)
        self.lanes = scopes[-1].count
        numbers = ", ".join(f"i64 {i}" for i in range(self.lanes))
        kind = ir.VectorType(INT, self.lanes)
        counter = _Written(kind, f"<{numbers}>")
        self.axes[axis] = self.make(COUNTER, 1, counter)

    def intrinsic(
        self, name: str, *operands: Any, flags: tuple[str, ...] = ()
    ) -> Scalar:
        xs = self._alike(operands)
        at, depth = self.at(*xs)
        values = [x.value for x in xs]
        vectors = [v for v in values if isinstance(v.type, ir.VectorType)]
        if not vectors:
            return super().intrinsic(name, *operands, flags=flags)
        name = "fabs" if name == "abs" and xs[0].kind == "f" else name
        kind = vectors[0].type.element
        signature = ir.FunctionType(kind, [kind] * len(values))
        function = at.module.declare_intrinsic(f"llvm.{name}", [kind], signature)
        made = at.call(function, values, fastmath=flags)
        return self.make(xs[0].dtype, depth, made)

    def call_math(self, at: Any, name: str, values: list[Any], serial: bool) -> Any:
        if not any(isinstance(v.type, ir.VectorType) for v in values):
            return super().call_math(at, name, values, serial)
        wide = at.alike(*values)
        return at.call(_function(at, name, wide), wide)


def _function(at: LaneBuilder, name: str, values: list[Any]) -> Any:
    """A mathematical function of vectors, with its code."""
    from tapec.native.math.functions import ATTRIBUTES, emitted
    from tapec.native.math.scalar import FORMATS, Num

    kind = values[0].type
    format = FORMATS[kind.element]
    symbol = f"tapec.{name}.v{at.count}{format.name}"
    found = at.module.globals.get(symbol)
    if found is not None:
        return found
    signature = ir.FunctionType(kind, [kind] * len(values))
    function = ir.Function(at.module, signature, symbol)
    function.linkage = "internal"
    for attribute in ATTRIBUTES:
        set.add(function.attributes, attribute)
    inside = LaneBuilder(function.append_basic_block("entry"), at.count)
    arguments = [Num(inside, x, format) for x in function.args]
    inside.ret(inside.wide(emitted(name, arguments).value))
    return function


# --- memory -----------------------------------------------------------------------


def _first(offset: Place) -> Any:
    """Where lane 0 is, if the others follow; None if all lanes are in one place."""
    if not offset.terms:
        return None
    ((atom, factor),) = offset.terms if len(offset.terms) == 1 else ((None, 0),)
    if not isinstance(atom, Axis) or factor != 1:
        raise NoNative("elements that are not next to each other")
    return ir.Constant(INT, int(offset.constant))


def _address(at: Any, buffer: Any, dtype: np.dtype[Any], where: Any) -> Any:
    return at.gep(buffer, [where], inbounds=True, source_etype=memory_type(dtype))


def load(b: Builder, buffer: Any, dtype: np.dtype[Any], offset: Place) -> Scalar | None:
    """Elements side by side; None if it is one."""
    where = _first(offset)
    if where is None:
        return None
    at, kind = b.scopes[-1], memory_type(dtype)
    address = _address(at, buffer, dtype, where)
    value = at.load(address, typ=ir.VectorType(kind, b.lanes))
    value.align = dtype.itemsize
    if dtype.kind == "b":
        value = at.icmp_unsigned("!=", value, ir.Constant(BYTE, 0))
    return b.make(dtype, 1, value)


def store(b: Builder, buffer: Any, offset: Place, element: Scalar) -> None:
    """Write elements side by side."""
    where, dtype, at = _first(offset), element.dtype, b.scopes[-1]
    value = at.wide(element.value)
    if dtype.kind == "b":
        value = at.zext(value, BYTE)
    written = at.store(value, _address(at, buffer, dtype, where))
    written.align = dtype.itemsize


def total(b: Builder, element: Scalar) -> Any:
    """The sum of all lanes, an LLVM value."""
    at = b.scopes[-1]
    value = at.wide(element.value)
    kind = value.type.element
    suffix = "f64" if isinstance(kind, ir.DoubleType) else "f32"
    symbol = f"llvm.vector.reduce.fadd.v{b.lanes}{suffix}"
    function = at.module.globals.get(symbol) or ir.Function(
        at.module, ir.FunctionType(kind, [kind, value.type]), symbol
    )
    arguments = [ir.Constant(kind, -0.0), value]
    return ir.IRBuilder.call(at, function, arguments, fastmath=("reassoc",))
