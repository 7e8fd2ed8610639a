"""What the user's code gives to operations, as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import UnsupportedError, at
from tapec.ir import ArrayType, Dim
from tapec.operators import Operators
from tapec.ops.extent import SIZE, extent
from tapec.recording import Array, Recording, locate, state
from tapec.tensor.kinds import Weak, ordinary
from tapec.tensor.tensor import Tensor

__all__ = ["as_tensor", "operand", "own"]

_PYTHON_SCALARS = (float, int, bool, complex)


def operand(a: Any) -> Any:
    """`a` as something `bind` records without further questions."""
    t = type(a)
    if t is Tensor or t is float or t is int:
        return a
    if t is bool:
        return as_tensor(np.bool_(a))
    if t is complex:
        return Tensor(*_literal(a, None))
    return as_tensor(a)


def as_tensor(x: Any) -> Tensor:
    """`x` (tensor, variable, array, number, nested numbers) as a tensor."""
    if type(x) is Tensor:
        return x
    rec = state.recording
    if isinstance(x, Operators):
        return x.read()  # type: ignore[attr-defined, no-any-return]
    if rec is None:
        return Tensor.holding(x)
    if type(x) is Dim:
        value = rec.append(extent, (), (("of", x),), SIZE)
        return Tensor(rec, value, Weak.of(SIZE))
    if isinstance(x, np.ndarray):
        return _captured(rec, ordinary(x))
    if isinstance(x, _PYTHON_SCALARS) and not isinstance(x, np.generic):
        return Tensor(*_literal(x, None))
    array = _numbers(x)
    return Tensor(*_literal(array, ArrayType(array.dtype, array.shape)))


def _captured(rec: Recording, x: Array) -> Tensor:
    """An array used by recorded code.

    A tape takes the contents of this moment; a traced function reads the array again at
    each call.
    """
    if x.dtype.kind not in "biufc" or x.dtype.itemsize > 16:
        raise at(_not_traceable(x), locate(rec.stop))
    if rec.is_trace:
        value = rec.leaf(x, x)
        return Tensor(rec, value, value.type)
    array = own(x)
    value = rec.leaf(array, array)
    out = Tensor(rec, value, value.type, array)
    rec.track(out)
    return out


def own(x: Array) -> Array:
    """An array with the numbers of `x` that nobody can change."""
    return x if _frozen(x) else x.copy()


def _frozen(x: Any) -> bool:
    """Whether nobody can change the numbers of `x`."""
    while isinstance(x, np.ndarray) and not x.flags.writeable:
        if x.base is None:
            return True
        x = x.base
    return False


def _numbers(x: Any) -> Array:
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        raise UnsupportedError(
            "a list that holds tensors is not an array; use np.stack or "
            "tapec.numpy.array"
        )
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise _not_traceable(x)
    return array


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_holds_tensor(e) for e in x)
    return isinstance(x, Operators)


def _not_traceable(x: Any) -> UnsupportedError:
    what = (
        f"an array of dtype {x.dtype}"
        if isinstance(x, np.ndarray)
        else type(x).__name__
    )
    return UnsupportedError(
        f"{what} cannot be traced; give numbers or arrays of numbers"
    )


def _literal(a: Any, kind: Any) -> tuple[Recording | None, Any, Any]:
    rec = state.recording
    assert rec is not None
    value = rec.literal(a)
    return rec, value, Weak.of(value.type) if kind is None else kind
