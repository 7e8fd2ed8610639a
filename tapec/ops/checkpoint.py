"""Values that are computed again when their gradient is taken, instead of kept.

`checkpoint %y, %x body=@f` is `y`, which is `@f(x)` as it happened to be computed. Its
gradient computes `@f(barrier(x, ct))` once more: the barrier keeps `cse` from merging
that with the first time, and it cannot start before the cotangent is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.ir import ArrayType, Function, TupleType
from tapec.ops.control import param_types, result_types, typed
from tapec.primitive import HOST, Sample, View, no_samples, primitive

__all__ = ["barrier", "checkpoint"]


# --- barrier ----------------------------------------------------------------------


def _first(x: Any, *others: Any) -> Any:
    return x


def _barrier_vjp(ct: Any, out: Any, x: Any, *others: Any) -> list[Any]:
    return [ct, *[None] * len(others)]


def _barrier_batch(batch: Batch, x: Any, *others: Any) -> Any:
    found = barrier(x, *others)
    return found if batch.which[0] else found.value


def _barrier_samples(rng: np.random.Generator) -> list[Sample]:
    x, y = rng.uniform(-1.0, 1.0, (2, 2, 3))
    return [Sample((x, y)), Sample((x, y[0], np.arange(3))), Sample((x[0, 0], y))]


barrier = primitive(
    name="barrier",
    doc="The first operand, not before the others are known.",
    reference=_first,
    type_rule=_first,
    vjp=_barrier_vjp,
    lower=View(),
    samples=_barrier_samples,
    batch=_barrier_batch,
    liveness="keep",
    affine=True,
)


# --- checkpoint -------------------------------------------------------------------


def _checkpoint(*args: Any, body: Function) -> Any:
    n = len(body.results)
    return args[0] if n == 1 else args[:n]


def _checkpoint_type(*types: ArrayType, body: Function) -> ArrayType | TupleType:
    n = len(body.results)
    typed("checkpoint", "result", types[:n], result_types(body))
    typed("checkpoint", "operand", types[n:], param_types(body))
    return types[0] if n == 1 else TupleType(tuple(types[:n]))


def _checkpoint_vjp(ct: Any, out: Any, *args: Any, body: Function) -> list[Any]:
    from tapec.passes.recompute import checkpoint_vjp

    n = len(body.results)
    return [None] * n + checkpoint_vjp((ct,) if n == 1 else ct, args[n:], body)


def _checkpoint_jvp(tangents: Any, out: Any, *args: Any, body: Function) -> Any:
    n = len(body.results)
    return tangents[0] if n == 1 else tuple(tangents[:n])


def _checkpoint_batch(batch: Batch, *args: Any, body: Function) -> Any:
    n = len(body.results)
    outs = [batch.spread(i, x) for i, x in enumerate(args[:n])]
    inputs = [i for i, has in enumerate(batch.which[n:]) if has]
    return checkpoint(*outs, *args[n:], body=batch.body(body, inputs))


# Liveness "drop": the body may mix the elements of its cotangent.
checkpoint = primitive(
    name="checkpoint",
    doc="The first operands, which `body` makes from the others and makes again for "
    "their gradient.",
    reference=_checkpoint,
    type_rule=_checkpoint_type,
    vjp=_checkpoint_vjp,
    jvp=_checkpoint_jvp,
    lower=HOST,
    samples=no_samples,
    batch=_checkpoint_batch,
    liveness="drop",
)
