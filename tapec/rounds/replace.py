"""The `while_loop` that takes the place of recorded rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import ArrayType, Constant, Emitter, Function, Value
from tapec.ops.arithmetic import add, multiply
from tapec.ops.cast import cast
from tapec.ops.const import const, item
from tapec.ops.effects import check
from tapec.ops.logic import less, logical_and, logical_not
from tapec.ops.select import where
from tapec.ops.while_loop import while_loop
from tapec.rounds.match import Held, Local, Matched, Mismatch, Source, needed
from tapec.rounds.snapshot import Place

__all__ = ["Request", "replaced"]


_INDEXED = {"gather": 1, "scatter_add": 1, "put": 2}
"""Ops with indices, and the first operand that is one."""


class Request(NamedTuple):
    """What a loop is made from.

    round: one of its rounds. decision: what ends it, at the beginning of each round and
    after the last; when: with this truth value. start: the first check. kept: places of
    the state that are read afterwards. most: how many rounds it may take, or None.
    """

    round: Matched
    decision: Sequence[Value]
    when: bool
    start: Value
    kept: Sequence[Place]
    most: int | None


class _Loop:
    """The loop under construction.

    The carries are: whether to go on; whether all checks inside have passed; the number
    of rounds so far, where it matters; the values of names.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.round = request.round
        self.on = self.round.source(request.decision[1:])
        checks = [o for o, op in enumerate(self.round.ops) if op.prim is check]
        self.checks = checks
        finals = [self.round.next[place] for place in request.kept]
        roots: list[Source] = [self.on, *finals]
        roots += [self.round.held(place) for place in request.kept]
        roots += [s for o in checks for s in self.round.sources[o]]
        self.offsets, held = needed(self.round, roots)
        self._check_order()
        self.fixed = [h for h in held if self.round.invariant(h)]
        self.moving = [h for h in held if not self.round.invariant(h)]
        for h in self.moving:
            if h.values[0].type != h.values[-1].type:
                raise Mismatch("a value changes its type from round to round")
        self.counting = request.most is not None or any(
            o in self.offsets for o in self.round.counted
        )
        self._types: list[ArrayType] = [ArrayType(np.bool_)]
        self._types += [ArrayType(np.bool_)] * bool(checks)
        self._types += [ArrayType(np.int64)] * self.counting
        self._types += [h.values[0].type for h in (*self.moving, *self.fixed)]

    def _check_order(self) -> None:
        """Mismatch if an op relies on a check that comes before it in the round."""
        first = min(self.checks, default=len(self.round.ops))
        for o in self.offsets:
            prim = self.round.ops[o].prim
            if o > first and (prim.may_raise or prim is while_loop):
                raise Mismatch(f"{prim.name} relies on a check in the same round")

    @property
    def carries(self) -> int:
        return len(self._types) - len(self.fixed)

    def _params(self, emit: Emitter) -> list[Value]:
        made = [emit.make(None, (), (), t) for t in self._types]
        emit.ops.clear()
        return made

    def _number(self, emit: Emitter, n: int) -> Value:
        return emit.new(const, value=Constant(np.asarray(n, np.int64)))

    def cond(self, uid: int) -> Function:
        emit = Emitter(uid)
        params = self._params(emit)
        test = params[0]
        if self.checks:
            test = emit.new(logical_and, test, params[1])
        if self.request.most is not None:
            count = params[1 + bool(self.checks)]
            fewer = emit.new(less, count, self._number(emit, self.request.most))
            test = emit.new(logical_and, test, fewer)
        return Function("cond", params, emit.ops, [test])

    def body(self, uid: int) -> Function:
        emit = Emitter(uid)
        params = self._params(emit)
        first = 1 + bool(self.checks)
        count = params[first] if self.counting else None
        values: dict[Source, Value] = dict(
            zip(
                (*self.moving, *self.fixed),
                params[first + self.counting :],
                strict=True,
            )
        )
        passed = params[1] if self.checks else None
        for o in sorted(self.offsets.union(self.checks)):
            op = self.round.ops[o]
            args = tuple([values[s] for s in self.round.sources[o]])
            if passed is not None and op.prim.name in _INDEXED:
                args = self._existing(emit, op, args, passed)
            if passed is not None and op.prim is check:
                held = self._held(emit, args[0], op)
                passed = emit.new(logical_and, passed, held, like=op)
            elif count is not None and o in self.round.counted:
                values[Local(o)] = self._counted(emit, o, count)
            else:
                values[Local(o)] = emit.keep(
                    Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
                )
        results = [self._going(emit, values[self.on])]
        if passed is not None:
            results.append(passed)
        if count is not None:
            results.append(emit.new(add, count, self._number(emit, 1)))
        results += [values[self.round.following(h)] for h in self.moving]
        return Function("body", params, emit.ops, results)

    def _existing(
        self, emit: Emitter, op: Value, args: tuple[Value, ...], passed: Value
    ) -> tuple[Value, ...]:
        """Operands with indices that exist even if a check before says otherwise."""
        first = _INDEXED[op.prim.name]
        indices = [
            emit.new(where, passed, i, emit.new(const, value=Constant(i.dtype.type(0))))
            for i in args[first:]
        ]
        return (*args[:first], *indices)

    def _held(self, emit: Emitter, value: Value, op: Value) -> Value:
        """Whether a check of the round is passed."""
        if value.dtype != np.bool_:
            raise Mismatch("a number decides in each round")
        return value if op.attr("expected") else emit.new(logical_not, value, like=op)

    def _going(self, emit: Any, decision: Value) -> Value:
        if not self.request.when:
            return decision
        return emit.new(logical_not, decision)  # type: ignore[no-any-return]

    def _counted(self, emit: Emitter, o: int, count: Value) -> Value:
        """A constant that advances, from the number of the round."""
        first, step = self.round.counted[o]
        n = emit.new(multiply, count, self._number(emit, step))
        n = emit.new(add, n, self._number(emit, first))
        dtype = self.round.ops[o].dtype
        return n if dtype == np.int64 else emit.new(cast, n, dtype=dtype)


class _Emit:
    """`Emitter` for a recording."""

    def __init__(self, rec: Any) -> None:
        self.rec = rec

    def new(self, prim: Any, *args: Value, **attrs: Any) -> Value:
        type_ = prim.type_rule(*[a.type for a in args], **attrs)
        return self.rec.append(prim, args, tuple(attrs.items()), type_)  # type: ignore[no-any-return]

    def const(self, x: Any) -> Value:
        return self.new(const, value=Constant(np.asarray(x)))


def replaced(rec: Any, request: Request) -> dict[Place, Value]:
    """Record the loop; what the `kept` places are after it.

    Mismatch if it cannot be one, before anything is recorded.
    """
    loop = _Loop(request)
    uid = max([rec.position, *(op.uid + 1 for op in loop.round.ops)])
    body = loop.body(uid)
    cond = loop.cond(body.next_uid)
    emit = _Emit(rec)
    starts = [loop._going(emit, request.decision[0])]
    if loop.checks:
        starts.append(emit.const(np.True_))
    if loop.counting:
        starts.append(emit.const(np.int64(0)))
    starts += [h.values[0] for h in (*loop.moving, *loop.fixed)]
    op = emit.new(while_loop, *starts, cond=cond, body=body, carries=loop.carries)
    if loop.checks:
        passed = emit.new(item, op, index=1)
        rec.meta = loop.round.ops[loop.checks[0]].meta
        emit.new(check, passed, expected=True)
        rec.meta = request.start.meta
    if request.most is not None:
        emit.new(check, emit.new(item, op, index=0), expected=False)
    first = loop.carries - len(loop.moving)
    items: dict[Held, Value] = {}
    found = {}
    for place in request.kept:
        held = loop.round.held(place)
        if held in loop.fixed:
            found[place] = held.values[0]
            continue
        if held not in items:
            index = first + loop.moving.index(held)
            items[held] = emit.new(item, op, index=index)
        found[place] = items[held]
    return found
