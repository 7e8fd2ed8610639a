"""Conversions between dtypes: NumPy's `astype`, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from tapec.native import halves, platform
from tapec.native.layout import ELEMENT, real_dtype, register_type

if TYPE_CHECKING:
    from tapec.native.scalars import Builder, Scalar

__all__ = ["cast"]

HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)


def cast(b: Builder, x: Scalar, dtype: np.dtype[Any]) -> Scalar:
    """`x` as `dtype`."""
    if x.dtype == dtype:
        return x
    if dtype.kind == "c":
        part = real_dtype(dtype)
        return b.complex(cast(b, b.real(x), part), cast(b, b.imag(x), part))
    if dtype.kind == "b":
        return x != 0 if x.kind != "f" else ~(x == 0.0)
    if x.kind == "c":
        return cast(b, b.real(x), dtype)
    at = b.scopes[x.depth]
    if HALF in (x.dtype, dtype):
        return _half(b, at, x, dtype)
    target = register_type(dtype)
    if x.kind == "f":
        value = _from_float(at, x, dtype, target)
    elif dtype.kind == "f":
        value = (at.sitofp if x.kind == "i" else at.uitofp)(x.value, target)
    else:
        value = _resize(at, x.value, target, signed=x.kind == "i")
    return b.make(dtype, x.depth, value)


def _from_float(at: Any, x: Scalar, dtype: np.dtype[Any], target: Any) -> Any:
    if dtype.kind == "f":
        wider = dtype.itemsize > x.dtype.itemsize
        return (at.fpext if wider else at.fptrunc)(x.value, target)
    # Out of range is undefined in C and here: any value, but one value.
    wide = target if target.width >= 32 else ir.IntType(32)
    unsigned = dtype.kind == "u" and target.width == 64
    value = (at.fptoui if unsigned else at.fptosi)(x.value, _integer(dtype, wide))
    return _resize(at, _freeze(at, value), target, signed=True)


def _freeze(at: Any, value: Any) -> Any:
    """llvmlite has no method for this instruction."""
    frozen = ir.instructions.Instruction(at.block, value.type, "freeze", [value])
    at._insert(frozen)
    return frozen


def _integer(dtype: np.dtype[Any], wide: Any) -> Any:
    """uint32 goes through int64, which holds all of it."""
    return ir.IntType(64) if dtype == np.dtype(np.uint32) else wide


def _resize(at: Any, value: Any, target: Any, *, signed: bool) -> Any:
    if value.type.width == target.width:
        return value
    if value.type.width > target.width:
        return at.trunc(value, target)
    return (at.sext if signed else at.zext)(value, target)


def _half(b: Builder, at: Any, x: Scalar, dtype: np.dtype[Any]) -> Scalar:
    """To and from f16 by way of f32, which is exact but for f64."""
    if x.dtype == HALF:
        return cast(b, b.make(FLOAT, x.depth, _widened(at, x.value)), dtype)
    if x.dtype == np.dtype(np.float64):
        x = _round_to_odd(b, at, x)
    x = cast(b, x, FLOAT)
    return b.make(HALF, x.depth, _narrowed(at, x.value))


def _widened(at: Any, x: Any) -> Any:
    if platform.has_half():
        return at.fpext(x, ELEMENT[FLOAT])
    return halves.widened(at, x)


def _narrowed(at: Any, x: Any) -> Any:
    if platform.has_half():
        return at.fptrunc(x, ELEMENT[HALF])
    return halves.narrowed(at, x)


def _round_to_odd(b: Builder, at: Any, x: Scalar) -> Scalar:
    """f64 to f32 so that rounding to f16 afterwards rounds only once."""
    near = at.fptrunc(x.value, ELEMENT[FLOAT])
    back = at.fpext(near, x.value.type)
    word = ir.IntType(32)
    bits = at.bitcast(near, word)
    fabs = at.module.declare_intrinsic("llvm.fabs", [x.value.type])
    beyond = at.fcmp_ordered(">", at.call(fabs, [back]), at.call(fabs, [x.value]))
    inexact = at.fcmp_ordered("!=", back, x.value)
    odd = at.or_(at.sub(bits, at.zext(beyond, word)), ir.Constant(word, 1))
    chosen = at.select(inexact, odd, bits)
    return b.make(FLOAT, x.depth, at.bitcast(chosen, ELEMENT[FLOAT]))
