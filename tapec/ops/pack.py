"""Arrays of one shape joined: what `scalarize` and `sections` took apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.ops.join import part
from tapec.ops.shape import reshape, transpose
from tapec.primitive import Pack, Sample, primitive
from tapec.promotion import promote_together

__all__ = ["pack", "stack"]

Shape = tuple[int, ...]


def _pack_type(*xs: ArrayType, shape: Shape) -> ArrayType:
    first = xs[0]
    if any(t != first for t in xs):
        raise ShapeError(f"pack: operands of several types: {', '.join(map(repr, xs))}")
    if math.prod(shape) != len(xs):
        raise ShapeError(f"pack: {len(xs)} operands for the shape {shape}")
    return ArrayType(first.dtype, (*first.shape, *shape))


def _pack(*xs: Any, shape: Shape) -> Any:
    return np.stack(xs, axis=-1).reshape(*xs[0].shape, *shape)


def _pack_vjp(ct: Any, out: Any, *xs: Any, shape: Shape) -> list[Any]:
    outer = xs[0].shape
    flat = reshape(ct, shape=(*outer, len(xs)))
    columns = [part(flat, start=i, length=1, axis=len(outer)) for i, _ in enumerate(xs)]
    return [reshape(column, shape=outer) for column in columns]


def _pack_batch(batch: Batch, *xs: Any, shape: Shape) -> Any:
    return pack(*batch.spread_all(*xs), shape=shape)


def _pack_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(count: int, *outer: int) -> tuple[Any, ...]:
        return tuple(rng.uniform(-1.0, 1.0, (count, *outer)))

    return [
        Sample(draw(6), {"shape": (2, 3)}),
        Sample(draw(2, 5), {"shape": (2,)}),
        Sample(draw(4, 3, 2), {"shape": (1, 4)}),
        Sample(draw(1, 3), {"shape": ()}),
        Sample(draw(2, 0), {"shape": (2,)}),
    ]


pack = primitive(
    name="pack",
    doc="The operands, elementwise: an array of `shape` for each of their elements.",
    reference=_pack,
    type_rule=_pack_type,
    vjp=_pack_vjp,
    lower=Pack(leading=False),
    samples=_pack_samples,
    batch=_pack_batch,
    promote=promote_together,
    liveness="move",
    affine=True,
)


def _stack_type(*xs: ArrayType) -> ArrayType:
    first = xs[0]
    if any(t != first for t in xs):
        raise ShapeError(
            f"stack: operands of several types: {', '.join(map(repr, xs))}"
        )
    return ArrayType(first.dtype, (len(xs), *first.shape))


def _stack_vjp(ct: Any, out: Any, *xs: Any) -> list[Any]:
    rows = [part(ct, start=i, length=1, axis=0) for i, _ in enumerate(xs)]
    return [reshape(row, shape=xs[0].shape) for row in rows]


def _stack_batch(batch: Batch, *xs: Any) -> Any:
    joined = stack(*batch.spread_all(*xs))
    axes = range(len(joined.shape))
    return transpose(joined, perm=(1, 0, *axes[2:]))


def _stack_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(count: int, *outer: int) -> tuple[Any, ...]:
        return tuple(rng.uniform(-1.0, 1.0, (count, *outer)))

    return [Sample(draw(3)), Sample(draw(2, 5)), Sample(draw(4, 3, 2)),
            Sample(draw(1, 3)), Sample(draw(2, 0))]  # fmt: skip


stack = primitive(
    name="stack",
    doc="The operands, one after the other along a new first axis.",
    reference=lambda *xs: np.stack(xs),
    type_rule=_stack_type,
    vjp=_stack_vjp,
    lower=Pack(leading=True),
    samples=_stack_samples,
    batch=_stack_batch,
    promote=promote_together,
    liveness="move",
    affine=True,
)
