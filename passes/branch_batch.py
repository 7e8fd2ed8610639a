"""Branches and loops with a condition, for a whole batch.

Elements that agree on the way take it together. Where each decides for itself, every
branch runs for all and each element takes its own result; a loop runs until the last
element is done, the others keep what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.ir import ArrayType, Function
from tapec.ops.branches import switch
from tapec.ops.const import with_constants
from tapec.ops.custom import replayed
from tapec.ops.while_loop import while_loop
from tapec.passes.scan_batch import varying
from tapec.recording import Trace, recording_in
from tapec.tensor import FUNCTIONS, Tensor

__all__ = ["switch_batch", "while_batch"]


def switch_batch(
    batch: Batch, args: Sequence[Any], branches: dict[str, Function]
) -> tuple[Any, ...]:
    """The results of a switch whose operands `batch.which` have the new axis."""
    index, *operands = args
    inputs = [i for i, has in enumerate(batch.which[1:]) if has]
    bodies = {name: batch.body(body, inputs) for name, body in branches.items()}
    if not batch.which[0]:
        found: tuple[Any, ...] = switch(index, *operands, **bodies)
        return found
    chosen, *others = (replayed(body, operands) for body in bodies.values())
    for number, outs in enumerate(others, 1):
        later = np.greater_equal(index, number)
        pairs = zip(outs, chosen, strict=True)
        chosen = [_where(later, a, b) for a, b in pairs]
    return tuple(chosen)


def _where(test: Any, yes: Any, no: Any) -> Any:
    """Element choice along the first axis."""
    column = np.reshape(test, (*test.shape, *[1] * (len(yes.shape) - 1)))
    return FUNCTIONS[np.where](column, yes, no)


def while_batch(
    batch: Batch, args: Sequence[Any], *, cond: Function, body: Function, carries: int
) -> tuple[Any, ...]:
    """The results of a loop whose operands `batch.which` have the new axis."""
    which = list(batch.which)
    for _ in range(carries):
        found = varying(body, which)[:carries]
        which[:carries] = [a or b for a, b in zip(which, found, strict=False)]
    apart = varying(cond, which)[0]
    if apart:
        which[:carries] = [True] * carries
    inputs = [i for i, has in enumerate(which) if has]
    operands = [batch.spread(i, x) if which[i] else x for i, x in enumerate(args)]
    test = batch.body(cond, inputs, None if apart else [])
    step = batch.body(body, inputs, [i for i in range(carries) if which[i]])
    if apart:
        test, step = _until_the_last(test, step, carries)
    out = while_loop(*operands, cond=test, body=step, carries=carries)
    everywhere = FUNCTIONS[np.broadcast_to]
    return tuple(
        x if has else everywhere(x, (batch.size, *x.shape))
        for x, has in zip(out, which, strict=False)
    )


def _until_the_last(
    test: Function, step: Function, carries: int
) -> tuple[Function, Function]:
    """Condition and step of a loop in which every element has its own condition."""

    def some(params: list[Tensor]) -> list[Any]:
        return [FUNCTIONS[np.any](replayed(test, params)[0])]

    def those(params: list[Tensor]) -> list[Any]:
        (holds,) = replayed(test, params)
        pairs = zip(replayed(step, params), params[:carries], strict=True)
        return [_where(holds, new, old) for new, old in pairs]

    types = [p.type for p in step.params]
    return _traced(test.name, types, some), _traced(step.name, types, those)


def _traced(
    name: str, types: Sequence[ArrayType], f: Callable[[list[Tensor]], list[Any]]
) -> Function:
    trace = Trace(name)
    params = [Tensor(trace, trace.add_param(t), t) for t in types]
    with recording_in(trace):
        outs = [t.value for t in f(params)]
    made = Function(name, [*trace.params, *trace.leaves], trace.values, outs)
    return with_constants(made, trace.leaves)
