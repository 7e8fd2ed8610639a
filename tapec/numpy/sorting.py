"""Order: sorting, searching in sorted arrays, interpolation.

Sorting is `argsort`, which has no derivative, and taking along the axis, which has;
ties follow the stable order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import DTypeError
from tapec.numpy.selecting import take_along_axis
from tapec.numpy.shapes import ravel
from tapec.numpy.support import axes_of, axis_of, common_cast, here
from tapec.ops import positions as ops
from tapec.ops.cast import cast
from tapec.ops.gather import gather, scatter_add
from tapec.tensor import as_tensor, implements

__all__ = [
    "argpartition",
    "argsort",
    "bincount",
    "digitize",
    "interp",
    "lexsort",
    "partition",
    "searchsorted",
    "sort",
    "sort_complex",
]


@implements(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    x = as_tensor(a)
    if axis is None or x.ndim == 0:
        x, axis = ravel(x), 0
    return ops.argsort(x, axis=axis_of(axis, x.ndim))


@implements(np.sort)
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    x = as_tensor(a)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim)
    return take_along_axis(x, ops.argsort(x, axis=axis), axis)


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    return sort(as_tensor(a) + 0j)


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Any:
    """Sorted altogether: one of the orders that NumPy's contract allows."""
    x = as_tensor(a)
    axes_of(kth if np.ndim(kth) == 0 else tuple(kth), x.size if axis is None
            else x.shape[axis])  # fmt: skip
    return sort(x, axis)


@implements(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Any:
    return argsort(a, axis)


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Sort by each key in turn, the last one deciding: stable sorts compose."""
    rows = [as_tensor(k) for k in keys]
    axis = axis_of(axis, rows[0].ndim)
    order = ops.argsort(rows[0], axis=axis)
    for row in rows[1:]:
        step = ops.argsort(take_along_axis(row, order, axis), axis=axis)
        order = take_along_axis(order, step, axis)
    return order


# --- in sorted arrays ---------------------------------------------------------


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', not {side!r}")
    rows, values = common_cast(a, v)
    if sorter is not None:
        rows = rows[sorter]
    return ops.searchsorted(rows, values, side=side)


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """The length depends on the values, so they are looked at."""
    index = as_tensor(x)
    if index.dtype.kind not in "iu" or index.ndim != 1:
        raise here(DTypeError(f"bincount: {index.type!r} are no counts"))
    if index.size and bool(np.min(index) < 0):
        raise ValueError("'list' argument must have no negative elements")
    top = np.max(index).__index__() + 1 if index.size else 0
    values = np.ones_like(index, dtype=np.int64)
    if weights is not None:
        values = cast(as_tensor(weights), dtype=np.dtype(np.float64))
    return scatter_add(values, index, shape=(max(top, minlength),), axis=0)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    edges = as_tensor(bins)
    side = "left" if right else "right"
    falling = edges.size > 1 and bool(edges[0] > edges[-1])
    if not falling:
        return searchsorted(edges, x, side)
    return edges.size - searchsorted(edges[::-1], x, "right" if right else "left")


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    x, xp, fp = as_tensor(x), as_tensor(xp), as_tensor(fp)
    if period is not None:
        x, xp = x % abs(period), xp % abs(period)
        order = ops.argsort(xp, axis=0)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    low = fp[0] if left is None or period is not None else left
    high = fp[-1] if right is None or period is not None else right
    last = xp.shape[0] - 1
    if last == 0:
        inner = np.broadcast_to(fp[0], x.shape)
    else:
        inner = _between(x, xp, fp, last)
    return np.where(x < xp[0], low, np.where(x > xp[last], high, inner))


def _between(x: Any, xp: Any, fp: Any, last: int) -> Any:
    """The line through the two points around `x`; exact at the points."""
    rows, values = common_cast(xp, x)
    found = ops.searchsorted(rows, values, side="right") - 1
    i = np.clip(found, 0, last - 1)
    x0, x1 = gather(xp, i, axis=0), gather(xp, i + 1, axis=0)
    f0, f1 = gather(fp, i, axis=0), gather(fp, i + 1, axis=0)
    # at the last point the right end of the interval is the exact value
    slope = (f1 - f0) / (x1 - x0)
    return np.where(x == x1, f1 + slope * (x - x1), f0 + slope * (x - x0))
