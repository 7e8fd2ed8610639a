"""Branches: one of several bodies runs, the others do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import DTypeError, ShapeError
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Emitter, Function, TupleType, Value
from tapec.ops.control import Run, param_types, result_types, typed
from tapec.primitive import HOST, PRIMITIVES, Sample, primitive

__all__ = ["run_switch", "switch"]


def _switch_type(
    index: ArrayType, *types: ArrayType, **branches: Function
) -> TupleType:
    if index.shape != ():
        raise ShapeError(f"switch: the index is no scalar but {index!r}")
    if index.dtype.kind not in "biu":
        raise DTypeError(f"switch: the index is no integer but {index!r}")
    if not branches:
        raise TypeError("switch: there is no branch")
    first = result_types(next(iter(branches.values())))
    for body in branches.values():
        typed("switch", "operand", types, param_types(body))
        typed("switch", "result", result_types(body), first)
    return TupleType(tuple(first))


def _switch(*args: Any, **branches: Function) -> tuple[Any, ...]:
    return run_switch(evaluate, args, **branches)


def run_switch(run: Run, args: Any, **branches: Function) -> tuple[Any, ...]:
    """The meaning of `switch`; `run(fn, *arrays)` is how branches are run."""
    index, *operands = args
    bodies = list(branches.values())
    return tuple(run(bodies[min(max(int(index), 0), len(bodies) - 1)], *operands))


def _switch_vjp(ct: Any, out: Any, *args: Any, **branches: Function) -> list[Any]:
    from tapec.passes.switch_rules import switch_vjp

    return switch_vjp(ct, args, list(branches.values()))


def _switch_jvp(tangents: Any, out: Any, *args: Any, **branches: Function) -> Any:
    from tapec.passes.switch_rules import switch_jvp

    return switch_jvp(tangents, args, list(branches.values()))


def _switch_batch(batch: Batch, *args: Any, **branches: Function) -> Any:
    from tapec.passes.branch_batch import switch_batch

    return switch_batch(batch, args, branches)


def _switch_samples(rng: np.random.Generator) -> list[Sample]:
    names = ("sin", "multiply")
    x, y = (Value(None, (), (), ArrayType(np.float64, (3,)), uid) for uid in range(2))
    branches = {}
    for number, name in enumerate(names):
        emit = Emitter(2)
        args = (x, y)[: number + 1]
        results = [emit.new(PRIMITIVES[name], *args), x]
        branches[f"branch{number}"] = Function(name, [x, y], emit.ops, results)
    arrays = rng.uniform(-1.0, 1.0, (2, 3))
    return [Sample((np.array(index), *arrays), branches) for index in (0, 1, 7, True)]


switch = primitive(
    name="switch",
    doc="The results of the branch that the first operand numbers; an index that is "
    "out of range stands for the nearest one.",
    reference=_switch,
    type_rule=_switch_type,
    vjp=_switch_vjp,
    jvp=_switch_jvp,
    batch=_switch_batch,
    lower=HOST,
    samples=_switch_samples,
)
