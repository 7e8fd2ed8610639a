"""Forward mode of `scan`: the same loop, every value with its tangent beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tapec.ir import Extent, Function, Value, quiet
from tapec.ops.const import with_constants
from tapec.ops.control import scan
from tapec.passes.body_vjp import remembered, tidy
from tapec.passes.jvp import pushforward
from tapec.passes.rules import differentiable, filled
from tapec.recording import Trace, recording_in, state
from tapec.tensor import Tensor

__all__ = ["Pushed", "closed", "interleaved", "pushed", "scan_jvp"]


class Pushed(NamedTuple):
    """A body with tangents.

    function: parameters are the body's, then a tangent per entry of `moving`; results
    are the body's, then the tangents of those results that have one.
    """

    function: Function
    moving: tuple[int, ...]
    moved: tuple[int, ...]


@remembered
def pushed(body: Function, moving: tuple[int, ...]) -> Pushed:
    """Differentiate a body along directions of the parameters `moving`.

    What the body prints and asserts is left to the loop without tangents.
    """
    body = quiet(body)
    trace = Trace.extending(body)
    tangents: dict[Value, Tensor] = {}
    for i in moving:
        p = trace.add_param(body.params[i].type)
        tangents[body.params[i]] = Tensor(trace, p, p.type)
    with recording_in(trace):
        found = pushforward(trace, body.ops, tangents, body.results)
    moved = [i for i, t in enumerate(found) if t is not None]
    results = [*body.results, *(found[i].value for i in moved)]  # type: ignore[union-attr]
    params = [*trace.params, *trace.leaves]
    made = Function(f"{body.name}.jvp", params, trace.values, results)
    return Pushed(tidy(with_constants(made, trace.leaves)), moving, tuple(moved))


def scan_jvp(
    tangents: Sequence[Any], out: Sequence[Any], *args: Any, body: Function,
    carries: int, invariants: int, length: Extent, reverse: bool,
) -> list[Any]:  # fmt: skip
    """The tangents of the results; None where there is none."""
    rec = state.recording
    assert rec is not None
    given = {i: t for i, t in enumerate(tangents) if t is not None}
    step = closed(body, carries, given)
    for i in step.moving:
        if i not in given:
            given[i] = filled(rec, args[i].type, 0.0)
    shared = carries + invariants
    cuts = [range(carries), range(carries, shared), range(shared, len(args))]
    moving = [[i for i in part if i in given] for part in cuts]
    found = scan(
        *[x for part, more in zip(cuts, moving, strict=True)
          for x in (*[args[i] for i in part], *[given[i] for i in more])],
        body=interleaved(step, carries, cuts, moving),
        carries=carries + len(moving[0]), invariants=invariants + len(moving[1]),
        length=length, reverse=reverse,
    )  # fmt: skip
    back: list[Any] = [None] * len(out)
    for place, i in enumerate(moving[0], carries):
        back[i] = found[place]
    outputs = [i for i in step.moved if i >= carries]
    first = len(out) + len(moving[0])
    for place, i in enumerate(outputs, first):
        back[i] = found[place]
    return back


def closed(body: Function, carries: int, given: dict[int, Any]) -> Pushed:
    """The derivative of a step, with every carry whose tangent becomes nonzero."""
    moving = {i for i in given if differentiable(body.params[i].type)}
    while True:
        step = pushed(body, tuple(sorted(moving)))
        reached = {i for i in step.moved if i < carries}
        if reached <= moving:
            return step
        moving |= reached


def interleaved(
    step: Pushed, carries: int, cuts: list[range], moving: list[list[int]]
) -> Function:
    """The body with carries, invariants and inputs together with their tangents."""
    fn = step.function
    count = len(fn.params) - len(step.moving)
    tangent = dict(zip(step.moving, fn.params[count:], strict=True))
    params: list[Value] = []
    for part, more in zip(cuts, moving, strict=True):
        params += [*[fn.params[i] for i in part], *[tangent[i] for i in more]]
    results = fn.results[: len(fn.results) - len(step.moved)]
    change = dict(zip(step.moved, fn.results[len(results) :], strict=True))
    trace = Trace.extending(fn)
    with recording_in(trace):
        following = [
            change[i] if i in change else filled(trace, results[i].type, 0.0).value
            for i in moving[0]
        ]
    outputs = [change[i] for i in step.moved if i >= carries]
    every = [*results[:carries], *following, *results[carries:], *outputs]
    return Function(fn.name, params, trace.values, every)
