"""Concatenation, the one op that joins arrays; stacking is reshapes and this."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import along
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.index import slice_
from tapec.primitive import Index, Sample, primitive
from tapec.promotion import promote_together

__all__ = ["concatenate", "part"]


def _concatenate_type(*xs: ArrayType, axis: int) -> ArrayType:
    first = xs[0]
    listed = " with ".join(map(repr, xs))
    rest = [t.shape[:axis] + t.shape[axis + 1 :] for t in xs]
    if any(t.dtype != first.dtype for t in xs):
        raise DTypeError(f"concatenate: operands of mixed dtype: {listed}")
    if not 0 <= axis < first.ndim:
        raise ShapeError(f"concatenate: no axis {axis} in {listed}")
    if any(r != rest[0] for r in rest) or any(t.ndim != first.ndim for t in xs):
        raise ShapeError(f"concatenate: shapes differ outside axis {axis}: {listed}")
    total = sum(t.shape[axis] for t in xs)
    return ArrayType(
        first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :])
    )


def _concatenate_vjp(ct: Any, out: Any, *xs: Any, axis: int) -> list[Any]:
    cuts, start = [], 0
    for x in xs:
        cuts.append(part(ct, start=start, length=x.shape[axis], axis=axis))
        start += x.shape[axis]
    return cuts


def part(x: Any, *, start: int, length: int, axis: int) -> Any:
    """`length` elements along `axis`, from `start` on."""
    ndim = len(x.shape)
    begin = tuple(start if a == axis else 0 for a in range(ndim))
    end = tuple(start + length if a == axis else x.shape[a] for a in range(ndim))
    return slice_(x, start=begin, stop=end, step=(1,) * ndim)


def _concatenate_lower(k: Any, op: Any, index: list[Any]) -> Any:
    axis = op.attr("axis")
    i, start = index[axis], 0
    ends = []
    for x in op.args:
        ends.append((start, start + x.shape[axis]))
        start += x.shape[axis]
    result = None
    for number, (begin, end) in reversed(list(enumerate(ends))):
        if type(end - begin) is int and begin == end:
            continue
        inside = k.clamp(i - begin, 0, end - begin - 1)
        element = k.read(number, [*index[:axis], inside, *index[axis + 1 :]])
        result = element if result is None else k.where(i < end, element, result)
    return k.const(0, op.dtype) if result is None else result


def _concatenate_samples(rng: np.random.Generator) -> list[Sample]:
    a, b, none = (rng.uniform(-1.0, 1.0, (2, n)) for n in (3, 1, 0))
    return [Sample((a, b, none), {"axis": 1}), Sample((a,), {"axis": 0})]


def _concatenate(*xs: Any, axis: int) -> Any:
    return np.concatenate(xs, axis)


concatenate = primitive(
    name="concatenate",
    doc="The operands one after the other along `axis`.",
    reference=_concatenate,
    type_rule=_concatenate_type,
    vjp=_concatenate_vjp,
    lower=Index(_concatenate_lower),
    samples=_concatenate_samples,
    batch=along,
    promote=promote_together,
    liveness="move",
    affine=True,
)
