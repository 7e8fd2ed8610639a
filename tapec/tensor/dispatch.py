"""NumPy's functions on tensors: `__array_ufunc__` and `__array_function__`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.errors import TapecError, UnsupportedError, at
from tapec.ops.cast import cast
from tapec.ops.later import Later
from tapec.primitive import Primitive
from tapec.recording import locate, state
from tapec.tensor.binding import bind
from tapec.tensor.functions import FUNCTIONS
from tapec.tensor.tensor import Tensor

__all__ = ["apply_function", "apply_ufunc", "ufunc_primitive"]

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
    override = FUNCTIONS.get((ufunc, method)) or (
        FUNCTIONS.get(ufunc) if method == "__call__" else None
    )
    if override is not None:
        return override(*args, **kw)
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


def apply_function(func: Any, args: Any, kw: dict[str, Any]) -> Any:
    """A NumPy function other than a ufunc called with tensors among its arguments."""
    implementation = FUNCTIONS.get(func)
    if implementation is None:
        name = f"{func.__module__}.{func.__name__}"
        raise _unsupported(f"{name} has no form on tensors", name)
    return implementation(*args, **kw)


def _unsupported(text: str, name: str = "") -> TapecError:
    """The error for a NumPy function without a form on tensors: what to use instead."""
    if name:
        from tapec.numpy.instead import advice

        known = [getattr(f, "__name__", "") for f in FUNCTIONS]
        text += f"; {advice(name, known)}"
    rec = state.recording
    return at(UnsupportedError(text), locate(rec.stop if rec else None))


def _array_ufunc(
    self: Tensor, ufunc: np.ufunc, method: str, *args: Any, **kw: Any
) -> Any:
    if not kw and method == "__call__" and ufunc in _direct:
        return bind(_direct[ufunc], args, _NO_ATTRS)
    return apply_ufunc(ufunc, method, args, kw)


def _array_function(self: Tensor, func: Any, types: Any, args: Any, kw: Any) -> Any:
    return apply_function(func, args, kw)


Tensor.__array_ufunc__ = _array_ufunc
Tensor.__array_function__ = _array_function
