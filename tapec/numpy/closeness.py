"""Whether numbers are close, equal or infinite."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.numpy.support import only_default
from tapec.tensor import as_tensor, implements

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "isclose",
    "isneginf",
    "isposinf",
]


@implements(np.isclose)
def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    x, y = as_tensor(a), as_tensor(b)
    near = np.abs(x - y) <= atol + rtol * np.abs(y)
    found = (near & np.isfinite(y)) | np.equal(x, y)
    return found | (np.isnan(x) & np.isnan(y)) if equal_nan else found


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    x, y = as_tensor(a1), as_tensor(a2)
    if x.shape != y.shape:
        return False
    same = np.equal(x, y)
    if equal_nan:
        same = same | (np.isnan(x) & np.isnan(y))
    return np.all(same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    x, y = as_tensor(a1), as_tensor(a2)
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return np.all(np.equal(x, y))


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    only_default("isposinf", out=(out, None))
    return np.equal(x, np.inf)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    only_default("isneginf", out=(out, None))
    return np.equal(x, -np.inf)
