"""Operations outside any recording: NumPy computes at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import TapecError, at
from tapec.ir import ArrayType
from tapec.operators import Operators
from tapec.primitive import Primitive
from tapec.recording import Array, locate
from tapec.tensor.kinds import ordinary
from tapec.tensor.tensor import Tensor

__all__ = ["compute"]

_new = object.__new__
_ufunc, _ndarray = np.ufunc, np.ndarray


def compute(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """What `prim` gives for tensors, arrays and numbers."""
    ufunc = prim.reference
    if attrs or type(ufunc) is not _ufunc:
        return _prepared(prim, args, attrs)
    raw: list[Any] = [*args]
    kind: Any = None
    for i, a in enumerate(args):
        t = type(a)
        if t is Tensor:
            kind = a.kind
            raw[i] = a.known
            if a.known is None:
                raw[i] = a.array
        elif t is not float and t is not int:
            if not isinstance(a, Operators):
                return _prepared(prim, args, attrs)
            raw[i] = a.array
    try:
        out = ufunc(*raw)
    except Exception:  # said again, better, by those who know types
        return _prepared(prim, args, attrs)
    if type(out) is not _ndarray:
        many = type(out) is tuple
        return _prepared(prim, args, attrs) if many else Tensor.holding(out)
    dtype, shape = out.dtype, out.shape
    if type(kind) is not ArrayType or kind.dtype is not dtype or kind.shape != shape:
        kind = ArrayType(dtype, shape)
    made: Any = _new(Tensor)
    made.rec = made.value = None
    made.kind = kind
    made.known = out
    return made


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
