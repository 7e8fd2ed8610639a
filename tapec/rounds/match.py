"""Recorded rounds that are one and the same program, run again and again.

A round is what was recorded between two passes of one check. Its ops are compared with
those of the round before, one by one. An operand is one of four things:

    local       made at the same place of the same round
    held        what a name stood for when the round began
    invariant   one value from before the loop
    counted     a whole number of Python's that grows by the same amount each round

Several names may have stood for one value in every round that was seen. Which of them
an operand was taken from then does not show, and must not matter: names are only taken
for one if by the rounds' own doing they will agree for ever, that is if all of them
become the same local value, or agree again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tapec.ir import Value, exact, has_effect
from tapec.ops.const import const
from tapec.ops.effects import check
from tapec.rounds.snapshot import Place

__all__ = [
    "Counted",
    "Held",
    "Local",
    "Matched",
    "Mismatch",
    "Source",
    "matched",
    "needed",
]


class Mismatch(Exception):
    """Why rounds are not alike."""


class Local(NamedTuple):
    """The op at this place of the round."""

    offset: int


class Held(NamedTuple):
    """What names stood for at the beginning of each round: the value in each.

    One value in all rounds, from before the loop, is an invariant.
    """

    values: tuple[Value, ...]


class Counted(NamedTuple):
    """A constant that is `first` in the first round and grows by `step`."""

    first: int
    step: int


Source = Local | Held


class Matched:
    """One round.

    ops: of the first one. sources: where the operands of each op come from. counted:
    places of constants that advance. next: what each place of the state becomes.
    """

    def __init__(
        self, rounds: Sequence[Sequence[Value]],
        states: Sequence[Mapping[Place, Value]], begin: int,
    ) -> None:  # fmt: skip
        self.states = states
        self.begin = begin
        self.ops = rounds[0]
        self.counted: dict[int, Counted] = {}
        self._offsets = [{op: o for o, op in enumerate(ops)} for ops in rounds]
        self._compare(rounds)
        self.sources = [
            [
                self.source([ops[o].args[j] for ops in rounds])
                for j in range(len(op.args))
            ]
            for o, op in enumerate(self.ops)
        ]
        everywhere = set(states[0]).intersection(*states[1:])
        self.next: dict[Place, Source] = {}
        self._places: dict[Held, list[Place]] = {}
        for place in states[0]:
            if place not in everywhere:
                continue
            self._places.setdefault(self.held(place), []).append(place)
            self.next[place] = self.source([s[place] for s in states[1:]])

    def held(self, place: Place) -> Held:
        """The state at `place` when each round began."""
        return Held(tuple([s[place] for s in self.states[:-1]]))

    def is_old(self, value: Value) -> bool:
        """Whether a value is from before the rounds."""
        return value.prim is None or value.uid < self.begin

    def invariant(self, held: Held) -> bool:
        """Whether this was one value from before the rounds in all of them."""
        first = held.values[0]
        return self.is_old(first) and all(v is first for v in held.values)

    def following(self, held: Held) -> Source:
        """What the names become that stood for `held`; Mismatch if they part."""
        places = self._places.get(held, [])
        found: set[Source] = {self.next[place] for place in places}
        if self.invariant(held):
            found.add(held)
        if not found:
            raise Mismatch("a value from an earlier round is used that no name holds")
        if len(found) > 1:
            names = ", ".join(str(p[0]) for p in places)
            raise Mismatch(f"too few rounds tell what becomes of {names}")
        return found.pop()

    def _compare(self, rounds: Sequence[Sequence[Value]]) -> None:
        """Mismatch unless all rounds consist of the same ops."""
        for ops in rounds:
            if len(ops) != len(self.ops):
                raise Mismatch("rounds have different numbers of operations")
        for o, op in enumerate(self.ops):
            if has_effect(op) and op.prim is not check:
                raise Mismatch(f"there is a {op.prim.name} in each round")
            attrs = exact(op.attrs)
            for ops in rounds[1:]:
                other = ops[o]
                if (
                    other.prim is not op.prim
                    or other.type != op.type
                    or len(other.args) != len(op.args)
                ):
                    raise Mismatch("the operations of rounds differ")
                if exact(other.attrs) != attrs:
                    self._count(o, [ops[o] for ops in rounds])
                    break

    def _count(self, o: int, ops: Sequence[Value]) -> None:
        """A constant that advances; Mismatch if something else changes."""
        if ops[0].prim is not const or ops[0].type.shape:
            name = ops[0].prim.name
            raise Mismatch(f"attributes of {name} change from round to round")
        numbers = [op.attr("value").array.item() for op in ops]
        if any(isinstance(n, complex) or n != int(n) for n in numbers):
            raise Mismatch("a constant changes from round to round")
        first, step = int(numbers[0]), int(numbers[1]) - int(numbers[0])
        if [first + t * step for t in range(len(numbers))] != numbers:
            raise Mismatch("a constant changes irregularly from round to round")
        self.counted[o] = Counted(first, step)

    def source(self, values: Sequence[Value]) -> Source:
        """Where values come from, one of each round."""
        offset = self._offsets[0].get(values[0])
        if offset is None:
            return Held(tuple(values))
        for value, offsets in zip(values, self._offsets, strict=True):
            if offsets.get(value) != offset:
                raise Mismatch("operands come from different places in each round")
        return Local(offset)


def matched(
    rounds: Sequence[Sequence[Value]], states: Sequence[Mapping[Place, Value]],
    begin: int,
) -> Matched:  # fmt: skip
    """The one round that `rounds` are; Mismatch if there is none.

    states: when each round began, and after the last. begin: the uid from which on
    values belong to the rounds.
    """
    return Matched(rounds, states, begin)


def needed(round_: Matched, roots: Iterable[Source]) -> tuple[set[int], list[Held]]:
    """Places in the round and names' values that `roots` are computed from."""
    offsets: set[int] = set()
    held: dict[Held, None] = {}
    pending = list(roots)
    while pending:
        source: Any = pending.pop()
        if isinstance(source, Local):
            if source.offset not in offsets:
                offsets.add(source.offset)
                pending += round_.sources[source.offset]
        elif source not in held:
            held[source] = None
            pending.append(round_.following(source))
    return offsets, list(held)
