"""Basic indexing: rectangular parts of an array, cut out, put in, and put back.

A region is `start` and `step` (positive) per axis; NumPy's negative steps become a
slice and a `flip`, integers a slice and a `reshape`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType, Dim, Extent, never_negative
from tapec.ops.shape import broadcast_to
from tapec.primitive import Index, Masked, Sample, primitive

__all__ = ["slice_", "unslice", "update_slice"]

Ints = tuple[int, ...]


def region(start: Any, step: Any, length: Any) -> tuple[slice, ...]:
    """The slices that name a region."""
    return tuple(
        slice(a, a + n * s if n else a, s)
        for a, s, n in zip(start, step, length, strict=True)
    )


def _stops(start: Ints, step: Ints, length: tuple[Extent, ...]) -> tuple[Any, ...]:
    rows = zip(start, step, length, strict=True)
    return tuple(a + (n - 1) * s + 1 if type(n) is Dim or n else a for a, s, n in rows)


def _length(start: Any, stop: Any, step: int) -> Any:
    length = -((start - stop) // step)
    return length if type(length) is Dim else max(0, length)


def _may(a: Any, b: Any) -> bool:
    """Whether `a <= b`, for some sizes if extents are symbolic.

    Whoever makes a region asks for which; here the answer may no longer be known.
    """
    difference = b - a
    if type(difference) is Dim:
        return not never_negative(-difference - 1)
    return bool(difference >= 0)


def _check_region(
    op: str, whole: ArrayType, start: Ints, step: Ints, length: Ints
) -> None:
    fits = len(start) == len(step) == len(length) == whole.ndim
    if not fits or any(
        not (_may(0, a) and _may(a, b) and _may(b, n) and s >= 1)
        for a, b, s, n in zip(
            start, _stops(start, step, length), step, whole.shape, strict=True
        )
    ):
        text = f"start={start} step={step} length={length}"
        raise ShapeError(f"{op}: no such region in {whole!r}: {text}")


def _draw(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.uniform(-1.0, 1.0, shape)


# --- slice --------------------------------------------------------------------


def _slice_type(x: ArrayType, *, start: Ints, stop: Ints, step: Ints) -> ArrayType:
    rows = zip(start, stop, step, strict=True)
    length = tuple(_length(a, b, s) for a, b, s in rows)
    _check_region("slice", x, start, step, length)
    return ArrayType(x.dtype, length)


def _slice_vjp(
    ct: Any, out: Any, x: Any, *, start: Ints, stop: Ints, step: Ints
) -> Masked:
    def back(part: Any) -> Any:
        return unslice(part, shape=x.shape, start=start, step=step)

    return Masked(back(ct), lambda: back(broadcast_to(np.True_, shape=out.shape)))


def _slice_lower(k: Any, op: Any, index: list[Any]) -> Any:
    rows = zip(index, op.attr("start"), op.attr("step"), strict=True)
    return k.read(0, [i * s + a for i, a, s in rows])


def _slice_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 4, 5),), {"start": (1, 0), "stop": (3, 5), "step": (1, 2)}),
        Sample((_draw(rng, 3),), {"start": (1,), "stop": (1,), "step": (1,)}),
        Sample((_draw(rng),), {"start": (), "stop": (), "step": ()}),
    ]


def _slice(x: Any, *, start: Ints, stop: Ints, step: Ints) -> Any:
    return x[tuple(map(slice, start, stop, step))]


def _slice_batch(batch: Batch, x: Any, *, start: Ints, stop: Ints, step: Ints) -> Any:
    return slice_(x, start=(0, *start), stop=(batch.size, *stop), step=(1, *step))


slice_ = primitive(
    name="slice",
    doc="The region `start:stop:step` of `x`, one entry per axis, steps positive.",
    reference=_slice,
    type_rule=_slice_type,
    vjp=(_slice_vjp,),
    lower=Index(_slice_lower),
    samples=_slice_samples,
    batch=_slice_batch,
    liveness="move",
    affine=True,
)


# --- unslice ------------------------------------------------------------------


def _unslice_type(x: ArrayType, *, shape: Ints, start: Ints, step: Ints) -> ArrayType:
    out = ArrayType(x.dtype, shape)
    _check_region("unslice", out, start, step, x.shape)
    return out


def _unslice_vjp(
    ct: Any, out: Any, x: Any, *, shape: Ints, start: Ints, step: Ints
) -> Any:
    return slice_(ct, start=start, stop=_stops(start, step, x.shape), step=step)


def _locate(
    k: Any, index: list[Any], start: Ints, step: Ints, inner: Ints, outer: Ints
) -> tuple[Any, list[Any]]:
    """Whether `index` lies in the region, and the (clamped) place in it."""
    inside, places = None, []
    for i, a, s, n, whole in zip(index, start, step, inner, outer, strict=True):
        tests = []
        if not never_negative(-a):
            tests.append(i >= a)
        if not never_negative(a + (n - 1) * s + 1 - whole):
            tests.append(i < a + (n - 1) * s + 1)
        if s > 1:
            tests.append((i - a) % s == 0)
        for test in tests:
            inside = test if inside is None else inside & test
        place = (i - a) // s if s > 1 else i - a
        places.append(k.clamp(place, 0, n - 1) if tests else place)
    return inside, places


def _unslice_lower(k: Any, op: Any, index: list[Any]) -> Any:
    x = op.args[0]
    if 0 in x.shape:
        return k.const(0, op.dtype)
    start, step = op.attr("start"), op.attr("step")
    inside, places = _locate(k, index, start, step, x.shape, op.shape)
    element = k.read(0, places)
    if inside is None:
        return element
    return k.where(inside, element, k.const(0, op.dtype))


def _unslice_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((_draw(rng, 2, 3),), {"shape": (4, 6), "start": (1, 0), "step": (1, 2)}),
        Sample((_draw(rng, 0),), {"shape": (3,), "start": (1,), "step": (1,)}),
        Sample((_draw(rng),), {"shape": (), "start": (), "step": ()}),
    ]


def _unslice(x: Any, *, shape: Ints, start: Ints, step: Ints) -> Any:
    out = np.zeros(shape, x.dtype)
    out[region(start, step, x.shape)] = x
    return out


def _unslice_batch(
    batch: Batch, x: Any, *, shape: Ints, start: Ints, step: Ints
) -> Any:
    shape = (batch.size, *shape)
    return unslice(x, shape=shape, start=(0, *start), step=(1, *step))


unslice = primitive(
    name="unslice",
    doc="Zeros of `shape` with `x` in the region that `start` and `step` begin.",
    reference=_unslice,
    type_rule=_unslice_type,
    vjp=(_unslice_vjp,),
    lower=Index(_unslice_lower),
    samples=_unslice_samples,
    batch=_unslice_batch,
    liveness="move",
    affine=True,
)


# --- update_slice -------------------------------------------------------------


def _update_type(x: ArrayType, v: ArrayType, *, start: Ints, step: Ints) -> ArrayType:
    if x.dtype != v.dtype:
        raise DTypeError(f"update_slice: operands of mixed dtype: {x!r}, {v!r}")
    _check_region("update_slice", x, start, step, v.shape)
    return x


def _update_vjp_x(
    ct: Any, out: Any, x: Any, v: Any, *, start: Ints, step: Ints
) -> Masked:
    def without(whole: Any, nothing: Any) -> Any:
        hole = broadcast_to(nothing, shape=v.shape)
        return update_slice(whole, hole, start=start, step=step)

    def live() -> Any:
        return without(broadcast_to(np.True_, shape=x.shape), np.False_)

    return Masked(without(ct, ct.dtype.type(0)), live)


def _update_vjp_v(ct: Any, out: Any, x: Any, v: Any, *, start: Ints, step: Ints) -> Any:
    stop = _stops(start, step, v.shape)
    return slice_(ct, start=start, stop=stop, step=step)


def _update_lower(k: Any, op: Any, index: list[Any]) -> Any:
    x, v = op.args
    if 0 in v.shape:
        return k.read(0, index)
    start, step = op.attr("start"), op.attr("step")
    inside, places = _locate(k, index, start, step, v.shape, x.shape)
    element = k.read(1, places)
    return element if inside is None else k.where(inside, element, k.read(0, index))


def _update_samples(rng: np.random.Generator) -> list[Sample]:
    x, v = _draw(rng, 4, 5), _draw(rng, 2, 3)
    return [
        Sample((x, v), {"start": (1, 0), "step": (2, 2)}),
        Sample((x, v[:0]), {"start": (1, 0), "step": (2, 2)}),
    ]


def _update(x: Any, v: Any, *, start: Ints, step: Ints) -> Any:
    out = np.array(x)
    out[region(start, step, v.shape)] = v
    return out


def _update_batch(batch: Batch, x: Any, v: Any, *, start: Ints, step: Ints) -> Any:
    x, v = batch.spread_all(x, v)
    return update_slice(x, v, start=(0, *start), step=(1, *step))


update_slice = primitive(
    name="update_slice",
    doc="`x` with `v` in the region that `start` and `step` begin.",
    reference=_update,
    type_rule=_update_type,
    vjp=(_update_vjp_x, _update_vjp_v),
    lower=Index(_update_lower),
    samples=_update_samples,
    batch=_update_batch,
    liveness="move",
    affine=True,
)
