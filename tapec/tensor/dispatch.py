"""NumPy's functions on tensors: `__array_ufunc__` and `__array_function__`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.errors import TapecError, UnsupportedError, at
from tapec.operators import GETITEM, Operators, install_apply
from tapec.ops.cast import cast
from tapec.ops.later import Later
from tapec.primitive import Primitive
from tapec.recording import Recording, locate, state
from tapec.tensor.binding import bind
from tapec.tensor.calls import followed, noticed, remember
from tapec.tensor.functions import FUNCTIONS
from tapec.tensor.templates import called
from tapec.tensor.tensor import Tensor

__all__ = ["array_function", "array_ufunc", "ufunc_primitive"]

_NO_ATTRS: dict[str, Any] = {}
_direct: dict[Any, Primitive] = {}
"""Ufuncs that are one primitive, entered at their first call."""


def ufunc_primitive(ufunc: Any) -> Primitive | None:
    """The primitive whose reference is `ufunc`."""
    for prim in _primitive.PRIMITIVES.values():
        found = prim.reference
        if found is ufunc or (type(found) is Later and found.is_(ufunc)):
            return prim
    return None


def apply_ufunc(ufunc: np.ufunc, method: str, args: Any, kw: dict[str, Any]) -> Any:
    """A NumPy ufunc called on tensors."""
    override = FUNCTIONS.get((ufunc, method))
    if override is not None:
        return override(*args, **kw)
    if method == "__call__" and ufunc in FUNCTIONS:
        return _overridden(ufunc, args, kw)
    prim = ufunc_primitive(ufunc)
    if prim is not None:
        _direct[ufunc] = prim
    if prim is None or method != "__call__":
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        raise _unsupported(f"np.{name} has no form on tensors", name)
    if kw:
        return _with_keywords(prim, ufunc, args, dict(kw))
    return bind(prim, args, {})


def _with_keywords(
    prim: Primitive, ufunc: np.ufunc, args: Any, kw: dict[str, Any]
) -> Any:
    out = kw.pop("out", None)
    if out is not None and any(o is not None for o in out):
        raise _unsupported(
            f"np.{ufunc.__name__} cannot write a traced result into an array (out=); "
            "use the returned value"
        )
    dtype = kw.pop("dtype", None)
    if kw:
        raise _unsupported(
            f"np.{ufunc.__name__}: keyword {next(iter(kw))} is not supported"
        )
    if dtype is not None:
        args = [cast(a, dtype=np.dtype(dtype)) for a in args]
    return bind(prim, tuple(args), {})


def _overridden(ufunc: np.ufunc, args: Any, kw: dict[str, Any]) -> Any:
    """A ufunc that has an implementation; it changes no operand."""
    rec = state.recording
    if rec is None:
        return FUNCTIONS[ufunc](*args, **kw)
    if rec.step is None:
        return called(rec, FUNCTIONS[ufunc], ufunc, args, kw)
    out = followed(rec, ufunc, args, kw, 3)
    if out is None:
        out = _noted(rec, FUNCTIONS[ufunc], ufunc, args, kw)
    return out


def _noted(
    rec: Recording, implementation: Any, what: Any, args: Any, kw: dict[str, Any],
    reading: bool = True,
) -> Any:  # fmt: skip
    """A call that changes no operand; it may be followed later."""
    before = noticed(rec, args, kw, reading)
    if before is None:
        return implementation(*args, **kw)
    out = implementation(*before.blind, **kw)
    for a, b in zip(before.operands, before.blind, strict=True):
        if out is b:
            return a
    remember(rec, before, what, kw, out)
    return out


def array_function(self: Any, func: Any, types: Any, args: Any, kw: Any) -> Any:
    """`__array_function__` of tensors and variables: NumPy's functions but ufuncs."""
    rec = state.recording
    if rec is not None and rec.step is not None:
        out = followed(rec, func, args, kw, 2)
        if out is not None:
            return out
    implementation = FUNCTIONS.get(func)
    if implementation is None:
        name = f"{func.__module__}.{func.__name__}"
        raise _unsupported(f"{name} has no form on tensors", name)
    if rec is None:
        return implementation(*args, **kw)
    if rec.step is None:
        if func is GETITEM and type(args[1]) is int:  # another one in each round
            return implementation(*args)
        return called(rec, implementation, func, args, kw)
    if func is GETITEM:
        reading = not isinstance(args[1], (np.ndarray, Operators))
        return _noted(rec, implementation, func, args, kw, reading)
    before = noticed(rec, args, kw, False)
    out = implementation(*args, **kw)
    remember(rec, before, func, kw, out)
    return out


def _unsupported(text: str, name: str = "") -> TapecError:
    """The error for a NumPy function without a form on tensors: what to use instead."""
    if name:
        from tapec.numpy.instead import advice

        known = [getattr(f, "__name__", "") for f in FUNCTIONS]
        text += f"; {advice(name, known)}"
    rec = state.recording
    return at(UnsupportedError(text), locate(rec.stop if rec else None))


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *args: Any, **kw: Any) -> Any:
    """`__array_ufunc__` of tensors and variables."""
    if method == "__call__" and not kw:
        prim = _direct.get(ufunc)
        if prim is not None:
            return bind(prim, args, _NO_ATTRS)
        if ufunc in FUNCTIONS:
            return _overridden(ufunc, args, kw)
    return apply_ufunc(ufunc, method, args, kw)


install_apply(_overridden)
Tensor.__array_ufunc__ = array_ufunc
Tensor.__array_function__ = array_function
