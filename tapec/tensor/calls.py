"""Calls that were made before at the same step of a trail are not made again.

What NumPy's functions do with tensors depends on their types and on plain options, so a
second call with the same operands, where the recording is otherwise the same, records
the same ops. The first call notes them; `followed` repeats them in one go:

    out = followed(rec, np.tanh, (h,), {}, 3)     # None: it has to be called
    before = noticed(rec, (h,), {})
    out = tanh(*before.blind)
    remember(rec, before, np.tanh, {}, out)

A call is remembered only if all it did was to read its operands and to record ops: it
read no other variable, made no other leaf, computed nothing, and saw no numbers of its
operands, so nothing in it can have depended on them.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.recording import Recording, is_library
from tapec.recording.trail import Step, alike
from tapec.tensor.reading import Source, again, is_source, read
from tapec.tensor.tensor import Tensor

__all__ = [
    "STATIC",
    "followed",
    "noticed",
    "remember",
    "side_effects",
]

MOST_CALLS = 32
"""Calls that a step keeps, the newest."""

STATIC = frozenset(
    (int, float, bool, str, type, type(None), type(Ellipsis), type(np._NoValue))
)
"""Types of options that are compared by value."""

_NUMBERS_AND_DTYPES = (complex, np.number, np.bool_, np.dtype)


@dataclass(slots=True, eq=False)
class Call:
    """A call, and what it recorded.

    count: of its operands. operands: those of the recording by place, with value and
    kind; plain ones, with None. sources: those that were read.
    origin: primal, scope, user's frames of what it recorded; frames: those in pairs,
    and scope, if no gradient was being recorded. end, position: of the recording after
    it. value, kind: of its result.
    """

    what: Any
    count: int
    operands: Sequence[tuple[int, Value | None, Any]]
    sources: tuple[Source, ...]
    options: dict[str, Any]
    origin: tuple[Any, ...]
    scope: str | None
    frames: tuple[tuple[Any, int], ...]
    code: Any
    recorded: tuple[Value, ...]
    end: Step
    position: int
    value: Value
    kind: Any


_new = object.__new__
_ref = weakref.ref
_getframe = sys._getframe


def followed(
    rec: Recording, what: Any, args: tuple[Any, ...], options: dict[str, Any], near: int
) -> Tensor | None:
    """The result of a call that the trail knows; None if it does not.

    near: how many frames, counted from here, are the library's for sure.
    """
    for call in rec.step.calls:  # type: ignore[union-attr]
        if call.what is not what or call.count != len(args):
            continue
        for place, value, kind in call.operands:
            a = args[place]
            if value is None:
                if a is not kind and not alike(a, kind):
                    break
            elif not (
                type(a) is Tensor
                and a.value is value
                and a.rec is rec
                and a.kind is kind
            ):
                break
        else:
            if (options or call.options) and not _same_options(options, call.options):
                continue
            here = rec.meta is None and rec.scope == call.scope
            if here:
                frame: Any = _getframe(near)
                if frame.f_code is not call.code:
                    frame = _first_user(frame)
                for code, instruction in call.frames:
                    if (
                        frame is None
                        or frame.f_lasti != instruction
                        or frame.f_code is not code
                    ):
                        here = False
                        break
                    frame = frame.f_back
            if not here and rec.origin(near + 2) != call.origin:
                continue
            if not call.sources or again(rec, call.sources, args):
                break
    else:
        return None
    rec.step = call.end
    rec._uid = call.position
    rec.values += call.recorded
    out = _new(Tensor)
    out.rec = rec
    out.value = call.value
    out.kind = call.kind
    out.known = None
    rec._fresh.append(_ref(out))
    return out


def _first_user(frame: Any) -> Any:
    """The frame, or the nearest around it that is not the library's."""
    while frame is not None and is_library(frame.f_globals):
        frame = frame.f_back
    return frame


def _same_options(given: dict[str, Any], known: dict[str, Any]) -> bool:
    return tuple(given) == tuple(known) and all(
        map(alike, given.values(), known.values())
    )


class _Before(NamedTuple):
    """The recording before a call, its operands read.

    operands: as tensors where they were read. blind: the same without numbers.
    """

    step: Step
    position: int
    ops: int
    effects: tuple[int, ...]
    operands: tuple[Any, ...]
    blind: tuple[Any, ...]
    sources: tuple[Source, ...]


def noticed(
    rec: Recording, args: tuple[Any, ...], options: dict[str, Any], reading: bool = True
) -> _Before | None:
    """What `remember` needs; None for a call that is not to be remembered.

    reading: whether operands with numbers are read before the call, which then must
    change none; else such a call is not remembered.
    """
    step = rec.step
    if step is None or not all(map(_static, options.values())):
        return None
    for a in args:
        if type(a) is Tensor and a.rec is rec:
            if a.known is not None and not reading:
                return None
        elif not _static(a) and not (reading and is_source(rec, a)):
            return None
    operands, sources = list(args), []
    for place, a in enumerate(args):
        if is_source(rec, a):
            operands[place], source = read(rec, place, a)
            sources.append(source)
    return _Before(
        step, rec._uid, len(rec.values), side_effects(rec), tuple(operands),
        tuple([_without_numbers(rec, a) for a in operands]), tuple(sources),
    )  # fmt: skip


def _without_numbers(rec: Recording, x: Any) -> Any:
    """The same operand for a call that should not see its numbers."""
    if type(x) is not Tensor or x.known is None:
        return x
    return Tensor(rec, x.value, x.kind)


def _static(x: Any) -> bool:
    if type(x) is tuple:
        return all(map(_static, x))
    if type(x) is slice:
        return _static((x.start, x.stop, x.step))
    return type(x) in STATIC or isinstance(x, _NUMBERS_AND_DTYPES)


def side_effects(rec: Recording) -> tuple[int, ...]:
    """What changes when a recording does more than to note an op."""
    later = len(rec.ranges or ()), len(rec.inside or ())
    return rec.flushes, len(rec.looks), len(rec.reads), *later


def remember(
    rec: Recording, before: _Before | None, what: Any, options: dict[str, Any], out: Any
) -> None:
    """Note the call that was made since `before`, if it did nothing but record."""
    if before is None or rec.step is None or type(out) is not Tensor:
        return
    position, recorded = rec._uid, tuple(rec.values[before.ops :])
    if out.rec is not rec or out.known is not None or out.value not in recorded:
        return
    if any(out is a for a in before.blind):
        return
    pure = before.effects == side_effects(rec)
    if not pure or position - before.position != len(recorded):
        return
    origin = _origin(recorded[0])
    if any(_origin(v) != origin for v in recorded):  # it called the user's own code
        return
    primal, scope, flat = origin
    plain = primal is None and type(flat) is tuple
    read = {source.place for source in before.sources}
    operands = [
        (i, a.value, a.kind) if type(a) is Tensor else (i, None, a)
        for i, a in enumerate(before.operands)
        if i not in read
    ]
    call = Call(
        what, len(before.operands), operands,
        before.sources, dict(options), origin, scope if plain else None,
        tuple(zip(flat[::2], flat[1::2], strict=True)) if plain else (),
        flat[0] if plain else None,
        recorded, rec.step, position, out.value, out.kind,
    )  # fmt: skip
    before.step.calls.insert(0, call)
    del before.step.calls[MOST_CALLS:]


def _origin(op: Value) -> tuple[Any, ...]:
    return op.meta.primal, op.meta.scope, op.meta._loc
