"""Several ops as one kernel: what the pass `fuse` makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import (
    ArrayType,
    Function,
    TupleType,
    Type,
    Value,
    dims_of,
    with_sizes,
)
from tapec.primitive import HOST, Sample, primitive

__all__ = ["fused"]


def _sized(body: Function, sizes: tuple[int, ...]) -> Function:
    return with_sizes(body, dict(zip(dims_of(body), sizes, strict=True)))


def _fused_type(
    *types: ArrayType, body: Function, sizes: tuple[int, ...] | None = None
) -> Type:
    body = body if sizes is None else _sized(body, sizes)
    wanted = tuple(p.type for p in body.params)
    if types != wanted:
        raise TypeError(f"fused: operands {types} for parameters {wanted}")
    results = tuple(r.type for r in body.results)
    return results[0] if len(results) == 1 else TupleType(results)


def _fused(*arrays: Any, body: Function, sizes: tuple[int, ...] | None = None) -> Any:
    from tapec.interpret import evaluate

    body = body if sizes is None else _sized(body, sizes)
    results = evaluate(body, *arrays)
    return results[0] if len(results) == 1 else results


def _fused_samples(rng: np.random.Generator) -> list[Sample]:
    from tapec.ops.arithmetic import add, multiply

    t = ArrayType(np.float64, (2, 3))
    x, y = (Value(None, (), (), t, uid) for uid in range(2))
    total = Value(add, (x, y), (), t, 2)
    product = Value(multiply, (total, y), (), t, 3)
    arrays = tuple(rng.uniform(-1.0, 1.0, (2, 2, 3)))
    bodies = [
        Function("kernel", [x, y], [total, product], results)
        for results in ([product], [total, product])
    ]
    return [Sample(arrays, {"body": body}) for body in bodies]


fused = primitive(
    name="fused",
    doc="A kernel: the results of `body`, computed together in one sweep, where its "
    "symbolic extents have these `sizes`.",
    reference=_fused,
    type_rule=_fused_type,
    vjp=None,
    lower=HOST,
    samples=_fused_samples,
)
