"""A gradient that was asked for before, at the end of the same trail.

A training loop asks each of its recordings the same: about the same value of the trail,
about variables that were read, while the same tensors are alive. Then nothing has
to be worked out, and one look at what there is leads to the program:

    answered(rec, rec.step.answer, target.value, variables, last)

None: it has to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tapec.ir import Value
from tapec.passes.extensions import added
from tapec.recording import Recording
from tapec.tape_program import GradientProgram
from tapec.tape_sources import are_read
from tapec.tensor import Tensor

__all__ = ["Answer", "answered", "keep_answer"]


class Answer(NamedTuple):
    """What was asked of a tape without gaps, and how it was answered.

    owners: by read, the number of its source (or -1) and the leaf. wrt: the values of
    each source. pending: those of the live tensors without numbers. passes: the user's
    own. plan: of the program. types: of the gradients.
    """

    target: Value
    owners: list[tuple[int, Value]]
    wrt: list[tuple[Value, ...]]
    pending: list[Value]
    passes: Any
    plan: Any
    types: list[Any]


def keep_answer(program: GradientProgram) -> None:
    """Note how a question about variables that were read was answered."""
    request = program.request
    step = request.rec.step
    asked = None if step is None else step.asked
    if step is None or asked is None or request.wrt is not asked[1]:
        return
    targets, given, _, _, pending, passes = program.question
    if given == (False,):
        owners, wrt = asked
        types = [group[0].type for group in wrt]
        step.answer = Answer(
            targets[0], owners, wrt, list(pending), passes, program.plan, types
        )


def answered(
    rec: Recording, answer: Answer, target: Value, named: Sequence[Any], last: bool
) -> tuple[list[Tensor], list[Tensor]] | None:
    """The gradients, and what is alive, if the question with this answer was the same.

    last: nothing will be asked of the recording any more.
    """
    if target is not answer.target or answer.passes is not added():
        return None
    if not are_read(rec.reads, named, answer.owners, answer.wrt):
        return None
    with rec.lock:
        alive = rec.alive()
        pending = [t for t in alive if t.known is None]
        if len(pending) != len(answer.pending):
            return None
        for t, value in zip(pending, answer.pending):  # noqa: B905
            if t.value is not value:
                return None
        ran = answer.plan.run_again(rec.leaves)
        if ran is None:
            return None
        outs, places = ran
        kept = outs[len(outs) - len(pending) :]
        if last:
            for t, array in zip(pending, kept):  # noqa: B905
                t.settle(array)
        else:
            rec.settle(pending, kept)
    grads = [
        Tensor(None, None, type_, outs[i])
        for i, type_ in zip(places, answer.types)  # noqa: B905
    ]
    return grads, alive
