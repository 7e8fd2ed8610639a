"""Branches and loops with a condition, for a whole batch.

Elements that agree on the way take it together. Where each decides for itself, every
branch runs for all and each element takes its own result; a loop runs until the last
element is done, the others keep what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.batching import Batch
from tapec.ir import ArrayType, Function
from tapec.ops.branches import switch
from tapec.ops.const import with_constants
from tapec.ops.custom import replayed
from tapec.ops.while_loop import while_loop
from tapec.passes.scan_batch import varying
from tapec.passes.while_rules import plain_loop, while_vjp
from tapec.recording import Trace, recording_in
from tapec.tensor import FUNCTIONS, Tensor

__all__ = ["switch_batch", "while_batch", "while_reverse_batch"]


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
    loop = _batched(batch, args, batch.which, cond, body, carries)
    out = while_loop(*loop.operands, **loop.attrs)
    return tuple(_spread(batch, *pair) for pair in zip(out, loop.which, strict=False))


def while_reverse_batch(
    batch: Batch, args: Sequence[Any], *, cond: Function, body: Function,
    back: Function, carries: int, bars: tuple[int, ...], sums: tuple[int, ...],
) -> tuple[Any, ...]:  # fmt: skip
    """The cotangents of what a loop starts from: those of the loop for the batch.

    Elements have nothing to do with each other, so each gets its own: what all of them
    read, and want a cotangent of, is repeated first. A step is recorded for all of them
    at once, those that are done included; its cotangent passes these by.
    """
    plain = plain_loop(args, cond, body, carries, bars)
    sources = [*bars, *(carries + i for i in sums)]
    which = [
        has or i in sources for i, has in enumerate(batch.which[: len(plain.args)])
    ]
    loop = _batched(batch, plain.args, which, **plain.attrs)
    seeds: list[Any] = [None] * carries
    for i, (c, ct) in enumerate(plain.cts.items(), len(plain.args)):
        seeds[c] = batch.spread(i, ct)
    found = while_vjp(seeds, loop.operands, **loop.attrs)
    zeros = FUNCTIONS[np.zeros_like]
    return tuple(
        zeros(loop.operands[i]) if found[i] is None else found[i] for i in sources
    )


def _spread(batch: Batch, x: Any, has: bool) -> Any:
    return x if has else FUNCTIONS[np.broadcast_to](x, (batch.size, *x.shape))


class _Batched(NamedTuple):
    """A loop for all elements; `which` of its operands have their axis."""

    operands: list[Any]
    which: list[bool]
    attrs: dict[str, Any]


def _batched(
    batch: Batch, args: Sequence[Any], which: Sequence[bool], cond: Function,
    body: Function, carries: int,
) -> _Batched:  # fmt: skip
    """The loop in which at least the operands `which` have the axis."""
    which = list(which)
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
    return _Batched(operands, which, {"cond": test, "body": step, "carries": carries})


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
