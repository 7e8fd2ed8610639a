"""Numbers of the user's text as `const` ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import ArrayType, Attrs, Constant

__all__ = ["literal_of"]

_literals: dict[Any, tuple[Attrs, ArrayType]] = {}
MOST_LITERALS = 4096


def literal_of(number: Any, dtype: np.dtype[Any] | None) -> tuple[Attrs, ArrayType]:
    """Attributes and type of a `const`; those of Python's numbers are kept."""
    key = (type(number), number, dtype) if type(number) in (float, int) else None
    if key in _literals:
        return _literals[key]
    array = np.asarray(number, dtype)
    made = (("value", Constant(array)),), ArrayType(array.dtype, array.shape)
    if key is not None and number != 0:  # the key would not tell 0.0 from -0.0
        if len(_literals) >= MOST_LITERALS:
            _literals.clear()
        _literals[key] = made
    return made
