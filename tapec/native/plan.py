"""Where every value of a program lives: arguments, results, constants, one arena.

A view is its operand's buffer. A value that is returned is computed in the array that
the caller receives. All else shares one arena per running call, laid out by liveness: a
buffer may take the place of one that no later step reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tapec.ir import Function, TupleType, Value

__all__ = ["ALIGNMENT", "Buffer", "Plan", "make_plan", "storage"]

ALIGNMENT = 64

Storage = tuple[Value, int]
"""What owns memory: an op or parameter, and which of its results."""


@dataclass(slots=True)
class Buffer:
    """kind: argument, result, constant or arena. offset: in the arena.

    first, last: the steps that write it and read it last.
    """

    kind: str
    nbytes: int
    first: int
    last: int
    offset: int = 0


@dataclass(slots=True)
class Plan:
    """slots: the number of each storage in a call's table of buffers."""

    buffers: list[Buffer]
    slots: dict[Storage, int]
    constants: list[tuple[int, Value]]
    copies: list[tuple[Value, int]]
    nbytes: int

    def slot(self, value: Value) -> int:
        """The slot a value is in."""
        return self.slots[storage(value)]

    @property
    def live_bytes(self) -> int:
        """The most arena bytes in use at once: a lower bound for `nbytes`."""
        change: dict[int, int] = {}
        for buffer in self.buffers:
            if buffer.kind == "arena":
                size = _padded(buffer.nbytes)
                change[buffer.first] = change.get(buffer.first, 0) + size
                change[buffer.last + 1] = change.get(buffer.last + 1, 0) - size
        most = now = 0
        for step in sorted(change):
            now += change[step]
            most = max(most, now)
        return most


def storage(value: Value) -> Storage:
    """What a value is stored in, looking through views."""
    while value.prim is not None and len(value.args) == 1:
        if value.prim.name == "item":
            return value.args[0], value.attr("index")
        if not _is_alias(value):
            break
        value = value.args[0]
    return value, 0


def _is_alias(op: Value) -> bool:
    from tapec.native.lowering import is_view

    return is_view(op)


def make_plan(
    fn: Function,
    steps: Sequence[tuple[Sequence[Value], Sequence[Storage]]],
) -> Plan:
    """Lay out `fn`, run as `steps`: what each reads, and the storages it writes."""
    plan = Plan([], {}, [], [], 0)

    def add(owner: Storage, buffer: Buffer) -> None:
        plan.slots[owner] = len(plan.buffers)
        plan.buffers.append(buffer)

    end = len(steps)
    for param in fn.params:
        add((param, 0), Buffer("argument", _nbytes((param, 0)), -1, end))
    written = {owner for _, writes in steps for owner in writes}
    for number, result in enumerate(fn.results):
        owner = storage(result)
        buffer = Buffer("result", _nbytes(owner), -1, end)
        if owner in written and owner not in plan.slots:
            add(owner, buffer)
        else:
            plan.buffers.append(buffer)
            plan.copies.append((result, len(fn.params) + number))
    for op in fn.ops:
        if op.prim.name == "const":
            plan.constants.append((len(plan.buffers), op))
            add((op, 0), Buffer("constant", _nbytes((op, 0)), -1, end))
    _add_temporaries(plan, steps, add)
    for result, _ in plan.copies:
        buffer = plan.buffers[plan.slot(result)]
        buffer.last = end
    _lay_out(plan)
    return plan


def _add_temporaries(
    plan: Plan, steps: Sequence[tuple[Sequence[Value], Sequence[Storage]]], add: object
) -> None:
    for number, (reads, writes) in enumerate(steps):
        for owner in writes:
            if owner not in plan.slots:
                add(owner, Buffer("arena", _nbytes(owner), number, number))  # type: ignore[operator]
        for value in reads:
            buffer = plan.buffers[plan.slot(value)]
            buffer.last = max(buffer.last, number)


def _nbytes(owner: Storage) -> int:
    value, index = owner
    type_ = value.type
    return (type_.items[index] if isinstance(type_, TupleType) else type_).nbytes


def _padded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT


def _lay_out(plan: Plan) -> None:
    """First the buffers that are written first; the tightest gap that is free."""
    temporaries = [b for b in plan.buffers if b.kind == "arena"]
    live: list[Buffer] = []
    for buffer in sorted(temporaries, key=lambda b: b.first):
        live = [b for b in live if b.last >= buffer.first]
        buffer.offset = _gap(live, _padded(buffer.nbytes))
        live.append(buffer)
        live.sort(key=lambda b: b.offset)
        plan.nbytes = max(plan.nbytes, buffer.offset + _padded(buffer.nbytes))


def _gap(live: Sequence[Buffer], size: int) -> int:
    """Offset of the smallest sufficient gap between live buffers, else the end."""
    best: tuple[int, int] | None = None
    start = 0
    for b in live:
        free = b.offset - start
        if free >= size and (best is None or free < best[0]):
            best = free, start
        start = max(start, b.offset + _padded(b.nbytes))
    return best[1] if best else start
