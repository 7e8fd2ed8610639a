"""Indices computed in the bodies of loops and branches: whether all of them exist.

A body cannot raise while it runs. It says whether its indices were in range, and what
runs it carries that along and raises afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.errors import at
from tapec.ir import ArrayType, Constant, Emitter, Function, Value
from tapec.numpy.support import OutOfRange
from tapec.ops.const import const
from tapec.ops.logic import logical_and
from tapec.recording import Inside, state
from tapec.tensor import Tensor

__all__ = ["carried", "merged", "nothing_wrong", "reporting", "require", "stopping"]


def merged(found: Sequence[Inside]) -> Inside | None:
    """All conditions as one, recorded now."""
    if not found:
        return None
    holds = found[0].holds
    for other in found[1:]:
        holds = np.logical_and(holds, other.holds)
    texts = dict.fromkeys(str(at(OutOfRange(f.text), f.loc)) for f in found)
    return Inside(holds, "\nor ".join(texts), None)


def nothing_wrong() -> Tensor:
    """What the carry starts as."""
    rec: Any = state.recording
    value = rec.literal(np.True_)
    return Tensor(rec, value, value.type)


def carried(fn: Function, place: int, inside: Inside | None) -> Function:
    """`fn` with one more carry at `place`: whether all was in range so far."""
    emit, before = _with_param(fn)
    after = before
    if inside is not None:
        after = emit.new(logical_and, before, inside.holds)
    params, results = [*fn.params], [*fn.results]
    params.insert(place, before)
    results.insert(place, after)
    return Function(fn.name, params, emit.ops, results)


def stopping(cond: Function, place: int, inside: Inside | None) -> Function:
    """A condition that ends the loop when something was out of range, or is in it."""
    emit, before = _with_param(cond)
    holds = emit.new(logical_and, cond.results[0], before)
    if inside is not None:
        holds = emit.new(logical_and, holds, inside.holds)
    params = [*cond.params]
    params.insert(place, before)
    return Function(cond.name, params, emit.ops, [holds])


def reporting(fn: Function, inside: Inside | None) -> Function:
    """A branch with one more result: whether all was in range."""
    emit, _ = _with_param(fn)
    holds = (
        emit.new(const, value=Constant(np.True_)) if inside is None else inside.holds
    )
    return Function(fn.name, fn.params, emit.ops, [*fn.results, holds])


def _with_param(fn: Function) -> tuple[Emitter, Value]:
    """To continue `fn`, and a new parameter."""
    emit = Emitter(fn.next_uid)
    param = emit.make(None, (), (), ArrayType(np.bool_))
    emit.ops = [*fn.ops]
    return emit, param


def require(inside: Inside) -> None:
    """IndexError unless the condition holds, now or when the program runs."""
    rec: Any = state.recording
    if rec is not None and rec.inside is not None:
        rec.inside.append(inside)
    elif not bool(inside.holds):
        raise OutOfRange(inside.text)
