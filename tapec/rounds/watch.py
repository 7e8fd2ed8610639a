"""Checks of a recording, and the Python loops that they end."""

from __future__ import annotations

import ast
import builtins
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.recording import is_library
from tapec.rounds.bounds import ENOUGH, counter, rounds_allowed
from tapec.rounds.match import Matched, Mismatch, matched
from tapec.rounds.purity import check_statements
from tapec.rounds.replace import Request, replaced
from tapec.rounds.scope import Impure, Scope, items_set, stored_names
from tapec.rounds.snapshot import Place, Snapshot, snapshot
from tapec.rounds.source import Exit, conditions, exit_at, in_a_loop, span_of

__all__ = ["Rounds"]

LEAST = 2
"""Rounds that must have been seen."""
MOST_PEELED = 2
"""Rounds that may differ from the following ones, before the loop."""


class _Pass(NamedTuple):
    """A check was passed: its op, the truth value, the state of its frame."""

    op: Value
    truth: bool
    state: Snapshot


class Rounds:
    """The checks of one recording, by frame and place.

    refused: for each loop that stays what it was recorded as, why. found: how many
    became loops.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.found = 0
        self._passes: dict[Any, list[_Pass]] = {}
        self._frames: dict[int, Any] = {}

    def decided(self, rec: Any, op: Value, truth: bool) -> None:
        """A number decided in the user's code; `op` is the check it left behind."""
        frame: Any = sys._getframe(1)
        while frame is not None and is_library(frame.f_globals):
            frame = frame.f_back
        if frame is None or not in_a_loop(frame.f_code, frame.f_lasti):
            return
        span = span_of(frame.f_code, frame.f_lasti)
        self._frames[id(frame)] = frame  # alive, so no other frame has its id
        passes = self._passes.setdefault((id(frame), span), [])
        passes.append(_Pass(op, truth, snapshot(frame.f_locals, rec)))
        if len(passes) > 1 and passes[-2].truth != truth:
            if len(passes) > LEAST and len({p.truth for p in passes[:-1]}) == 1:
                self._ended(rec, frame, span, passes)
            passes.clear()

    def _ended(self, rec: Any, frame: Any, span: Any, passes: list[_Pass]) -> None:
        """A loop may have ended with the last of `passes`."""
        found = exit_at(frame.f_code, frame.f_globals, span)
        place = f"{frame.f_code.co_filename}:{span[0]}"
        if found == "":
            return
        if isinstance(found, str):
            self.refused[place] = found
            return
        if found.when != passes[-1].truth:
            return
        try:
            self._replace(rec, _Loop(found, frame, passes))
        except (Impure, Mismatch) as why:
            self.refused[place] = str(why)
        else:
            self.found += 1
            begin = passes[0].op.uid
            for others in self._passes.values():
                others[:] = [p for p in others if p.op.uid < begin]

    def _replace(self, rec: Any, loop: _Loop) -> None:
        loop.check()
        reason: Exception = Mismatch("too few rounds were alike")
        capped = []
        for peeled in range(min(MOST_PEELED, len(loop.passes) - LEAST - 1) + 1):
            try:
                request = loop.request(rec, peeled)
                if request.most is None:
                    self._record(rec, request, loop.passes[-1])
                    return
                capped.append(request)
            except Mismatch as why:
                reason = why
        if not capped:
            raise reason
        self._record(rec, capped[0], loop.passes[-1])

    def _record(self, rec: Any, request: Request, last: _Pass) -> None:
        begin = bisect_left(rec.values, request.start.uid, key=_uid)
        end = bisect_right(rec.values, last.op.uid, key=_uid)
        before, size = rec.meta, len(rec.values)
        rec.meta = request.start.meta
        try:
            numbers = {p: rec.example(last.state.values[p]) for p in request.kept}
            found = replaced(rec, request)
        finally:
            rec.meta = before
        assert len(rec.values) > size
        rec.drop(begin, end)
        for place, value in found.items():
            rec.know(value, numbers[place])
            last.state.tensors[place].value = value

    def close(self) -> None:
        """The recording has ended: let go of frames."""
        self._passes.clear()
        self._frames.clear()


def _uid(v: Value) -> int:
    return v.uid


class _Loop:
    """A loop of the user's that has just ended, as it was seen."""

    def __init__(self, exit: Exit, frame: Any, passes: Sequence[_Pass]) -> None:
        self.exit = exit
        self.frame = frame
        self.passes = list(passes)
        self.inside = stored_names([exit.loop])
        self.after = self._read_after() | items_set(exit.loop)

    def _read_after(self) -> set[str]:
        """Names that may be read when the loop has ended."""
        loop, function = self.exit.loop, self.exit.function
        skipped = {id(n) for n in ast.walk(loop)}
        for stmt in self.exit.after:
            skipped -= {id(n) for n in ast.walk(stmt)}
        free = {*self.frame.f_code.co_cellvars, *self.frame.f_code.co_freevars}
        return free | {
            n.id
            for n in ast.walk(function)
            if isinstance(n, ast.Name)
            and isinstance(n.ctx, ast.Load)
            and id(n) not in skipped
            and (self._encloses or n.lineno >= loop.lineno)
        }

    @property
    def _encloses(self) -> bool:
        """Whether the loop stands in another one."""
        return any(isinstance(s, (ast.While, ast.For)) for s in self.exit.above)

    def check(self) -> None:
        """Impure unless Python does the same in each round."""
        if self.frame.f_code.co_flags & 0x2A0:
            raise Impure("its function is a generator")
        self._check_left_once()
        loop = self.exit.loop
        for n in ast.walk(self.exit.function):
            if isinstance(n, ast.Name) and n.id in _ALL_NAMES:
                raise Impure(f"line {n.lineno}: {n.id} may read any name")
            if isinstance(n, (ast.Global, ast.Nonlocal)) and (
                self.inside.intersection(n.names)
            ):
                raise Impure(f"line {n.lineno}: a name that is not local is bound")
        known: dict[str, Any] = dict(self.frame.f_locals)
        code = self.frame.f_code
        local = {*code.co_varnames, *code.co_cellvars}
        scope = Scope(known, local, [self.frame.f_globals])
        check_statements([loop], scope)
        self._check_items(known)

    def _check_left_once(self) -> None:
        """A loop inside another one must not have been left and entered again."""
        if not self._encloses:
            return
        loop = self.exit.loop
        exits = sum(isinstance(n, (ast.Break, ast.Return)) for n in ast.walk(loop))
        if isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant):
            exits += len(conditions(loop.test))
        around = any(isinstance(s, (ast.Try, ast.With)) for s in self.exit.above)
        if exits != 1 or around or isinstance(loop, ast.For):
            raise Impure("a loop inside another loop may end in one place only")

    def _check_items(self, known: Mapping[str, Any]) -> None:
        """Tensors whose items are set are the same objects, under one name."""
        for n in ast.walk(self.exit.loop):
            if not (isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)):
                continue
            assert isinstance(n.value, ast.Name)
            objects = {id(p.state.tensors.get((n.value.id,))) for p in self.passes}
            holders = [
                place
                for p in self.passes
                for place, t in p.state.tensors.items()
                if t is known.get(n.value.id) and place != (n.value.id,)
            ]
            if len(objects) > 1 or holders:
                raise Impure(f"line {n.lineno}: {n.value.id} is not one tensor")

    def request(self, rec: Any, peeled: int) -> Request:
        """The loop without its first rounds."""
        passes = self.passes[peeled:]
        states = [p.state for p in passes]
        start = passes[0].op
        rounds = [self._ops(rec, a.op, b.op) for a, b in pairwise(passes)]
        found = matched(rounds, [s.values for s in states], start.uid)
        most = self._most(rec, states, found)
        kept = self._kept(states, found)
        decision = [p.op.args[0] for p in passes]
        return Request(found, decision, self.exit.when, start, kept, most)

    def _most(self, rec: Any, states: Sequence[Snapshot], found: Matched) -> int | None:
        """How many rounds Python allows; None if that does not depend on Python."""
        changing = self._changing(states)
        if not changing and isinstance(self.exit.loop, ast.While):
            return None
        seen = len(states) - 1
        names = {**self.frame.f_globals, **self.frame.f_locals}
        counters = [
            c
            for name in changing
            if (c := counter(name, [_integer(s.python.get(name)) for s in states]))
        ]
        exact = all(found.ops[o].dtype in _EXACT for o in found.counted)
        if len(counters) < len(changing) or not exact:
            return seen
        value = {**vars(builtins), **names}.get
        allowed = rounds_allowed(self.exit.loop, counters, value, rec.example)
        return None if allowed == ENOUGH else max(seen, allowed)

    def _ops(self, rec: Any, begin: Value, end: Value) -> list[Value]:
        """What was recorded between two passes."""
        values = rec.values
        first = bisect_right(values, begin.uid, key=_uid)
        return values[first : bisect_left(values, end.uid, key=_uid)]  # type: ignore[no-any-return]

    def _changing(self, states: Sequence[Snapshot]) -> list[str]:
        """Names of which Python's own values differ between the rounds.

        Mismatch if they may be read afterwards.
        """
        changing = []
        for name in dict.fromkeys(name for s in states for name in s.python):
            first, *others = [s.python.get(name, _UNBOUND) for s in states]
            steady = all(x == others[0] for x in others)
            if steady and first == others[0]:
                continue
            if name in self.after:
                raise Mismatch(f"{name} changes and may be read after the loop")
            if not steady or first != _UNBOUND:  # what is unbound has not been read
                changing.append(name)
        return changing

    def _kept(self, states: Sequence[Snapshot], found: Matched) -> list[Place]:
        """Places of tensors that may be read afterwards and are made by the loop."""
        kept = []
        by_value: dict[Value, Any] = {}
        for place, value in states[-1].values.items():
            if place[0] in self.inside and place[0] not in self.after:
                continue
            if place not in found.next:
                if place[0] in self.inside:
                    raise Mismatch(f"{place[0]} is first bound in the loop")
                continue
            held = found.held(place)
            if found.is_old(value):
                if not found.invariant(held) or found.following(held) != held:
                    raise Mismatch(f"{place[0]} is not yet a value of the loop")
                continue
            if by_value.setdefault(value, held) != held:
                raise Mismatch(f"{place[0]} is not yet what another name is")
            kept.append(place)
        return kept


_ALL_NAMES = frozenset(("locals", "vars", "dir", "eval", "exec"))
_UNBOUND = "unbound"
_EXACT = (np.dtype(np.int64), np.dtype(np.float64))
"""Constants of these types are what a counter is."""


def _integer(seen: Any) -> Any:
    """The integer that a name was, as `Snapshot.python` tells it."""
    return seen[1] if type(seen) is tuple and seen[0] is int else None
