"""The reverse of `scan` is a scan that runs the other way.

    forward    c, w, x[t]  ->  c', y[t]            and the residuals r[t]
    reverse    c̄', w̄, w, r[t], x[t], ȳ[t]  ->  c̄, w̄ + dw, x̄[t]

Cotangents of carries are carries, those of invariants are accumulated, those of inputs
are outputs. The reverse reads what it needs of the forward values from stacked outputs
that a second, longer forward scan has; the pass `loops` makes the two one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.ir import ArrayType, Constant, Emitter, Extent, Function, Value
from tapec.ops.arithmetic import add
from tapec.ops.const import const
from tapec.ops.control import scan
from tapec.ops.shape import broadcast_to
from tapec.passes.body_vjp import Joint, floating, is_zero, joint, shortened
from tapec.passes.residuals import chosen, repeated
from tapec.passes.rules import filled
from tapec.recording import state

__all__ = ["Reverse", "closed", "longer", "scan_vjp", "zero"]


def scan_vjp(
    ct: Sequence[Any], out: Sequence[Any], args: Sequence[Any], *, body: Function,
    carries: int, invariants: int, length: Extent, reverse: bool,
) -> list[Any]:  # fmt: skip
    """The cotangents of the operands; None where there is none."""
    seeded = [i for i, c in enumerate(ct) if not is_zero(c)]
    step, seeded = closed(body, carries, seeded)
    shared = carries + invariants
    free = {*step.params[carries:]}
    stored = chosen(step.reads, free, length)
    backward = Reverse(step, stored, seeded, carries, invariants)
    attrs = {"length": length, "reverse": reverse}
    residuals = _residuals(step, stored, out, args, {
        "carries": carries, "invariants": invariants, **attrs,
    })  # fmt: skip
    inputs = [
        *[ct[i] for i in seeded if i < carries],
        *[filled(_recording(), args[i].type, 0.0) for i in backward.accumulated],
        *[args[i] for i in backward.read if i < shared],
        *residuals,
        *[args[i] for i in backward.read if i >= shared],
        *[ct[i] for i in seeded if i >= carries],
    ]
    if not backward.function.results:
        return [None] * len(args)
    count = len(backward.bars) + len(backward.accumulated)
    found = scan(
        *inputs, body=backward.function, carries=count,
        invariants=sum(i < shared for i in backward.read),
        length=length, reverse=not reverse,
    )  # fmt: skip
    back: list[Any] = [None] * len(args)
    for i, cotangent in zip(backward.places, found, strict=True):
        back[i] = cotangent
    return back


def _recording() -> Any:
    assert state.recording is not None
    return state.recording


def closed(body: Function, carries: int, seeded: list[int]) -> tuple[Joint, list[int]]:
    """The gradient of a step, with every carry whose cotangent becomes nonzero."""
    wrt = floating(body.params)
    while True:
        step = joint(body, tuple(seeded), wrt)
        reached = {i for i in wrt if i < carries and step.grads[i] is not None}
        if reached <= {*seeded}:
            return shortened(body, tuple(seeded), wrt), seeded
        seeded = sorted(reached | {*seeded})


def _residuals(
    step: Joint, stored: list[Value], out: Sequence[Any], args: Sequence[Any],
    attrs: dict[str, Any],
) -> list[Any]:  # fmt: skip
    """The stored values of all steps: outputs of the scan, or of one with more."""
    carries = attrs["carries"]
    known = dict(zip(step.results[carries:], out[carries:], strict=True))
    new = [v for v in stored if v not in known]
    if new:
        rec = _recording()
        (loop,) = out[0].value.args
        before, rec.meta = rec.meta, loop.meta  # it is still the forward loop
        try:
            every = scan(*args, body=longer(step, new), **attrs)
        finally:
            rec.meta = before
        known.update(zip(new, every[len(step.results) :], strict=True))
    return [known[v] for v in stored]


def longer(step: Joint, stored: list[Value]) -> Function:
    """The forward half of a step with more results."""
    results = (*step.results, *stored)
    ops = repeated(step.function, results, step.params)
    return Function("body", step.params, ops, results)


class Reverse:
    """The body of the reverse scan.

    bars: the carries with a cotangent. accumulated: operands whose cotangents are sums
    over the steps. read: invariants and inputs of the forward scan that it needs.
    places: the operand that each of its results is the cotangent of. whole: whether it
    has every invariant as a parameter, read or not.
    """

    def __init__(
        self, step: Joint, stored: list[Value], seeded: list[int], carries: int,
        invariants: int, whole: bool = False,
    ) -> None:  # fmt: skip
        shared = carries + invariants
        there = {i for i, g in enumerate(step.grads) if g is not None}
        self.step = step
        self.bars = [i for i in seeded if i < carries]
        self.accumulated = sorted(i for i in there if carries <= i < shared)
        self.stacked = sorted(i for i in there if i >= shared)
        self.places = [*self.bars, *self.accumulated, *self.stacked]
        self.ops = self._ops(stored)
        wanted = {a for op in self.ops for a in op.args}
        wanted |= {g for g in step.grads if g is not None}
        self.read = [
            i
            for i, p in enumerate(step.params)
            if i >= carries and (p in wanted or whole)
        ]
        self.function = self._function(stored, seeded, carries, shared)

    def _ops(self, stored: list[Value]) -> list[Value]:
        """The backward half and what it computes again."""
        step = self.step
        results = [g for g in step.grads if g is not None]
        return repeated(step.function, results, {*step.params, *step.cts, *stored})

    def _function(
        self, stored: list[Value], seeded: list[int], carries: int, shared: int
    ) -> Function:
        step = self.step
        emit = Emitter(step.function.next_uid)
        cts = dict(zip(seeded, step.cts, strict=True))
        new = {v: self._param(emit, v) for v in stored}
        accumulators = [self._param(emit, step.params[i]) for i in self.accumulated]
        params = [
            *[cts[i] for i in self.bars],
            *accumulators,
            *[step.params[i] for i in self.read if i < shared],
            *new.values(),
            *[step.params[i] for i in self.read if i >= shared],
            *[cts[i] for i in seeded if i >= carries],
        ]
        for op in self.ops:
            args = tuple([new.get(a, a) for a in op.args])
            new[op] = emit.keep(
                Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            )
        grads = {i: new.get(g, g) for i, g in enumerate(step.grads) if g is not None}
        results = [
            grads[i] if i in grads else zero(emit, step.params[i].type)
            for i in self.bars
        ]
        for i, total in zip(self.accumulated, accumulators, strict=True):
            results.append(emit.new(add, total, grads[i]))
        results += [grads[i] for i in self.stacked]
        return Function("reverse", params, emit.ops, results)

    def _param(self, emit: Emitter, like: Value) -> Value:
        made = emit.make(None, (), (), like.type)
        emit.ops.pop()
        return made


def zero(emit: Emitter, type_: ArrayType) -> Value:
    """An op that is zero everywhere."""
    number = emit.new(const, value=Constant(np.zeros((), type_.dtype)))
    return emit.new(broadcast_to, number, shape=type_.shape) if type_.shape else number
