"""Which ops of a round have to be in the loop, and what leaves it.

What is needed of the last rounds only is a final carry. What some rounds are asked for
and no other round needs is computed after the loop, for those rounds: in the gradient
of a loop all rounds would get a cotangent, zero for most, and zero times an infinite
derivative is not the nothing it was. For the same reason the last round is no part of
a loop if what it hands on is not asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise

from tapec.ir import Value
from tapec.ops.effects import check
from tapec.passes.rolling.classify import MAX_LAG, Carried, Local
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop
from tapec.passes.rolling.stores import stores

__all__ = ["Needs"]

FINITE = frozenset(
    ("multiply", "matmul", "square", "sin", "cos", "tanh", "arctan", "expit", "erf")
)
"""Ops that are not linear but have finite derivatives wherever they are finite."""


class Needs:
    """What is wanted of a loop.

    live: places in a round whose ops are in the body. stacked: places that are stacked
    outputs; rounds: their values that are read afterwards. tail: ops that are computed
    after the loop. stores: arrays that are only written to.
    checks: places of checks.
    """

    def __init__(self, flat: Flat, loop: Loop) -> None:
        self.flat = flat
        self.loop = loop
        self._edges = self._operands()
        self.stores = stores(flat, loop)
        self._stored = {o for store in self.stores for o in store.places}
        for o in self._stored:
            self._edges[o] = []
        wanted = flat.last[loop.begin : loop.end] >= loop.end
        used = [loop.begin + i for i in wanted.nonzero()[0].tolist()]
        rounds: dict[int, list[int]] = defaultdict(list)
        for i in used:
            rounds[self._place(i)].append(i)
        self.checks = [
            o for o in range(loop.period) if flat.values[loop.begin + o].prim is check
        ]
        carried = {
            s.offset
            for o in self._closure([*rounds, *self.checks])
            for s in self._edges[o]
            if type(s) is Carried
        }
        full = {o for o, found in rounds.items() if len(found) == loop.trips}
        full -= self._stored
        full |= {o for s in self.stores if s.places[-1] in rounds for o in s.values}
        self.live = self._closure(carried | full | {*self.checks})
        for o, found in rounds.items():
            if o in self._stored:
                continue
            more = self._closure([o]) - self.live
            if more and self._lag(found[0]) > MAX_LAG and self._are_finite(more):
                full.add(o)
                self.live |= more
        self.tail: list[int] = []
        self.rounds: dict[int, list[int]] = {}
        self._finals: list[int] = []
        self._settle(used, full)

    def _operands(self) -> list[list[Carried | Local]]:
        """The slots of each op in a round that lead to other ops of the loop."""
        start, loop = self.flat.start, self.loop
        ends = start[loop.begin : loop.begin + loop.period + 1] - start[loop.begin]
        return [
            [s for s in loop.slots[a:b] if type(s) is Local or type(s) is Carried]
            for a, b in pairwise(ends.tolist())
        ]

    def _place(self, i: int) -> int:
        return (i - self.loop.begin) % self.loop.period

    def _lag(self, i: int) -> int:
        """How many rounds before the end a value is computed; 1 is the last."""
        return self.loop.trips - (i - self.loop.begin) // self.loop.period

    def _args(self, i: int) -> list[int]:
        a, b = self.flat.start[i : i + 2].tolist()
        found: list[int] = self.flat.args[a:b].tolist()
        return found

    def _closure(self, places: Iterable[int]) -> set[int]:
        """The places, and all that their values are computed from."""
        found = set(places)
        pending = list(found)
        while pending:
            for slot in self._edges[pending.pop()]:
                if slot.offset not in found:
                    found.add(slot.offset)
                    pending.append(slot.offset)
        return found

    def _are_finite(self, places: Iterable[int]) -> bool:
        """Whether zero times any derivative of these ops is zero."""
        return all(_is_finite(self.flat.values[self.loop.begin + o]) for o in places)

    @property
    def idle(self) -> bool:
        """Whether the last round does something in vain that must not be done."""
        begin = self.loop.end - self.loop.period
        asked = {i for i in range(begin, self.loop.end) if self._is_read_after(i)}
        asked |= {begin + o for o in self.checks}
        for i in reversed(range(begin, self.loop.end)):
            if i in asked:
                asked.update(self._args(i))
        return not self._are_finite(o for o in self.live if begin + o not in asked)

    def _is_read_after(self, i: int) -> bool:
        return bool(self.flat.last[i] >= self.loop.end)

    def _settle(self, used: list[int], stacked: set[int]) -> None:
        """Sort what is used into stacked, final, and computed afterwards."""
        tail: set[int] = set()
        needed: dict[int, None] = {}
        pending = list(used)
        while pending:
            i = pending.pop()
            o = self._place(i)
            if i in needed or i in tail or i < self.loop.begin or o in self._stored:
                continue
            if o in self.live:
                needed[i] = None
                continue
            tail.add(i)
            pending += self._args(i)
        self.tail = sorted(tail)
        stacked |= {self._place(i) for i in needed if self._lag(i) > MAX_LAG}
        self.stacked = sorted(stacked)
        self.rounds = {o: [] for o in self.stacked}
        for i in sorted(needed):
            if self._place(i) in stacked:
                self.rounds[self._place(i)].append(i)
            else:
                self._finals.append(i)

    def finals(self, carries: Collection[Carried]) -> dict[int, Carried]:
        """The carry that ends as each value of the last rounds."""
        there = {(c.offset, c.lag): c for c in carries}
        found = {}
        for i in self._finals:
            key = self._place(i), self._lag(i)
            found[i] = there.get(key) or Carried(*key, (-1,) * key[1])
        return found


def _is_finite(op: Value) -> bool:
    return op.prim.affine or op.prim.vjp is None or op.prim.name in FINITE
