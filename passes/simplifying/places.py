"""Rules of what is indexed by constants: each element knows where it comes from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.ir import Constant, Dim, Value
from tapec.ops.arithmetic import add
from tapec.ops.const import const
from tapec.ops.gather import gather
from tapec.ops.select import where
from tapec.ops.shape import reshape
from tapec.passes.simplifying.rules import New, Outcome, is_op, repeated, rule

__all__: list[str] = []

SPARSE = 4
"""Elements of a result for each that is added to it, above which most are zeros."""


@rule("scatter_add(where(c, x, 0), i) = where(found, gather(x, inverse of i) + 0, 0) "
      "for constant places, each at most once", "scatter_add")  # fmt: skip
def _scatter_to_distinct(op: Value) -> Outcome:
    """Elements fetched in any order, and with others in one loop, not one by one."""
    x, *indices = op.args
    axis, n = op.attr("axis"), op.shape[op.attr("axis")]
    if len(indices) > 1 or not is_op(indices[0], "const") or isinstance(n, Dim):
        return None
    if op.dtype.kind not in "iufc" or not 0 < n <= SPARSE * indices[0].type.size:
        return None
    places = indices[0].attr("value").array
    x, added = _without_zeros(x, axis, places.ndim)
    source = np.flatnonzero(np.broadcast_to(added, places.shape))
    target = places.reshape(-1)[source].astype(np.int64) % n
    if len(np.unique(target)) < len(target):
        return None
    inverse, found = np.zeros(n, np.int64), np.zeros(n, bool)
    inverse[target], found[target] = source, True
    before, after = op.shape[:axis], op.shape[axis + 1 :]
    flat = New(reshape, (x,), {"shape": (*before, math.prod(places.shape), *after)})
    fetched = New(gather, (flat, _const(inverse)), {"axis": axis})
    zero = _const(np.zeros((), op.dtype))
    sums = New(add, (fetched, zero))  # no zero that is added to zero has a sign
    if found.all():
        return sums
    wide = found.reshape(n, *[1] * len(after))
    return New(where, (_const(wide), sums, zero))


def _without_zeros(x: Value, axis: int, ndim: int) -> tuple[Value, Any]:
    """`y` and `c` of where(c, y, 0), if only the `ndim` axes from `axis` on say which;
    of others `x`, and that all of it counts."""
    if not is_op(x, "where"):
        return x, np.True_
    condition, y, other = x.args
    if not is_op(condition, "const") or repeated(other) != 0 or y.type is not x.type:
        return x, np.True_
    chosen = condition.attr("value").array
    chosen = chosen.reshape((1,) * (len(x.shape) - chosen.ndim) + chosen.shape)
    middle = chosen.shape[axis : axis + ndim]
    if math.prod(middle) != chosen.size:
        return x, np.True_
    return y, chosen.reshape(middle)


def _const(array: Any) -> New:
    return New(const, (), {"value": Constant(array)})
