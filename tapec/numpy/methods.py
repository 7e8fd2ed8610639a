"""Methods of ufuncs on tensors: `np.add.reduce`, `np.multiply.outer` and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.numpy import reductions as red
from tapec.numpy.support import only_default
from tapec.ops.shape import reshape
from tapec.tensor import as_tensor, implements

__all__: list[str] = []


def _reduce(ufunc: np.ufunc, function: Callable[..., Any], *, sums: bool) -> None:
    """`ufunc.reduce`, along the first axis if not told otherwise."""

    @implements((ufunc, "reduce"))
    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
        keepdims: bool = False, initial: Any = red.NONE, where: Any = True,
    ) -> Any:  # fmt: skip
        name = f"{ufunc.__name__}.reduce"
        if sums:
            return function(array, axis, dtype, out, keepdims, initial, where)
        only_default(name, dtype=(dtype, None))
        options = {} if initial is red.NONE else {"initial": initial}
        return function(array, axis, out, keepdims, where=where, **options)


def _accumulate(ufunc: np.ufunc, function: Callable[..., Any]) -> None:
    @implements((ufunc, "accumulate"))
    def accumulate(
        array: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        return function(array, axis, dtype, out)


def _outer(ufunc: np.ufunc) -> None:
    @implements((ufunc, "outer"))
    def outer(a: Any, b: Any, /) -> Any:
        x, y = as_tensor(a), as_tensor(b)
        return ufunc(reshape(x, shape=(*x.shape, *(1,) * y.ndim)), y)


_reduce(np.add, red.sum, sums=True)
_reduce(np.multiply, red.prod, sums=True)
_reduce(np.maximum, red.max, sums=False)
_reduce(np.minimum, red.min, sums=False)
_reduce(np.logical_or, red.any, sums=False)
_reduce(np.logical_and, red.all, sums=False)
_accumulate(np.add, red.cumsum)
_accumulate(np.multiply, red.cumprod)
for _ufunc in (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.maximum,
    np.minimum,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.hypot,
    np.arctan2,
    np.logaddexp,
):
    _outer(_ufunc)
