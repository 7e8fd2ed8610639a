"""Which ops of a round have to be in the loop, and what leaves it.

What is needed of the last rounds only is a final carry, or is computed after the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

from tapec.passes.rolling.classify import MAX_LAG, Carried, Local
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop

__all__ = ["Needs"]


class Needs:
    """What is wanted of a loop.

    live: places in a round whose ops are in the body. stacked: places that are stacked
    outputs; rounds: their values that are read afterwards. tail: ops of the last rounds
    that are computed after the loop.
    """

    def __init__(self, flat: Flat, loop: Loop) -> None:
        self.flat = flat
        self.loop = loop
        self._edges = self._operands()
        wanted = flat.last[loop.begin : loop.end] >= loop.end
        used = [loop.begin + i for i in wanted.nonzero()[0].tolist()]
        early = {self._place(i) for i in used if not self._late(i)}
        relevant = self._closure(self._place(i) for i in used)
        carried = {
            s.offset for o in relevant for s in self._edges[o] if type(s) is Carried
        }
        self.live = self._closure(early | carried)
        self.tail: list[int] = []
        self.rounds: dict[int, list[int]] = {}
        self._finals: list[int] = []
        self._settle(used, early)

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

    def _late(self, i: int) -> bool:
        return self._lag(i) <= MAX_LAG

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

    def _settle(self, used: list[int], early: set[int]) -> None:
        """Sort what is used into stacked, final, and computed afterwards."""
        tail: set[int] = set()
        needed: dict[int, None] = {}
        pending = list(used)
        while pending:
            i = pending.pop()
            if i in needed or i in tail or i < self.loop.begin:
                continue
            if self._place(i) in self.live:
                needed[i] = None
                continue
            tail.add(i)
            a, b = self.flat.start[i : i + 2].tolist()
            pending += self.flat.args[a:b].tolist()
        self.tail = sorted(tail)
        early |= {self._place(i) for i in needed if not self._late(i)}
        self.stacked = sorted(early)
        self.rounds = {o: [] for o in self.stacked}
        for i in sorted(needed):
            if self._place(i) in early:
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
