"""Where every value of a program lives: arguments, results, constants, one arena.

A view is its operand's buffer. A value that is returned is computed in the array that
the caller receives. All else shares one arena per running call, laid out by liveness: a
buffer may take the place of one that no later step reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tapec.ir import Function, TupleType, Value
from tapec.native.lowering import is_view
from tapec.native.packing import Span, packed

__all__ = ["ALIGNMENT", "Buffer", "Plan", "make_plan", "storage"]

ALIGNMENT = 64

Storage = tuple[Value, int]
"""What owns memory: an op or parameter, and which of its results."""

Row = tuple[Sequence[Value], Sequence[Storage]]
"""What a step reads and writes."""


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

    def add(self, owner: Storage, kind: str, first: int, last: int) -> None:
        """Give a storage a buffer."""
        self.slots[owner] = len(self.buffers)
        self.buffers.append(Buffer(kind, _nbytes(owner), first, last))

    def slot(self, value: Value) -> int:
        """The slot a value is in."""
        return self.slots[storage(value)]

    @property
    def live_bytes(self) -> int:
        """The most arena bytes in use at once: a lower bound for `nbytes`."""
        return max((size for _, size in self.curve()), default=0)

    def curve(self) -> list[tuple[int, int]]:
        """From which steps on how many arena bytes are in use."""
        change: dict[int, int] = {}
        for buffer in self.buffers:
            if buffer.kind == "arena":
                size = _padded(buffer.nbytes)
                change[buffer.first] = change.get(buffer.first, 0) + size
                change[buffer.last + 1] = change.get(buffer.last + 1, 0) - size
        sizes = accumulate(change[step] for step in sorted(change))
        return list(zip(sorted(change), sizes, strict=True))


def storage(value: Value) -> Storage:
    """What a value is stored in, looking through views."""
    while value.prim is not None and value.args:
        if value.prim.name == "item":
            return value.args[0], value.attr("index")
        if not is_view(value):
            break
        value = value.args[0]
    return value, 0


def make_plan(fn: Function, steps: Sequence[Row]) -> Plan:
    """Lay out `fn`, run as `steps`: what each reads, and the storages it writes."""
    plan = Plan([], {}, [], [], 0)
    end = len(steps)
    for param in fn.params:
        plan.add((param, 0), "argument", -1, end)
    written = {owner for _, writes in steps for owner in writes}
    for number, result in enumerate(fn.results):
        owner = storage(result)
        if owner in written and owner not in plan.slots:
            plan.add(owner, "result", -1, end)
        else:
            plan.buffers.append(Buffer("result", _nbytes(owner), -1, end))
            plan.copies.append((result, len(fn.params) + number))
    for op in fn.ops:
        if op.prim.name == "const":
            plan.constants.append((len(plan.buffers), op))
            plan.add((op, 0), "constant", -1, end)
    for number, (reads, writes) in enumerate(steps):
        for owner in writes:
            if owner not in plan.slots:
                plan.add(owner, "arena", number, number)
        for value in reads:
            buffer = plan.buffers[plan.slot(value)]
            buffer.last = max(buffer.last, number)
    for result, _ in plan.copies:
        plan.buffers[plan.slot(result)].last = end
    _lay_out(plan)
    return plan


def _nbytes(owner: Storage) -> int:
    value, index = owner
    type_ = value.type
    return (type_.items[index] if isinstance(type_, TupleType) else type_).nbytes


def _padded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT


def _lay_out(plan: Plan) -> None:
    temporaries = [b for b in plan.buffers if b.kind == "arena"]
    spans = [Span(b.first, b.last, _padded(b.nbytes)) for b in temporaries]
    plan.nbytes, offsets = packed(spans)
    for buffer, offset in zip(temporaries, offsets, strict=True):
        buffer.offset = offset
