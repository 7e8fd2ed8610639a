"""What the operands of repeated ops are.

The rounds of a loop are the rows of a table, the operand slots of a round its columns.
A column is one of four things in every row, exactly, or the ops are no loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tapec.batching import aligned
from tapec.ir import ArrayType, TupleType, Value
from tapec.passes.rolling.detect import Run
from tapec.passes.rolling.flat import Flat, Ints

__all__ = ["Carried", "Fixed", "Given", "Local", "Slot", "columns", "cuts"]

MAX_LAG = 4


class Fixed(NamedTuple):
    """One value from before the loop."""

    value: int


class Local(NamedTuple):
    """The op at this place of the same round."""

    offset: int


class Carried(NamedTuple):
    """The op at this place, `lag` rounds ago; `starts` in the first `lag` rounds."""

    offset: int
    lag: int
    starts: tuple[int, ...]


class Given(NamedTuple):
    """Another value from before the loop in each round."""

    values: tuple[int, ...]


Slot = Fixed | Local | Carried | Given


def columns(flat: Flat, begin: int, p: int, trips: int) -> list[Slot] | str:
    """The operand slots of `trips` rounds of `p` ops, or why they are no loop."""
    tokens = flat.tokens[begin : begin + p * trips].reshape(trips, p)
    if (tokens != tokens[0]).any():
        return "the operations differ"
    first = int(flat.start[begin])
    width = int(flat.start[begin + p]) - first
    table = flat.args[first : first + trips * width].reshape(trips, width)
    relative = table - (begin + p * np.arange(trips))[:, None]
    given = table.max(0) < begin
    fixed = given & np.all(table == table[0], axis=0)
    local = (relative[0] >= 0) & np.all(relative == relative[0], axis=0)
    slots: list[Slot] = []
    for j in range(width):
        if fixed[j]:
            slots.append(Fixed(int(table[0, j])))
        elif local[j]:
            slots.append(Local(int(relative[0, j])))
        elif given[j]:
            slots.append(Given(tuple(table[:, j].tolist())))
        else:
            carried = _carried(table[:, j], relative[:, j], begin, p)
            if carried is None:
                return "an operand comes from nowhere regular"
            slots.append(carried)
    wrong = _mistyped(flat, begin, p, slots)
    return wrong or slots


def _carried(values: Ints, relative: Ints, begin: int, p: int) -> Carried | None:
    """From `lag` rounds ago, and from before the loop until then."""
    back = int(relative[-1])
    lag = -(back // p)
    if not 0 < lag <= MAX_LAG or lag >= len(values):
        return None
    if (relative[lag:] != back).any() or (values[:lag] >= begin).any():
        return None
    return Carried(back + lag * p, lag, tuple(values[:lag].tolist()))


# --- types --------------------------------------------------------------------


def _mistyped(flat: Flat, begin: int, p: int, slots: list[Slot]) -> str:
    """Why values of a slot cannot be one parameter; empty if they can."""
    readers = flat.values[begin : begin + p]
    owner = np.repeat(np.arange(p), np.diff(flat.start[begin : begin + p + 1]))
    for slot, reader in zip(slots, owner.tolist(), strict=True):
        if type(slot) is Local:
            continue
        if type(slot) is Carried:
            wanted, values = readers[slot.offset].type, slot.starts
        else:
            values = (slot.value,) if type(slot) is Fixed else slot.values  # type: ignore[union-attr]
            wanted = flat.values[values[0]].type
        if type(wanted) is TupleType:
            return "an op with several results is separated from them"
        for t in {flat.values[i].type for i in values} - {wanted}:
            pairs = zip(owner, slots, strict=True)
            together = [readers[o] for o, s in pairs if s == slot]
            if type(slot) is Given or not _widens(t, wanted, together):
                name = readers[reader].prim.name
                return f"{name} takes {t!r} in one round and {wanted!r} in another"
    return ""


def _widens(t: ArrayType, wanted: ArrayType, readers: list[Value]) -> bool:
    """Whether a carry may start broadcast: all that reads it would broadcast it."""
    if t.dtype != wanted.dtype or any(op.prim.batch is not aligned for op in readers):
        return False
    extra = wanted.ndim - t.ndim
    pairs = zip(t.shape, wanted.shape[extra:], strict=False)
    return extra >= 0 and all(a in (1, b) for a, b in pairs)


# --- where rounds begin -------------------------------------------------------


def cuts(flat: Flat, run: Run) -> tuple[int, Ints]:
    """For each place in a round, how many values live across a cut before it.

    Taken from the last full period, whose first op is returned with it. A value that no
    carry can hold makes a cut impossible.
    """
    p = run.period
    begin = run.end - p
    slots = slice(int(flat.start[begin]), int(flat.start[run.end]))
    owner, args = flat.owner[slots], flat.args[slots]
    life = np.zeros(p, dtype=np.int64)
    near = owner - args <= ROUNDS * p
    np.maximum.at(life, (args[near] - begin) % p, (owner - args)[near])
    price = np.array(
        [BAD if type(v.type) is TupleType else 1 for v in flat.values[begin : run.end]]
    )
    change = np.zeros(2 * p + 2, dtype=np.int64)
    at = np.arange(p)
    np.add.at(change, at + 1, price)
    np.add.at(change, at + 1 + life % p, -price)
    open_ = np.cumsum(change)[: 2 * p]
    return begin, open_[:p] + open_[p:] + int((life // p * price).sum())


ROUNDS = 3
BAD = 1_000_000
