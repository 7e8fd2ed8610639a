"""What the implementations of NumPy's functions share."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tapec.errors import TapecError, TraceError, UnsupportedError, at
from tapec.ir import Dim
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.recording import locate, state
from tapec.tensor import Tensor, as_tensor

__all__ = [
    "OutOfRange",
    "alias",
    "as_array",
    "as_arrays",
    "axes_of",
    "axis_of",
    "common_cast",
    "here",
    "integer",
    "integers",
    "only_default",
    "result_type",
]


class OutOfRange(TraceError, IndexError):
    """An index that is not there."""


axis_of: Callable[[Any, int], int] = normalize_axis_index
"""The axis counted from the front; NumPy's AxisError when there is none."""


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` (None: all, an integer or several) as non-negative integers."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(normalize_axis_tuple(axis, ndim))


def as_array(x: Any) -> Tensor:
    """`x` as NumPy's `asarray` sees it: a Python number gets a dtype of its own."""
    t = as_tensor(x)
    return t if t.kind is t.type else alias(t)


def alias(t: Tensor) -> Tensor:
    """Another tensor with the same value: `x[i] = v` on one leaves the other alone."""
    out = Tensor(t.rec, t.value, t.type, t.known)
    if t.rec is not None:
        t.rec.track(out)
    return out


def as_arrays(xs: Any) -> list[Tensor]:
    """Each operand as an array; iterates over a tensor's first axis."""
    return [as_array(x) for x in xs]


def integer(x: Any) -> Any:
    """A Python integer from anything that is one; a symbolic extent stays."""
    return x if type(x) is Dim else operator.index(x)


def integers(xs: Any) -> tuple[int, ...]:
    """A shape: one integer or a sequence of them."""
    if isinstance(xs, (list, tuple)):
        return tuple([integer(x) for x in xs])
    if type(xs) is Dim:
        return (xs,)  # type: ignore[return-value]
    if np.ndim(xs):
        return tuple([operator.index(x) for x in np.asarray(xs)])
    return (operator.index(xs),)


def common_cast(*xs: Any) -> list[Any]:
    """The operands as arrays of one dtype."""
    tensors = as_arrays(xs)
    if len({t.dtype for t in tensors}) == 1:
        return list(tensors)
    common = np.result_type(*[t.dtype for t in tensors])
    return [t if t.dtype == common else cast(t, dtype=common) for t in tensors]


def result_type(*operands: Any) -> np.dtype[Any]:
    """`np.result_type` of tensors, weak ones counting as Python numbers, and dtypes."""
    weak = {"i": 0, "f": 0.0, "c": 0j}
    kinds = []
    for x in operands:
        if isinstance(x, Operators):
            t = as_tensor(x)
            kinds.append(t.dtype if t.kind is t.type else weak[t.dtype.kind])
        else:
            kinds.append(x)
    return np.result_type(*kinds)


def here(error: TapecError) -> TapecError:
    """`error` with the user's line."""
    rec = state.recording
    return at(error, locate(rec.stop if rec is not None else None))


def only_default(function: str, **options: tuple[Any, Any]) -> None:
    """Refuse options of NumPy's that mean nothing here: name=(given, default)."""
    for name, (given, default) in options.items():
        if given is not default and given != default:
            text = f"np.{function}: {name}={given!r} is not supported on tensors"
            raise here(UnsupportedError(text))
