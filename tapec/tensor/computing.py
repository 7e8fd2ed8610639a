"""Operations outside any recording: NumPy computes at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import TapecError, at
from tapec.ir import ArrayType
from tapec.operators import Operators
from tapec.primitive import Primitive
from tapec.recording import Array, locate
from tapec.tensor.tensor import Tensor

__all__ = ["compute"]


def compute(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """What `prim` gives for tensors, arrays and numbers."""
    if not attrs and type(prim.reference) is np.ufunc:
        out = _by_ufunc(prim.reference, args)
        if type(out) is np.ndarray:
            return Tensor(None, None, ArrayType(out.dtype, out.shape), out)
        if out is not None:
            return Tensor.holding(out)
    raw = [a.array if isinstance(a, Operators) else a for a in args]
    try:
        arrays = _promoted(prim, raw)
        types = [ArrayType(a.dtype, a.shape) for a in arrays]
        prim.type_rule(*types, **attrs)
    except TapecError as error:
        raise at(error, locate(None)) from None
    out = prim.reference(*arrays, **attrs)
    if isinstance(out, tuple):
        return tuple(Tensor.holding(o) for o in out)
    return None if prim.effect else Tensor.holding(out)


def _by_ufunc(ufunc: np.ufunc, args: tuple[Any, ...]) -> Any:
    """What a ufunc gives for operands that need no preparation; None for others."""
    raw: list[Any] = []
    for a in args:
        if type(a) is Tensor:
            raw.append(a.array if a.known is None else a.known)
        elif type(a) is float or type(a) is int:
            raw.append(a)
        else:
            return None
    try:
        out = ufunc(*raw)
    except Exception:  # said again, better, by those who know types
        return None
    return None if type(out) is tuple else out


def _promoted(prim: Primitive, raw: list[Any]) -> list[Array]:
    """Arrays of the dtypes the primitive wants; Python numbers are weak."""
    if prim.promote is None:
        return [np.asarray(a) for a in raw]
    weak = (float, int, complex)
    dtypes = prim.promote(
        tuple(type(a) if type(a) in weak else np.asarray(a).dtype for a in raw)
    )
    return [np.asarray(a, d) for a, d in zip(raw, dtypes, strict=True)]
