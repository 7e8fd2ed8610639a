"""The one op that sees how large a program's arrays are when it runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import ArrayType, Extent
from tapec.primitive import Sample, Scalar, primitive

__all__ = ["SIZE", "extent"]

SIZE = ArrayType(np.dtype(np.int64))


def _extent_type(*, of: Extent) -> ArrayType:
    return SIZE


def _extent(*, of: Any) -> Any:
    return np.int64(of)


def _extent_lower(b: Any, *, of: Extent) -> Any:
    return b.extent(of)


def _extent_samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((), {"of": 5})]


extent = primitive(
    name="extent",
    doc="The symbolic extent `of`, such as `n` or `2*n-1`, as a number.",
    reference=_extent,
    type_rule=_extent_type,
    vjp=None,
    lower=Scalar(_extent_lower),
    samples=_extent_samples,
)
