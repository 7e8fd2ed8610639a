"""What is known of a tensor before its numbers: its type, strong or weak."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tapec.errors import UnsupportedError
from tapec.ir import ArrayType

__all__ = ["Weak", "ordinary"]


def ordinary(x: Any) -> Any:
    """`x`; UnsupportedError for arrays that compute otherwise than arrays do."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
        if isinstance(x, np.matrix):
            raise UnsupportedError(
                "np.matrix is not supported: its `*` is another; give np.asarray(x)"
            )
        if isinstance(x, np.ma.MaskedArray):
            raise UnsupportedError(
                "a masked array is not supported: its mask would be lost; give "
                "x.filled(value), or the mask too, for np.where"
            )
    return x


class Weak:
    """The kind of a weakly typed tensor: a Python number that is being traced."""

    __slots__ = ("python", "type")
    _interned: ClassVar[dict[ArrayType, Weak]] = {}
    _PYTHON: ClassVar[dict[str, Any]] = {
        "b": np.dtype(np.bool_),
        "i": int,
        "f": float,
        "c": complex,
    }

    def __init__(self, type_: ArrayType) -> None:
        self.type = type_
        self.python = self._PYTHON[type_.dtype.kind]

    @classmethod
    def of(cls, type_: ArrayType) -> ArrayType | Weak:
        if type_.dtype.kind not in "ifc":
            return type_
        found = cls._interned.get(type_)
        if found is None:
            found = cls._interned[type_] = cls(type_)
        return found
