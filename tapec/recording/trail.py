"""What recordings that began at the same line had in common, so far.

A training loop records the same ops again and again. The second recording of a tape's
`with` line leaves a trail: a tree whose steps are events (an op, or a leaf), each with
what followed it. A later recording walks along it: while it does the same, it takes
the values of the trail instead of making its own, equal in all but identity to those
it would have made, and at its end the step it stands on says all that was recorded.

    step = root(code)                      # where the tape begins
    step = step.after(prim, args, ...)     # None where it does something new
    step.plans[question]                   # what was worked out for this recording

Nothing is assumed: a step is taken only if operation, operands (the very values of the
trail), attributes, result type, scope, user's lines are all the same. A trail holds no
array but small constants, and no tensor; values are never changed once they are on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import Attrs, Type, Value, exact

__all__ = ["Step", "alike", "clear", "root"]

MOST_STEPS = 65_536
"""Steps of all trails together; then they are given up, to begin anew."""

MOST_KEPT = 1_000_000
"""Ops of all plans together, each of which counts as a thousand at least."""

MOST_FOLLOWING = 32
"""Ways that a trail goes on from one step; the oldest is given up for a new one."""

LONGEST = 8192
"""Ops of a recording from which on it leaves its trail."""

SMALL = 1024
"""Bytes of a constant that a trail may keep."""


class Step:
    """An event: the value it made, and what followed it in other recordings.

    origin: primal, scope and user's frames of an op. calls: what was asked of the
    library here (see `tensor.calls`). plans: what was worked out for recordings that
    ended here, by question. asked: which of the variables read were the last question's
    sources (see `tape_sources`). answer: how that was answered (see `tape_again`).
    """

    __slots__ = (
        "answer", "asked", "calls", "following", "origin", "plans", "value",
    )  # fmt: skip

    def __init__(self, value: Any, origin: Any = None) -> None:
        self.value: Value = value
        self.origin = origin
        self.following: list[Step] = []
        self.calls: list[Any] = []
        self.plans: dict[Any, Any] = {}
        self.asked: Any = None
        self.answer: Any = None

    def after(
        self, prim: Any, args: tuple[Value, ...], attrs: Attrs, type_: Type, origin: Any
    ) -> Step | None:
        """The step taken before from here for this op."""
        for step in self.following:
            v = step.value
            if (
                v.prim is prim
                and v.args == args
                and v.type == type_
                and step.origin == origin
                and alike(v.attrs, attrs)
            ):
                return step
        return None

    def after_leaf(self, type_: Type, name: str) -> Step | None:
        """The step taken before from here for this leaf."""
        for step in self.following:
            v = step.value
            if v.prim is None and v.type is type_ and v.name == name:
                return step
        return None

    def keep(self, question: Any, plan: Any, size: int) -> None:
        """Keep what was worked out; size: how many ops it holds."""
        global _kept
        _kept += max(size, 1000)
        if _kept > MOST_KEPT:
            clear()
        self.plans[question] = plan

    def lengthened(self, value: Value, origin: Any = None) -> Step | None:
        """A new step; None where the trail should not go."""
        global _steps
        if value.uid >= LONGEST or _is_large(value):
            return None
        _steps += 1
        if _steps > MOST_STEPS:
            clear()
        step = Step(value, origin)
        if len(self.following) >= MOST_FOLLOWING:
            del self.following[0]
        self.following.append(step)
        return step


def _is_large(value: Value) -> bool:
    """Whether a constant is more than a trail should keep."""
    if value.prim is None or value.prim.name != "const":
        return False
    return bool(value.attrs[0][1].array.nbytes > SMALL)


def alike(a: Any, b: Any) -> bool:
    """Whether two attributes are the same, 1, 1.0 and True being three things."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is tuple:
        return len(a) == len(b) and all(map(alike, a, b))
    if kind is slice:
        return alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if kind is int or kind is str or kind is bool:
        return bool(a == b)
    if kind is float and a == b:
        return bool(a != 0.0 or exact(a) == exact(b))
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype) and a.tobytes() == b.tobytes()
    return bool(exact(a) == exact(b))


_roots: dict[int, tuple[Any, Step | None]] = {}
"""By the id of a code object: that object, and its trail from its second tape on."""

_steps = _kept = 0


def clear() -> None:
    """Forget all trails; recordings that walk on one keep it to their end."""
    global _steps, _kept
    _roots.clear()
    _steps = _kept = 0


def root(code: Any) -> Step | None:
    """Where recordings of the tapes of `code` begin; None the first time."""
    found = _roots.get(id(code))
    if found is None:
        if len(_roots) >= MOST_STEPS:
            clear()
        _roots[id(code)] = code, None
        return None
    if found[1] is None:
        found = _roots[id(code)] = code, Step(None)
    return found[1]
