"""`while_reverse`: forward with a growing record of what the steps back will read.

The record is one row per step, in memory that `realloc` enlarges; it is freed when the
last step back is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from llvmlite import ir

from tapec.ir import ArrayType
from tapec.native.heap import free, reallocate
from tapec.native.layout import memory_type
from tapec.native.loop_blocks import (
    Block,
    Branches,
    Counted,
    Registers,
    Until,
    flat,
    join,
)
from tapec.native.loop_body import Elements, Region, Target
from tapec.native.scalars import Builder

__all__ = ["BLOCKS", "Record"]

INT, BYTE, POINTER = ir.IntType(64), ir.IntType(8), ir.PointerType()
FIRST = 64
"""Rows that the record has at first."""


class Record(Until):
    """The two loops."""

    def emit(self, places: Mapping[int, Target]) -> list[Registers]:
        count, record = self._forward()
        found = self._backward(count, record)
        free(self.before, record)
        return found

    # --- forward

    def _forward(self) -> tuple[Any, Any]:
        """The number of steps and the record."""
        n = self.op.attr("carries")
        start = [self.started(a) for a in self.op.args[:n]]
        at = ir.IRBuilder(self.before.append_basic_block("test"))
        head = at.block
        counter, record, room = at.phi(INT), at.phi(POINTER), at.phi(INT)
        b = self.builder(at)
        phis = self.phis(b, start)
        holds = self.inside(b, "cond", phis)
        (truth,) = holds.all_of(holds.body.results[0])
        leave = at.block
        step = at.append_basic_block("step")
        at.position_at_end(step)
        grown, more = self._room(at, counter, record, room)
        region = self.inside(b, "body", phis)
        following = [region.all_of(v) for v in region.body.results[:n]]
        row = at.gep(grown, [at.mul(counter, self._row)], source_etype=BYTE)
        for value, place in zip(region.body.results[n:], self._places, strict=True):
            self._write(at, row, place, region.all_of(value))
        latch = at.block
        after = self.before.append_basic_block("recorded")
        counter.add_incoming(at.add(counter, ir.Constant(INT, 1)), latch)
        record.add_incoming(grown, latch)
        room.add_incoming(more, latch)
        at.branch(head)
        ir.IRBuilder(leave).cbranch(truth.value, step, after)
        before = self.before.block
        counter.add_incoming(ir.Constant(INT, 0), before)
        record.add_incoming(ir.Constant(POINTER, None), before)
        room.add_incoming(ir.Constant(INT, 0), before)
        join(flat(phis), flat(start), before)
        join(flat(phis), flat(following), latch)
        self.before.branch(head)
        self.before.position_at_end(after)
        return counter, record

    def _room(self, at: Any, counter: Any, record: Any, room: Any) -> tuple[Any, Any]:
        """The record with a free row, and how many rows it has."""
        full = at.icmp_unsigned("==", counter, room)
        before = at.block
        with at.if_then(full, likely=False):
            twice = at.shl(room, ir.Constant(INT, 1))
            least = at.icmp_unsigned("<", twice, ir.Constant(INT, FIRST))
            more = at.select(least, ir.Constant(INT, FIRST), twice)
            leave = partial(free, at, record)
            grown = reallocate(at, record, at.mul(more, self._row), leave)
            inside = at.block
        pointer, rows = at.phi(POINTER), at.phi(INT)
        pointer.add_incoming(record, before)
        pointer.add_incoming(grown, inside)
        rows.add_incoming(room, before)
        rows.add_incoming(more, inside)
        return pointer, rows

    # --- rows

    @property
    def _types(self) -> list[ArrayType]:
        results = self.op.attr("body").results[self.op.attr("carries") :]
        return [r.type for r in results]

    @property
    def _places(self) -> list[int]:
        """Where in a row each value begins, all of them at multiples of 16 bytes."""
        places, end = [], 0
        for t in self._types:
            places.append(end)
            end += -(-t.nbytes // 16) * 16
        return places

    @property
    def _row(self) -> Any:
        """Bytes of a row."""
        size = sum(-(-t.nbytes // 16) * 16 for t in self._types)
        return ir.Constant(INT, max(size, 16))

    def _write(self, at: Any, row: Any, place: int, elements: Registers) -> None:
        base = at.gep(row, [ir.Constant(INT, place)], source_etype=BYTE)
        parts = [part for x in elements for part in x.parts]
        for number, part in enumerate(parts):
            dtype = elements[0].dtype
            value = at.zext(part, BYTE) if dtype.kind == "b" else part
            kind = memory_type(dtype)
            at.store(value, at.gep(base, [ir.Constant(INT, number)], source_etype=kind))

    def _read(self, b: Builder, row: Any, place: int, type_: ArrayType) -> Registers:
        at, dtype = b.scopes[-1], type_.dtype
        base = at.gep(row, [ir.Constant(INT, place)], source_etype=BYTE)
        width = 2 if dtype.kind == "c" else 1
        kind = memory_type(dtype)
        parts = []
        for number in range(type_.size * width):
            where = at.gep(base, [ir.Constant(INT, number)], source_etype=kind)
            part = at.load(where, typ=kind)
            if dtype.kind == "b":
                part = at.icmp_unsigned("!=", part, ir.Constant(BYTE, 0))
            parts.append(part)
        groups = [parts[i : i + width] for i in range(0, len(parts), width)]
        return [b.make(dtype, self.depth, *group) for group in groups]

    # --- backward

    def _backward(self, count: Any, record: Any) -> list[Registers]:
        op, outer = self.op, self.outer.b
        bars, sums, n = op.attr("bars"), op.attr("sums"), op.attr("carries")
        fixed = op.args[n : len(op.args) - len(bars)]
        start = [self.started(a) for a in op.args[len(op.args) - len(bars) :]]
        zeros = [outer.const(0, fixed[i].dtype) for i in sums]
        start += [[z] * fixed[i].type.size for z, i in zip(zeros, sums, strict=True)]
        at = ir.IRBuilder(self.before.append_basic_block("left"))
        head = at.block
        left = at.phi(INT)
        b = self.builder(at)
        phis = self.phis(b, start)
        step = at.append_basic_block("back")
        after = self.before.append_basic_block("done")
        at.cbranch(at.icmp_unsigned("!=", left, ir.Constant(INT, 0)), step, after)
        at.position_at_end(step)
        number = at.sub(left, ir.Constant(INT, 1))
        row = at.gep(record, [at.mul(number, self._row)], source_etype=BYTE)
        following = self._step_back(b, row, phis, fixed)
        left.add_incoming(number, at.block)
        join(flat(phis), flat(following), at.block)
        at.branch(head)
        left.add_incoming(count, self.before.block)
        join(flat(phis), flat(start), self.before.block)
        self.before.branch(head)
        self.before.position_at_end(after)
        return self.outside(phis)

    def _step_back(
        self, b: Builder, row: Any, carried: list[Registers], fixed: Any
    ) -> list[Registers]:
        body = self.op.attr("back")
        region = Region(b, body, self.outer)
        self.registers(region, body.params, carried)
        rest = body.params[len(carried) :]
        self.same(region, rest[: len(fixed)], fixed)
        stored = zip(rest[len(fixed) :], self._places, self._types, strict=True)
        for p, place, type_ in stored:
            elements = self._read(b, row, place, type_)
            region.elements[p] = Elements.in_registers(p.shape, elements)
        region.emit({})
        return [region.all_of(v) for v in body.results]


BLOCKS: dict[str, type[Block]] = {
    "scan": Counted,
    "switch": Branches,
    "while_loop": Until,
    "while_reverse": Record,
}
"""What each operation becomes."""
