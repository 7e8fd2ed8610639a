"""TensorFlow's defaults: what a Python number, a list or an array becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec import variable
from tapec.operators import Operators
from tapec.tensor import as_tensor

__all__ = ["DTYPES", "Variable", "constant", "convert_to_tensor", "is_tensor", "pair"]

DTYPES = {
    **{f"float{n}": np.dtype(f"float{n}") for n in (16, 32, 64)},
    **{f"int{n}": np.dtype(f"int{n}") for n in (8, 16, 32, 64)},
    **{f"uint{n}": np.dtype(f"uint{n}") for n in (8, 16, 32, 64)},
    **{f"complex{n}": np.dtype(f"complex{n}") for n in (64, 128)},
    "bool": np.dtype(np.bool_),
    "half": np.dtype("float16"),
    "double": np.dtype("float64"),
}

_DEFAULTS = {np.dtype("float64"): np.float32, np.dtype("int64"): np.int32}


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor or a variable."""
    return isinstance(x, Operators)


def convert_to_tensor(value: Any, dtype: Any = None, name: Any = None) -> Any:
    """`value` as a tensor: Python's floats become float32, its integers int32."""
    if isinstance(value, Operators):
        t: Any = as_tensor(value)
    elif isinstance(value, (list, tuple)) and _holds(value, Operators):
        t = np.stack([convert_to_tensor(v, dtype) for v in value])
    else:
        array = _array(value, dtype)
        t = as_tensor(array if array.ndim else array[()])
    return t if dtype is None or t.dtype == dtype else t.astype(dtype)


def _array(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value, dtype)
    typed = (np.ndarray, np.generic)
    if dtype is not None or isinstance(value, typed) or _holds(value, typed):
        return array
    return array.astype(_DEFAULTS.get(array.dtype, array.dtype))


def _holds(value: Any, kinds: Any) -> bool:
    """Whether a nested list has an element of these kinds."""
    if isinstance(value, (list, tuple)):
        return any(_holds(v, kinds) for v in value)
    return isinstance(value, kinds)


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands; a Python number beside a tensor takes the tensor's dtype."""
    if not _is_number(x):
        x = convert_to_tensor(x)
    if not _is_number(y) or _is_number(x):
        y = convert_to_tensor(y)
    return x, y


def _is_number(x: Any) -> bool:
    return type(x) in (int, float, complex)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    """A tensor of this value: broadcast, or reshaped, to `shape` if that is given."""
    if isinstance(value, Operators) or _holds(value, Operators):
        t = convert_to_tensor(value, dtype)
    else:
        t = variable.constant(_array(value, dtype))
    if shape is None:
        return t
    return np.reshape(t, shape) if t.size > 1 else np.broadcast_to(t, shape)


class Variable(variable.Variable):
    """A variable with TensorFlow's defaults; `initial_value` may be a function."""

    __slots__ = ()

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        if isinstance(initial_value, Callable):  # type: ignore[arg-type]
            initial_value = initial_value()
        if not isinstance(initial_value, Operators):
            initial_value = _array(initial_value, dtype)
        super().__init__(initial_value, bool(trainable), name or "Variable", dtype)
