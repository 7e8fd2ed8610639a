"""From a run of repeated ops to a loop: where rounds begin, and what is worth it."""

from __future__ import annotations

from typing import NamedTuple

from tapec.passes.rolling.advance import Region, moving
from tapec.passes.rolling.classify import BAD, Given, Slot, columns, cuts
from tapec.passes.rolling.detect import MIN_SAVED, MIN_TRIPS, Run
from tapec.passes.rolling.flat import Flat

__all__ = ["FREE", "Loop", "Refused", "plan", "without_last"]

DROPPED = 4
"""Rounds at the beginning that may stay outside."""

PHASES = 6
COPIED = 1 << 16
"""Bytes that may be copied so that a loop can run along them."""


class Loop(NamedTuple):
    """`trips` rounds of `period` ops from `begin` on.

    slots: the operands of one round. regions: of the ops that move, by place in it.
    """

    begin: int
    period: int
    trips: int
    slots: list[Slot]
    regions: dict[int, Region]

    @property
    def end(self) -> int:
        return self.begin + self.period * self.trips


class Refused(NamedTuple):
    """Repeated ops that did not become a loop, and why."""

    run: Run
    reason: str


def plan(flat: Flat, run: Run, floor: int) -> Loop | Refused:
    """The loop of a run; its ops before `floor` are taken already."""
    begin, p = max(run.begin, floor), run.period
    if all(flat.values[i].prim.name in FREE for i in range(run.end - p, run.end)):
        return Refused(run, "it computes nothing")
    base, price = cuts(flat, run)
    reason = "it is too short"
    for dropped in range(DROPPED + 1):
        first = begin + dropped * p
        trips = (run.end - first) // p
        if trips < MIN_TRIPS or (trips - 1) * p < MIN_SAVED:
            break
        slack = (run.end - first) % p
        phases = range(first, first + slack + 1)
        for c in sorted(phases, key=lambda c: (price[(c - base) % p], c))[:PHASES]:
            if price[(c - base) % p] >= BAD:
                continue
            found = _loop(flat, c, p, trips)
            if isinstance(found, Loop):
                return found
            reason = found
    return Refused(run, reason)


FREE = frozenset(("reshape", "slice", "item", "broadcast_to", "transpose"))


def _loop(flat: Flat, begin: int, p: int, trips: int) -> Loop | str:
    slots = columns(flat, begin, p, trips)
    if isinstance(slots, str):
        return slots
    stacked = _stacked(flat, slots)
    if len(stacked) > (trips - 1) * p * 3 // 4:
        return "each round has inputs of its own"
    if sum(flat.values[i].type.nbytes for i in stacked) > COPIED:
        return "its inputs would have to be copied together"
    return Loop(begin, p, trips, slots, moving(flat, begin, p, trips))


def without_last(flat: Flat, loop: Loop) -> Loop | None:
    """The loop with one round less, if that is one."""
    if loop.trips <= MIN_TRIPS:
        return None
    found = _loop(flat, loop.begin, loop.period, loop.trips - 1)
    return found if isinstance(found, Loop) else None


def _stacked(flat: Flat, slots: list[Slot]) -> list[int]:
    """Values that must be copied into the rows of an array."""
    given = {slot.values for slot in slots if type(slot) is Given}
    every = (i for values in given for i in values)
    return [i for i in every if i < flat.first and not flat.is_const(i)]
