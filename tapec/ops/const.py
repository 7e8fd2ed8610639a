"""Values that come from nowhere, and from ops with several results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tapec.ir import ArrayType, Constant, Function, TupleType, Value, substitute
from tapec.primitive import HOST, Sample, View, no_samples, primitive

__all__ = ["const", "item", "with_constants"]


def _const_type(*, value: Constant) -> ArrayType:
    return ArrayType(value.array.dtype, value.array.shape)


def _const(*, value: Constant) -> np.ndarray[Any, Any]:
    return value.array


def _const_samples(rng: np.random.Generator) -> list[Sample]:
    arrays = (
        np.array(2.5),
        np.arange(3),
        np.array([[True], [False]]),
        np.zeros((0, 2)),
    )
    return [Sample((), {"value": Constant(a)}) for a in arrays]


const = primitive(
    name="const",
    doc="An array that is part of the program.",
    reference=_const,
    type_rule=_const_type,
    vjp=(),
    lower=HOST,
    samples=_const_samples,
    liveness="keep",
    affine=True,
)


def with_constants(fn: Function, arrays: Mapping[Value, Any]) -> Function:
    """`fn` with some parameters replaced by constants."""
    if not arrays:
        return fn
    new = {
        p: Value(const, (), (("value", Constant(a)),), p.type, p.uid, p.name)
        for p, a in arrays.items()
    }
    return substitute(fn, new)


def _item_type(t: TupleType, *, index: int) -> ArrayType:
    if not isinstance(t, TupleType):
        raise TypeError(f"item: the operand has one result only, of type {t!r}")
    if not 0 <= index < len(t.items):
        raise TypeError(f"item: there is no result {index} in {t!r}")
    return t.items[index]


def _item(results: tuple[Any, ...], *, index: int) -> Any:
    return results[index]


def _item_vjp(ct: Any, out: Any, results: Any, *, index: int) -> list[Any]:
    parts: list[Any] = [None] * len(results)
    parts[index] = ct
    return [tuple(parts)]


item = primitive(
    name="item",
    doc="One of the results of an op with several.",
    reference=_item,
    type_rule=_item_type,
    vjp=_item_vjp,
    lower=View(),
    samples=no_samples,
    liveness="keep",
    affine=True,
)
