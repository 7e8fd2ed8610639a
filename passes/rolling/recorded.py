"""Loops recorded in the place of their rounds, before a gradient is taken of them.

What was recorded stays: some of it may still be asked for, and what is not is dropped
when the program is made. The loops follow it, and the gradient is taken of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence

from tapec.ir import Function, Value, has_effect
from tapec.ops.effects import check
from tapec.passes.loops import hoisted
from tapec.passes.roll import roll
from tapec.passes.rolling.flat import may_fail
from tapec.recording import Recording

__all__ = ["LEAST", "rolled_again"]

LEAST = 64
"""Ops that are worth looking through."""


def rolled_again(
    rec: Recording, start: int, wanted: Sequence[Value], sources: Sequence[Value] = (),
    cuts: Callable[[Value], bool] | None = None,
) -> dict[Value, Value]:  # fmt: skip
    """Record what `wanted` come from, as far as it repeats, once more as loops.

    start: the position on `rec` to begin at. sources: those of `wanted` that others
    depend on. cuts: ops that are not recorded again. Returned: the new value for each
    of `wanted` that has one.
    """
    first = bisect_left(rec.values, start, key=lambda v: v.uid)
    ops = rec.values[first:]
    if len(ops) < LEAST:
        return {}
    given = dict.fromkeys(
        a for op in ops for a in op.args if a.uid < start or a.prim is None
    )
    results = [v for v in wanted if v.uid >= start and v.prim is not None]
    before = Function("recorded", given, ops, results)
    effects = [op for op in ops if op.prim.effect or (op.attrs and has_effect(op))]
    checks = effects if _can_wait(effects, ops) else []
    done = {op.uid: op for op in ops if cuts and cuts(op)}
    done |= {op.uid: op for op in effects if not checks}
    after = roll(before, {*done, *(v.uid for v in sources)})
    if after is before or len(after.ops) > len(ops) // 2:
        return {}
    after = hoisted(after)
    if checks:  # the loops check the same
        rec.values[first:] = [op for op in ops if op.prim is not check]
    made = _recorded(rec, after, done)
    pairs = zip(before.results, after.results, strict=True)
    return {old: made[new] for old, new in pairs if new in made}


def _can_wait(effects: Sequence[Value], ops: Sequence[Value]) -> bool:
    """Whether the effects are checks that may as well happen after all of `ops`."""
    if not effects or any(op.prim is not check for op in effects):
        return False
    return not any(map(may_fail, ops))


def _recorded(
    rec: Recording, fn: Function, done: dict[int, Value]
) -> dict[Value, Value]:
    """The ops of `fn` at the end of `rec`; those that are `done` are not done again."""
    made = {p: p for p in fn.params}
    before = rec.meta
    try:
        for op in _needed(fn, done):
            if op.uid in done:
                made[op] = done[op.uid]
                continue
            rec.meta = op.meta
            args = tuple([made[a] for a in op.args])
            made[op] = rec.append(op.prim, args, op.attrs, op.type)
    finally:
        rec.meta = before
    return made


def _needed(fn: Function, done: Collection[int]) -> list[Value]:
    """The ops that the results come from, in order."""
    needed = {*fn.results, *(op for op in fn.ops if op.prim is check)}
    for op in reversed(fn.ops):
        if op in needed and op.uid not in done:
            needed.update(op.args)
    return [op for op in fn.ops if op in needed]
