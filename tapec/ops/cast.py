"""Ops that hand their operand on: in another dtype, as a new source, cut off."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.ir import ArrayType
from tapec.primitive import Sample, Scalar, primitive

__all__ = ["cast", "copy", "stop_gradient"]

Array = np.ndarray[Any, Any]


def _same_type(x: ArrayType) -> ArrayType:
    return x


def _same(x: Array) -> Array:
    return x


def _pass_on(ct: Any, out: Any, x: Any, **attrs: Any) -> Any:
    return ct


def _samples(rng: np.random.Generator) -> list[Sample]:
    shapes = ((2, 3), (), (0, 3))
    return [Sample((rng.uniform(-1.0, 1.0, shape),)) for shape in shapes]


# --- cast ---------------------------------------------------------------------


def _cast(x: Array, *, dtype: Any) -> Array:
    x = np.asarray(x)
    if x.dtype.kind == "c" and np.dtype(dtype).kind in "iuf":
        x = x.real
    return x.astype(dtype)


def _cast_type(x: ArrayType, *, dtype: Any) -> ArrayType:
    return ArrayType(dtype, x.shape)


def _cast_samples(rng: np.random.Generator) -> list[Sample]:
    pairs = [("d", "f"), ("f", "d"), ("d", "l"), ("l", "d"), ("d", "D"), ("D", "d")]
    pairs += [("D", "F"), ("d", "?"), ("?", "d"), ("l", "B"), ("d", "e"), ("D", "?")]
    pairs += [("d", "l"), ("f", "b"), ("D", "l"), ("e", "d")]
    samples = []
    for source, target in pairs:
        x = rng.uniform(-3.0, 3.0, (2, 3)).astype(source)
        samples.append(Sample((x,), {"dtype": np.dtype(target)}))
    return samples


# The vjp pass casts every cotangent to its operand's dtype, so the rule has no work.
cast = primitive(
    name="cast",
    doc="The same numbers in another dtype; the imaginary part goes with a real one.",
    reference=_cast,
    type_rule=_cast_type,
    vjp=(_pass_on,),
    lower=Scalar(lambda b, x, *, dtype: b.cast(x, dtype)),
    samples=_cast_samples,
    batch=aligned,
    liveness="keep",
    affine=True,
)


# --- identities ---------------------------------------------------------------

copy = primitive(
    name="copy",
    doc="The same numbers as a value of its own, which a gradient can be taken for.",
    reference=_same,
    type_rule=_same_type,
    vjp=(_pass_on,),
    lower=Scalar(lambda b, x: x),
    samples=_samples,
    batch=aligned,
    liveness="keep",
    affine=True,
)

stop_gradient = primitive(
    name="stop_gradient",
    doc="The same numbers, constant as far as gradients are concerned.",
    reference=_same,
    type_rule=_same_type,
    vjp=None,
    lower=Scalar(lambda b, x: x),
    samples=_samples,
    batch=aligned,
    liveness="keep",
)
