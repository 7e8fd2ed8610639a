"""The derivative of a `switch` is a `switch` with the derivatives of its branches.

A branch of the reverse computes again what it needs of its forward half: the branch not
taken does not run in either direction, so what it would divide by zero is never seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapec.ir import Emitter, Function, Value
from tapec.ops.branches import switch
from tapec.passes.body_vjp import Joint, floating, is_zero, joint
from tapec.passes.residuals import repeated
from tapec.passes.scan_jvp import pushed
from tapec.passes.scan_vjp import zero

__all__ = ["switch_jvp", "switch_vjp"]


def switch_vjp(
    ct: Sequence[Any], args: Sequence[Any], bodies: Sequence[Function]
) -> list[Any]:
    """The cotangents of the operands; None where no branch has one."""
    index, *operands = args
    seeded = tuple(i for i, c in enumerate(ct) if not is_zero(c))
    steps = [joint(body, seeded, floating(body.params)) for body in bodies]
    wanted = [
        i
        for i in range(len(operands))
        if any(step.grads[i] is not None for step in steps)
    ]
    if not wanted:
        return [None] * len(args)
    branches = {
        f"branch{number}": _backward(step, wanted) for number, step in enumerate(steps)
    }
    found = switch(index, *operands, *[ct[i] for i in seeded], **branches)
    back: list[Any] = [None] * len(args)
    for i, grad in zip(wanted, found, strict=True):
        back[i + 1] = grad
    return back


def _backward(step: Joint, wanted: Sequence[int]) -> Function:
    """The gradient of a branch by the operands `wanted`, zeros where it has none."""
    params = (*step.params, *step.cts)
    grads = [g for g in step.grads if g is not None]
    emit = Emitter(step.function.next_uid)
    for op in repeated(step.function, grads, params):
        emit.keep(op)
    results = [step.grads[i] or zero(emit, step.params[i].type) for i in wanted]
    return Function(step.function.name, params, emit.ops, results)


def switch_jvp(
    tangents: Sequence[Any], args: Sequence[Any], bodies: Sequence[Function]
) -> list[Any] | None:
    """The tangents of the results; None where no branch has one."""
    index, *operands = args
    moving = tuple(i for i, t in enumerate(tangents[1:]) if t is not None)
    steps = [pushed(body, moving) for body in bodies]
    count = len(bodies[0].results)
    wanted = sorted({i for step in steps for i in step.moved})
    if not wanted:
        return None
    branches = {}
    for number, step in enumerate(steps):
        fn = step.function
        change = dict(zip(step.moved, fn.results[count:], strict=True))
        emit = Emitter(fn.next_uid)
        for op in fn.ops:
            emit.keep(op)
        results: list[Value] = [
            change[i] if i in change else zero(emit, fn.results[i].type) for i in wanted
        ]
        branches[f"branch{number}"] = Function(fn.name, fn.params, emit.ops, results)
    given = [tangents[1 + i] for i in moving]
    found = switch(index, *operands, *given, **branches)
    back: list[Any] = [None] * count
    for i, t in zip(wanted, found, strict=True):
        back[i] = t
    return back
