"""Arrays of one shape side by side: what the pass `scalarize` joins again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.ops.join import part
from tapec.ops.shape import reshape
from tapec.primitive import Pack, Sample, primitive
from tapec.promotion import promote_together

__all__ = ["pack"]

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
    lower=Pack(),
    samples=_pack_samples,
    batch=_pack_batch,
    promote=promote_together,
    liveness="move",
    affine=True,
)
