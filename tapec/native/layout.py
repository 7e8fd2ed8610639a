"""How NumPy's dtypes look in memory and in LLVM's registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

__all__ = ["ELEMENT", "NoNative", "memory_type", "real_dtype", "register_type"]


class NoNative(Exception):
    """This combination of operation and dtype has no native form: use the host."""


ELEMENT: dict[np.dtype[Any], Any] = {
    **{np.dtype(f"{k}{n}"): ir.IntType(8 * n) for k in "iu" for n in (1, 2, 4, 8)},
    np.dtype(np.bool_): ir.IntType(8),
    np.dtype(np.float16): ir.HalfType(),
    np.dtype(np.float32): ir.FloatType(),
    np.dtype(np.float64): ir.DoubleType(),
}
"""The LLVM type of one real element in memory."""


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex dtype."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def register_type(dtype: np.dtype[Any]) -> Any:
    """The LLVM type of one real element in a register: bools are i1."""
    return ir.IntType(1) if dtype.kind == "b" else ELEMENT[dtype]


def memory_type(dtype: np.dtype[Any]) -> Any:
    """The LLVM type of (one part of) an element in memory."""
    return ELEMENT[real_dtype(dtype) if dtype.kind == "c" else dtype]
