"""Why a gradient is there, or is missing: the path from target to source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapec.debugging.paths import path_lines, shortest_path
from tapec.errors import excerpt
from tapec.ir import ArrayType, Value
from tapec.operators import Operators
from tapec.passes.vjp import differentiable
from tapec.recording import Recording
from tapec.tape_span import Span

__all__ = ["explain"]


def explain(
    rec: Recording, targets: list[Value], source: Any, wrt: Sequence[Value], span: Span
) -> str:
    """Why `source`, which is `wrt` on the recording, has a gradient or has none."""
    if isinstance(source, Operators) and source.dtype.kind not in "fc":
        return f"a source of dtype {source.dtype} has no gradient"
    fn, _ = rec.function(targets, whole=True)
    depends, smooth = set(wrt), set(wrt)
    for op in fn.ops:
        if any(a in depends for a in op.args):
            depends.add(op)
        if not span.cuts(op) and any(a in smooth for a in op.args):
            smooth.add(op)
    if any(t in smooth and differentiable(t.type) for t in targets):
        n = sum(op in smooth for op in fn.ops)
        ops = "1 recorded op" if n == 1 else f"{n} recorded ops"
        text = f"the gradient reaches the source through {ops}"
        path = shortest_path(fn, wrt, smooth, set(targets))
        return "\n".join([text, *path_lines(path)])
    if any(t in depends for t in targets):
        cut = next(op for op in fn.ops if op in depends and op not in smooth)
        return _with_line(f"the gradient is cut at {cut.prim.name}, {_why(cut)}", cut)
    return _independent(rec, source, wrt)


def _why(op: Value) -> str:
    if op.prim.vjp is None:
        return "which has no derivative"
    if type(op.type) is ArrayType and not differentiable(op.type):
        return f"whose result is {op.type!r}"
    return "which the tape did not record"


def _with_line(text: str, place: Any) -> str:
    loc = place.meta.loc if isinstance(place, Value) else place.loc
    line = excerpt(loc)
    return f"{text}\n{line}" if line else text


def _independent(rec: Recording, source: Any, wrt: Sequence[Value]) -> str:
    """The target was not computed from the source: did its number leave the tape?"""
    below = set(wrt)
    for op in _history(rec, wrt):
        if any(a in below for a in op.args):
            below.add(op)
    for look in rec.looks:
        if look.source() is source or look.value in below:
            how = f"{look.how} took its number out of the recording"
            return _with_line(f"the target does not depend on the source: {how}", look)
    if not wrt:
        return "the source was not recorded by this tape: not watched, or never used"
    return "the target does not depend on the source"


def _history(rec: Recording, wrt: Sequence[Value]) -> list[Value]:
    """What was recorded of the numbers that were looked at, in order."""
    looked = [look.value for look in rec.looks if look.value is not None]
    fn, _ = rec.function(looked, whole=True)
    return list(fn.ops)
