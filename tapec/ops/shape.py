"""Ops that move elements: the derivative of each is the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch, along, padded
from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.primitive import Index, Sample, View, primitive

__all__ = [
    "broadcast_to",
    "flip",
    "reshape",
    "roll",
    "transpose",
]

Shape = tuple[int, ...]


def _draw(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.uniform(-1.0, 1.0, shape)


# --- reshape ------------------------------------------------------------------


def _reshape_type(x: ArrayType, *, shape: Shape) -> ArrayType:
    out = ArrayType(x.dtype, shape)
    if out.size != x.size:
        raise ShapeError(f"reshape: {x!r} does not fit shape {tuple(shape)}")
    return out


def _reshape_vjp(ct: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return reshape(ct, shape=x.shape)


def _reshape_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 2, 3),), {"shape": (3, 2)}),
        Sample((_draw(rng),), {"shape": (1, 1)}),
        Sample((_draw(rng, 0, 3),), {"shape": (2, 0)}),
    ]


def _reshape(x: Any, *, shape: Shape) -> Any:
    return np.reshape(x, shape)


def _reshape_batch(batch: Batch, x: Any, *, shape: Shape) -> Any:
    return reshape(x, shape=(batch.size, *shape))


reshape = primitive(
    name="reshape",
    doc="The elements of `x` in row-major order under another `shape` of equal size.",
    reference=_reshape,
    type_rule=_reshape_type,
    vjp=(_reshape_vjp,),
    lower=View(),
    samples=_reshape_samples,
    batch=_reshape_batch,
    liveness="move",
    affine=True,
)


# --- transpose ----------------------------------------------------------------


def _transpose_type(x: ArrayType, *, perm: Shape) -> ArrayType:
    if sorted(perm) != list(range(x.ndim)):
        raise ShapeError(f"transpose: {perm} does not permute the axes of {x!r}")
    return ArrayType(x.dtype, tuple(x.shape[p] for p in perm))


def _inverse(perm: Shape) -> Shape:
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def _transpose_vjp(ct: Any, out: Any, x: Any, *, perm: Shape) -> Any:
    return transpose(ct, perm=_inverse(perm))


def _transpose_lower(k: Any, op: Any, index: list[Any]) -> Any:
    return k.read(0, [index[i] for i in _inverse(op.attr("perm"))])


def _transpose_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 2, 3, 4),), {"perm": (2, 0, 1)}),
        Sample((_draw(rng, 2, 0),), {"perm": (1, 0)}),
        Sample((_draw(rng),), {"perm": ()}),
    ]


def _transpose(x: Any, *, perm: Shape) -> Any:
    return np.transpose(x, perm)


def _transpose_batch(batch: Batch, x: Any, *, perm: Shape) -> Any:
    return transpose(x, perm=(0, *(p + 1 for p in perm)))


transpose = primitive(
    name="transpose",
    doc="Axes in another order: axis `i` of the result is axis `perm[i]` of `x`.",
    reference=_transpose,
    type_rule=_transpose_type,
    vjp=(_transpose_vjp,),
    lower=Index(_transpose_lower),
    samples=_transpose_samples,
    batch=_transpose_batch,
    liveness="move",
    affine=True,
)


# --- broadcast_to -------------------------------------------------------------


def _broadcast_to_type(x: ArrayType, *, shape: Shape) -> ArrayType:
    lead = len(shape) - x.ndim
    pairs = zip(x.shape, shape[max(lead, 0) :], strict=False)
    if lead < 0 or any(d not in (1, n) for d, n in pairs):
        raise ShapeError(f"broadcast_to: {x!r} does not broadcast to {tuple(shape)}")
    return ArrayType(x.dtype, shape)


def _broadcast_to_vjp(ct: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    lead = len(shape) - x.ndim
    stretched = [
        axis
        for axis, n in enumerate(shape)
        if axis < lead or (x.shape[axis - lead] == 1 and n != 1)
    ]
    total = np.sum(ct, axis=tuple(stretched)) if stretched else ct
    return reshape(total, shape=x.shape)


def _broadcast_to_lower(k: Any, op: Any, index: list[Any]) -> Any:
    shape = op.args[0].shape
    inner = index[len(index) - len(shape) :]
    return k.read(0, [0 if n == 1 else i for n, i in zip(shape, inner, strict=True)])


def _broadcast_to_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 3, 1),), {"shape": (2, 3, 4)}),
        Sample((_draw(rng),), {"shape": (2,)}),
        Sample((_draw(rng, 1),), {"shape": (0,)}),
    ]


def _broadcast_to(x: Any, *, shape: Shape) -> Any:
    return np.broadcast_to(x, shape)


def _broadcast_to_batch(batch: Batch, x: Any, *, shape: Shape) -> Any:
    return broadcast_to(padded(x, len(shape)), shape=(batch.size, *shape))


broadcast_to = primitive(
    name="broadcast_to",
    doc="`x` repeated along new leading axes and along its axes of length 1.",
    reference=_broadcast_to,
    type_rule=_broadcast_to_type,
    vjp=(_broadcast_to_vjp,),
    lower=Index(_broadcast_to_lower),
    samples=_broadcast_to_samples,
    batch=_broadcast_to_batch,
    liveness="sum",
    affine=True,
)


# --- flip and roll ------------------------------------------------------------


def _same_type(x: ArrayType, **attrs: Any) -> ArrayType:
    return x


def _flip_vjp(ct: Any, out: Any, x: Any, *, axis: Shape) -> Any:
    return flip(ct, axis=axis)


def _flip_lower(k: Any, op: Any, index: list[Any]) -> Any:
    axes, shape = op.attr("axis"), op.shape
    turned = [shape[a] - 1 - i if a in axes else i for a, i in enumerate(index)]
    return k.read(0, turned)


def _flip_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 2, 3),), {"axis": (1,)}),
        Sample((_draw(rng, 2, 0),), {"axis": (0, 1)}),
    ]


def _flip(x: Any, *, axis: Shape) -> Any:
    return np.flip(x, axis)


flip = primitive(
    name="flip",
    doc="`x` with the order of elements along each of the axes `axis` reversed.",
    reference=_flip,
    type_rule=_same_type,
    vjp=(_flip_vjp,),
    lower=Index(_flip_lower),
    samples=_flip_samples,
    batch=along,
    liveness="move",
    affine=True,
)


def _roll_vjp(ct: Any, out: Any, x: Any, *, shift: int, axis: int) -> Any:
    return roll(ct, shift=(-shift) % max(x.shape[axis], 1), axis=axis)


def _roll_lower(k: Any, op: Any, index: list[Any]) -> Any:
    axis, shift, n = op.attr("axis"), op.attr("shift"), op.shape[op.attr("axis")]
    i = index[axis]
    source = k.where(i < shift, i - shift + n, i - shift)
    return k.read(0, [*index[:axis], source, *index[axis + 1 :]])


def _roll_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 2, 5),), {"shift": 2, "axis": 1}),
        Sample((_draw(rng, 3),), {"shift": 0, "axis": 0}),
    ]


def _roll(x: Any, *, shift: int, axis: int) -> Any:
    return np.roll(x, shift, axis)


roll = primitive(
    name="roll",
    doc="Elements moved `shift` places along `axis` (0 <= shift < n), round the end.",
    reference=_roll,
    type_rule=_same_type,
    vjp=(_roll_vjp,),
    lower=Index(_roll_lower),
    samples=_roll_samples,
    batch=along,
    liveness="move",
    affine=True,
)
