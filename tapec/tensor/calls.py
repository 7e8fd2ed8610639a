"""Calls that were made before at the same step of a trail are not made again.

What NumPy's functions do with tensors depends on their types and on plain options, so a
second call with the same operands, where the recording is otherwise the same, records
the same ops. The first call notes them; `followed` repeats them in one go:

    out = followed(rec, np.mean, (h,), {})     # None: it has to be called
    before = noticed(rec, (h,), {})
    out = mean(h)
    remember(rec, before, np.mean, (h,), {}, out)

A call is remembered only if all it did was to record ops: it read no variable, made no
leaf, computed nothing, and none of its operands had its number already, so nothing in
it can have depended on numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.recording import Recording, still_at
from tapec.recording.trail import Step, alike
from tapec.tensor.tensor import Tensor

__all__ = [
    "STATIC",
    "followed",
    "noticed",
    "remember",
    "side_effects",
    "without_numbers",
]

MOST_CALLS = 32
"""Calls that a step keeps, the newest."""

STATIC = frozenset(
    (int, float, bool, str, type, type(None), type(Ellipsis), type(np._NoValue))
)
"""Types of options that are compared by value."""


@dataclass(slots=True, eq=False)
class Call:
    """A call, and what it recorded.

    origin: primal, scope, user's frames of what it recorded; frames: those in pairs.
    operands: the values of tensors, None for another argument. kinds: those of the
    tensors, and the other arguments themselves. end, position: of the recording after
    it. value, kind: of its result.
    """

    what: Any
    origin: tuple[Any, ...]
    scope: str
    frames: tuple[tuple[Any, int], ...]
    operands: tuple[Value | None, ...]
    kinds: tuple[Any, ...]
    options: dict[str, Any]
    recorded: tuple[Value, ...]
    end: Step
    position: int
    value: Value
    kind: Any


def followed(
    rec: Recording, what: Any, args: tuple[Any, ...], options: dict[str, Any], near: int
) -> Tensor | None:
    """The result of a call that the trail knows; None if it does not.

    near: how many frames, counted from the recording's, are the library's for sure.
    """
    for call in rec.step.calls:  # type: ignore[union-attr]
        if call.what is not what or len(call.operands) != len(args):
            continue
        for a, v, kind in zip(args, call.operands, call.kinds):  # noqa: B905
            if v is None:
                if a is not kind and not alike(a, kind):
                    break
            elif type(a) is not Tensor or a.kind is not kind:
                break
            elif a.rec is rec:
                if a.value is not v:
                    break
            elif _value_of(rec, a) is not v:
                break
        else:
            known = call.options
            if (options or known) and not _same_options(options, known):
                continue
            plain = rec.meta is None and call.frames and rec.scope == call.scope
            if plain and still_at(call.frames, near):
                return _repeated(rec, call)
            if rec.origin(near) == call.origin:
                return _repeated(rec, call)
    return None


def _same_options(given: dict[str, Any], known: dict[str, Any]) -> bool:
    return tuple(given) == tuple(known) and all(
        map(alike, given.values(), known.values())
    )


def _repeated(rec: Recording, call: Call) -> Tensor:
    rec.step = call.end
    rec._uid = call.position
    rec.values += call.recorded
    out = Tensor(rec, call.value, call.kind)
    rec.track(out)
    return out


class _Before(NamedTuple):
    """The recording before a call."""

    step: Step
    position: int
    ops: int
    numbers: tuple[int, ...]


def noticed(
    rec: Recording,
    args: tuple[Any, ...],
    options: dict[str, Any],
    settled: bool = False,
) -> _Before | None:
    """What `remember` needs; None for a call that is not to be remembered.

    settled: whether operands may have their numbers already.
    """
    step = rec.step
    if step is None:
        return None
    for a in args:
        if type(a) is Tensor:
            if a.known is not None and not settled:
                return None
        elif not _static(a):
            return None
    if not all(map(_static, options.values())):
        return None
    return _Before(step, rec._uid, len(rec.values), side_effects(rec))


def without_numbers(rec: Recording, x: Any) -> Any:
    """The same operand for a call that should not see its numbers."""
    if type(x) is not Tensor or x.known is None:
        return x
    value = _value_of(rec, x)
    return x if value is None else Tensor(rec, value, x.kind)


def _static(x: Any) -> bool:
    if type(x) is tuple:
        return all(map(_static, x))
    if type(x) is slice:
        return _static((x.start, x.stop, x.step))
    return type(x) in STATIC or isinstance(x, np.dtype)


def side_effects(rec: Recording) -> tuple[int, ...]:
    """What changes when a recording does more than to note an op."""
    later = len(rec.ranges or ()), len(rec.inside or ())
    return rec.flushes, len(rec.looks), len(rec.reads), *later


def remember(
    rec: Recording, before: _Before | None, what: Any, args: tuple[Any, ...],
    options: dict[str, Any], out: Any,
) -> None:  # fmt: skip
    """Note the call that was made since `before`, if it did nothing but record."""
    if before is None or rec.step is None or type(out) is not Tensor:
        return
    position, recorded = rec._uid, tuple(rec.values[before.ops :])
    if out.rec is not rec or out.known is not None or out.value not in recorded:
        return
    if any(out is a for a in args):
        return
    pure = before.numbers == side_effects(rec)
    if not pure or position - before.position != len(recorded):
        return
    origin = _origin(recorded[0])
    if any(_origin(v) != origin for v in recorded):  # it called the user's own code
        return
    operands = tuple([_value_of(rec, a) if type(a) is Tensor else None for a in args])
    kinds = tuple([a.kind if type(a) is Tensor else a for a in args])
    primal, scope, flat = origin
    plain = primal is None and type(flat) is tuple
    frames = tuple(zip(flat[::2], flat[1::2], strict=True)) if plain else ()
    call = Call(
        what, origin, scope, frames, operands, kinds, dict(options),
        recorded, rec.step, position, out.value, out.kind,
    )  # fmt: skip
    before.step.calls.insert(0, call)
    del before.step.calls[MOST_CALLS:]


def _origin(op: Value) -> tuple[Any, ...]:
    return op.meta.primal, op.meta.scope, op.meta._loc


def _value_of(rec: Recording, t: Tensor) -> Value | None:
    """What a tensor is on the recording; None if it has no place there yet."""
    if t.rec is rec:
        return t.value
    found = rec.leaf_by_id.get(id(t.known))
    return None if found is None else found[1]
