"""Operations outside any recording: NumPy computes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.errors import TapecError, at
from tapec.ir import ArrayType
from tapec.operators import PLAIN, Operators, defers
from tapec.ops import arithmetic as ar
from tapec.primitive import Primitive
from tapec.recording import Array, locate, state
from tapec.tensor.kinds import ordinary
from tapec.tensor.tensor import Tensor

__all__ = ["compute"]

_new = object.__new__
_ufunc, _ndarray = np.ufunc, np.ndarray
_NO_ATTRS: dict[str, Any] = {}


def compute(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """What `prim` gives for tensors, arrays and numbers."""
    ufunc = prim.reference
    if attrs or type(ufunc) is not _ufunc:
        return _prepared(prim, args, attrs)
    kind: Any = None
    raw: list[Any] = []
    for a in args:
        t = type(a)
        if t is Tensor:
            kind = a.kind
            a = a.array if a.known is None else a.known
        elif t is not float and t is not int:
            if not isinstance(a, Operators):
                return _prepared(prim, args, attrs)
            a = a.array
        raw.append(a)
    try:
        out = ufunc(*raw)
    except Exception:  # said again, better, by those who know types
        return _prepared(prim, args, attrs)
    if type(out) is _ndarray:
        return _holding(out, kind)
    many = type(out) is tuple
    return _prepared(prim, args, attrs) if many else Tensor.holding(out)


def _holding(array: Array, kind: Any) -> Any:
    """A tensor with these numbers. kind: perhaps its own."""
    dtype, shape = array.dtype, array.shape
    if type(kind) is not ArrayType or kind.dtype is not dtype or kind.shape != shape:
        kind = ArrayType(dtype, shape)
    made: Any = _new(Tensor)
    made.rec = made.value = None
    made.kind = kind
    made.known = array
    return made


def _arithmetic(prim: Primitive, reflected: bool) -> Callable[[Tensor, Any], Any]:
    """An operator that asks for nothing more where two numbers are known."""
    ufunc = prim.reference

    def operator(self: Tensor, other: Any) -> Any:
        a, t = self.known, type(other)
        b = other if t is float else other.known if t is Tensor else None
        if a is not None and b is not None and state.recording is None:
            try:
                out = ufunc(b, a) if reflected else ufunc(a, b)
            except Exception:  # said again, better, by those who know types
                pass
            else:
                array = type(out) is _ndarray
                return _holding(out, self.kind) if array else Tensor.holding(out)
        if t in PLAIN or not defers(other):
            args = (other, self) if reflected else (self, other)
            return _primitive._bind(prim, args, _NO_ATTRS)
        return NotImplemented

    return operator


def _prepared(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """The reference on arrays of the dtypes that it wants."""
    try:
        raw = [a.array if isinstance(a, Operators) else ordinary(a) for a in args]
        arrays = _promoted(prim, raw)
        types = [ArrayType(a.dtype, a.shape) for a in arrays]
        prim.type_rule(*types, **attrs)
    except TapecError as error:
        raise at(error, locate(None)) from None
    out = prim.reference(*arrays, **attrs)
    if isinstance(out, tuple):
        return tuple(Tensor.holding(o) for o in out)
    return None if prim.effect else Tensor.holding(out)


def _promoted(prim: Primitive, raw: list[Any]) -> list[Array]:
    """Arrays of the dtypes the primitive wants; Python numbers are weak."""
    if prim.promote is None:
        return [np.asarray(a) for a in raw]
    weak = (float, int, complex)
    dtypes = prim.promote(
        tuple(type(a) if type(a) in weak else np.asarray(a).dtype for a in raw)
    )
    return [np.asarray(a, d) for a, d in zip(raw, dtypes, strict=True)]


for _name, _prim in (
    ("add", ar.add), ("sub", ar.subtract), ("mul", ar.multiply), ("truediv", ar.divide)
):  # fmt: skip
    setattr(Tensor, f"__{_name}__", _arithmetic(_prim, reflected=False))
    setattr(Tensor, f"__r{_name}__", _arithmetic(_prim, reflected=True))
