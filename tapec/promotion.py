"""What NumPy makes of operands whose shapes or dtypes differ.

A dtype is also `bool`, `int`, `float` or `complex`: a Python number, which gives way to
the arrays it meets (NEP 50).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType, Dim

__all__ = [
    "broadcast_shapes",
    "promote_together",
    "promote_ufunc",
    "resolve_ufunc",
    "result_dtype",
]


def broadcast_shapes(op: str, *types: ArrayType) -> tuple[Any, ...]:
    """NumPy's broadcasting of the operands' shapes, symbolic extents included."""
    ndim = max((t.ndim for t in types), default=0)
    shape: list[int | Dim] = [1] * ndim
    for t in types:
        for axis, d in enumerate(t.shape, ndim - t.ndim):
            if shape[axis] == 1:
                shape[axis] = d
            elif d not in (1, shape[axis]):
                listed = " with ".join(map(repr, types))
                raise ShapeError(f"{op}: shapes do not broadcast: {listed}")
    return tuple(shape)


@lru_cache(maxsize=4096)
def resolve_ufunc(
    ufunc: np.ufunc, dtypes: tuple[Any, ...]
) -> tuple[np.dtype[Any], ...]:
    """Dtypes of the loop NumPy would run: operands, then result (NEP 50)."""
    given = [np.dtype(np.bool_) if d is bool else d for d in dtypes]
    if all(d is int for d in given):  # NumPy would compare Python's own integers
        given = [np.dtype(np.int64)] * len(given)
    try:
        return ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    except TypeError:
        names = ", ".join(getattr(d, "__name__", None) or str(d) for d in dtypes)
        raise DTypeError(f"{ufunc.__name__}: not defined for dtypes {names}") from None


def promote_ufunc(ufunc: np.ufunc) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """`promote` for an elementwise primitive whose reference is a ufunc."""

    def promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
        return resolve_ufunc(ufunc, dtypes)[: ufunc.nin]

    return promote


def promote_together(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    """`promote` for operands that share one dtype (concatenate, matmul, where)."""
    common = result_dtype(dtypes)
    return (common,) * len(dtypes)


@lru_cache(maxsize=4096)
def result_dtype(dtypes: tuple[Any, ...]) -> np.dtype[Any]:
    """`np.result_type` where `bool`, `int`, `float`, `complex` are weak scalars."""
    weak = {bool: True, int: 0, float: 0.0, complex: 0j}
    return np.result_type(
        *[weak.get(d, d) if isinstance(d, type) else d for d in dtypes]
    )
