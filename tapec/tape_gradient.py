"""The gradient of a tape: one cached program, or ops appended to a recording."""

from __future__ import annotations

from typing import Any

from tapec.ir import Function, Value
from tapec.ops.custom import replayed
from tapec.passes.rolling.recorded import rolled_again
from tapec.recording import Array, Recording, array_of, recording_in, state
from tapec.tape_again import keep_answer
from tapec.tape_program import (
    GradientProgram,
    Request,
    backward,
    is_outside,
    numbers_of,
    sum_of,
)
from tapec.tensor import Tensor, as_tensor

__all__ = ["GradientProgram", "Request", "gradients", "recorded_gradient"]


def gradients(request: Request) -> list[Tensor | None]:
    """One gradient per source: recorded if it may be differentiated, else computed."""
    if request.inline:
        with recording_in(request.rec):
            return _record(request)
    if state.recording is not None and state.recording is not request.rec:
        return _record_elsewhere(request, state.recording)
    program = GradientProgram(request)
    found = program.run([ct for ct in request.cts if ct is not None])
    keep_answer(program)
    return [
        None if g is None else Tensor(None, None, group[0].type, g)
        for g, group in zip(found, request.wrt)  # noqa: B905
    ]


# --- appended to the recording --------------------------------------------------


def _record(request: Request) -> list[Tensor | None]:
    rec, span = request.rec, request.span
    flat = list(dict.fromkeys(v for group in request.wrt for v in group))
    new: dict[Value, Value] = {}
    end = rec.position
    if rec.is_trace:
        wanted = [*request.targets, *flat]
        new = rolled_again(
            rec, span.first, wanted, flat, lambda op: is_outside(span, op)
        )
    targets = [new.get(v, v) for v in request.targets]
    fn, _ = rec.function(targets, whole=True)
    seeds = [
        None if ct is None else _seed(ct, v)
        for v, ct in zip(targets, request.cts, strict=True)
    ]
    found = backward(
        rec, fn, targets, [new.get(v, v) for v in flat], seeds,
        lambda op: op.uid < end and span.cuts(op),
    )  # fmt: skip
    by_value = dict(zip(flat, found, strict=True))
    return [sum_of([by_value[v] for v in group]) for group in request.wrt]


def _seed(ct: Any, value: Value) -> Tensor:
    t = as_tensor(ct)
    return t if t.dtype == value.dtype else t.astype(value.dtype)


def _record_elsewhere(request: Request, rec: Recording) -> list[Tensor | None]:
    """The gradient of a tape that has ended, as ops of the recording now open."""
    program = GradientProgram(request, keep=False)
    leaves = [rec.leaf(array, array) for array in program.sources]
    operands = [Tensor(rec, leaf, leaf.type) for leaf in leaves]
    operands += [_seed(ct, v) for v, ct in request.given]
    fn, places = program.build(program.fn)
    found = replayed(fn, operands)
    return program.by_source(found, places)


def recorded_gradient(request: Request) -> tuple[Function, list[Array]]:
    """The program of `request` before any pass, and what its parameters are.

    No arrays if the recording has been freed.
    """
    program = GradientProgram(request, keep=False)
    fn, _ = program.build(program.fn)
    if any(s is None for s in program.sources):
        return fn, []
    cts = [numbers_of(ct, v) for v, ct in request.given]
    return fn, [array_of(s) for s in program.sources] + cts
