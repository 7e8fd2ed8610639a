"""Loops and branches in scalar code: blocks, and phi nodes for what they carry."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Dim, Function, Value
from tapec.native.layout import NoNative, real_dtype, register_type
from tapec.native.loop_body import (
    TINY,
    Elements,
    Region,
    Target,
    at_most,
    is_stacked,
)
from tapec.native.math.short import SHORT, call_short
from tapec.native.places import Axis, Place
from tapec.native.scalars import Builder, Scalar

__all__ = ["Block", "Branches", "Counted", "Registers", "Until", "flat", "join"]

INT = ir.IntType(64)
POSITION = np.dtype(np.int64)
Registers = list[Scalar]


class LoopBuilder(Builder):
    """Inside a loop whose steps wait for each other."""

    serial = True

    def math(self, name: str, *operands: Any) -> Scalar:
        (x, *others) = operands
        known = isinstance(x, Scalar) and x.dtype.char in "fd"
        if name not in SHORT or others or not known or x.depth < len(self.scopes) - 1:
            return super().math(name, *operands)
        at, depth = self.at(x)
        return self.make(x.dtype, depth, call_short(at, name, x.value))


class Block:
    """A loop or branch within a region.

    before: adds code in front of it, and behind it once it is closed. stacked: which
    results go to memory.
    """

    stacked: Sequence[int] = ()

    def __init__(self, outer: Region, op: Value) -> None:
        self.outer, self.op = outer, op
        self.before = outer.b.scopes[-1]
        self.depth = len(outer.b.scopes)

    def emit(self, places: Mapping[int, Target]) -> list[Registers]:
        """The code; the answer is the results that are in registers.

        Result `i` of `stacked` goes to `places[i]`.
        """
        raise NotImplementedError

    # --- parts

    def started(self, operand: Value) -> Registers:
        """The elements of an operand."""
        if not at_most(operand.type.size, TINY):
            raise NoNative("a carry too large for registers")
        return self.outer.all_of(operand)

    def builder(self, at: Any) -> LoopBuilder:
        """Code at this depth, added by `at`."""
        outer = self.outer.b
        b = LoopBuilder([*outer.scopes, at], outer.lines)
        b.axes, b.places = dict(outer.axes), dict(outer.places)
        b.extents = outer.extents
        return b

    def phi(self, b: Builder, x: Scalar) -> Scalar:
        """A phi node for scalars like `x`, at the end of the code so far."""
        kind = register_type(real_dtype(x.dtype) if x.kind == "c" else x.dtype)
        return b.make(x.dtype, self.depth, *[b.scopes[-1].phi(kind) for _ in x.parts])

    def phis(self, b: Builder, rows: Sequence[Registers]) -> list[Registers]:
        """One for each scalar."""
        return [[self.phi(b, x) for x in row] for row in rows]

    def registers(self, region: Region, params: Any, rows: Sequence[Registers]) -> None:
        """Parameters that are in registers."""
        for p, elements in zip(params, rows, strict=False):
            region.elements[p] = Elements.in_registers(p.shape, elements)

    def same(self, region: Region, params: Any, operands: Sequence[Value]) -> None:
        """Parameters that are values of the surroundings."""
        for p, a in zip(params, operands, strict=True):
            region.elements[p] = Elements(_reader(a))

    def outside(self, rows: Sequence[Registers]) -> list[Registers]:
        """Scalars as the code behind the block sees them."""
        b, depth = self.outer.b, self.depth - 1
        return [
            [Scalar(b, x.dtype, x.parts, min(x.depth, depth)) for x in row]
            for row in rows
        ]


def _reader(a: Value) -> Callable[[Region, Any], Scalar]:
    return lambda region, index: region.value_at(a, index)


def flat(rows: Sequence[Registers]) -> Registers:
    """All scalars in a row."""
    return list(itertools.chain.from_iterable(rows))


def join(phis: Registers, xs: Registers, block: Any) -> None:
    """What phi nodes are when control comes from a block."""
    for phi, x in zip(phis, xs, strict=True):
        for p, part in zip(phi.parts, x.parts, strict=True):
            p.add_incoming(part, block)


class Counted(Block):
    """`scan`: a block that runs `length` times."""

    def __init__(self, outer: Region, op: Value) -> None:
        super().__init__(outer, op)
        self.body: Function = op.attr("body")
        self.length, self.carries = op.attr("length"), op.attr("carries")
        self.shared = self.carries + op.attr("invariants")
        self.stacked = range(self.carries, len(op.type.items))

    def emit(self, places: Mapping[int, Target]) -> list[Registers]:
        start = [self.started(a) for a in self.op.args[: self.carries]]
        at = ir.IRBuilder(self.before.append_basic_block("loop"))
        counter = at.phi(INT)
        b = self.builder(at)
        b.axes[-self.depth] = b.make(POSITION, self.depth, counter)
        region = Region(b, self.body, self.outer)
        phis = self.phis(b, start)
        self._enter(region, phis)
        following = self._fill(region, places)
        return self.outside(self._close(at, counter, phis, start, following))

    @property
    def time(self) -> Place:
        """The number of the step's elements."""
        i = Place([(Axis(-self.depth, self.length), 1)], 0)
        return self.length - 1 - i if self.op.attr("reverse") else i

    def _enter(self, region: Region, phis: list[Registers]) -> None:
        """Where the parameters of the body are."""
        params, args, n = self.body.params, self.op.args, self.carries
        self.registers(region, params, phis)
        self.same(region, params[n : self.shared], args[n : self.shared])
        t = self.time

        def stepped(a: Value) -> Elements:
            return Elements(lambda inner, index: inner.value_at(a, [t, *index]))

        for p, a in zip(params[self.shared :], args[self.shared :], strict=True):
            region.elements[p] = stepped(a)

    def _fill(self, region: Region, places: Mapping[int, Target]) -> list[Registers]:
        """The code of one step; the next carries."""
        results = self.body.results
        targets: dict[Value, Target] = {}
        again = []
        for i, (buffer, first) in places.items():
            v = results[i]
            target = buffer, first + self.time * v.type.size
            if v in targets:
                again.append((v, target))
            targets.setdefault(v, target)
        region.emit(targets)
        fresh = [row for row in targets.items() if not is_stacked(row[0])]
        for v, target in (*fresh, *again):
            region.store(v, target)
        return [region.all_of(v) for v in results[: self.carries]]

    def _close(
        self, at: Any, counter: Any, phis: list[Registers], start: list[Registers],
        last: list[Registers],
    ) -> list[Registers]:  # fmt: skip
        """Back to the first block or out; the last carries."""
        before, latch, head = self.before.block, at.block, counter.parent
        following = at.add(counter, ir.Constant(INT, 1), flags=("nuw", "nsw"))
        counter.add_incoming(ir.Constant(INT, 0), before)
        counter.add_incoming(following, latch)
        join(flat(phis), flat(start), before)
        join(flat(phis), flat(last), latch)
        after = self.before.append_basic_block("done")
        length = self.outer.b.extents.value(self.length)
        at.cbranch(at.icmp_unsigned("<", following, length), head, after)
        if not isinstance(self.length, Dim):
            self.before.branch(head)
            self.before.position_at_end(after)
            return last
        some = self.before.icmp_unsigned("!=", length, ir.Constant(INT, 0))
        self.before.cbranch(some, head, after)
        self.before.position_at_end(after)
        found = self.phis(self.outer.b, last)
        join(flat(found), flat(start), before)
        join(flat(found), flat(last), latch)
        return found


class Branches(Block):
    """`switch`: a block for each branch, the results joined behind them."""

    def emit(self, places: Mapping[int, Target]) -> list[Registers]:
        bodies = [v for _, v in self.op.attrs]
        index, *operands = self.op.args
        number = self._number(index, len(bodies))
        after = self.before.append_basic_block("joined")
        ends = []
        for body in bodies:
            at = ir.IRBuilder(self.before.append_basic_block("branch"))
            head = at.block
            region = Region(self.builder(at), body, self.outer, floor=self.depth)
            self.same(region, body.params, operands)
            region.emit({})
            rows = [self._result(region, r) for r in body.results]
            at.branch(after)
            ends.append((head, at.block, rows))
        choice = self.before.switch(number, ends[-1][0])
        for i, (head, _, _) in enumerate(ends[:-1]):
            choice.add_case(ir.Constant(INT, i), head)
        self.before.position_at_end(after)
        merged = self._merged([rows for _, _, rows in ends])
        for _, end, rows in ends:
            join(flat(merged), flat(rows), end)
        return merged

    def _number(self, index: Value, count: int) -> Any:
        b = self.outer.b
        x = b.cast(self.outer.value_at(index, []), POSITION)
        if index.dtype.kind == "u":
            return b.intrinsic("umin", x, count - 1).value
        x = b.intrinsic("smin", b.intrinsic("smax", x, 0), count - 1)
        return x.value

    def _result(self, region: Region, value: Value) -> Registers:
        if not at_most(value.type.size, TINY):
            raise NoNative("a result too large for registers")
        return region.all_of(value)

    def _merged(self, ends: list[list[Registers]]) -> list[Registers]:
        b, depth = self.outer.b, self.depth - 1
        found = self.phis(b, ends[0])
        return [[Scalar(b, x.dtype, x.parts, depth) for x in row] for row in found]


class Until(Block):
    """`while_loop`: a block that tests, and one for the step."""

    def emit(self, places: Mapping[int, Target]) -> list[Registers]:
        n = self.op.attr("carries")
        start = [self.started(a) for a in self.op.args[:n]]
        at = ir.IRBuilder(self.before.append_basic_block("test"))
        head = at.block
        b = self.builder(at)
        phis = self.phis(b, start)
        holds = self.inside(b, "cond", phis)
        (truth,) = holds.all_of(holds.body.results[0])
        leave = at.block
        step = at.append_basic_block("step")
        at.position_at_end(step)
        region = self.inside(b, "body", phis)
        following = [region.all_of(v) for v in region.body.results[:n]]
        latch = at.block
        at.branch(head)
        after = self.before.append_basic_block("done")
        ir.IRBuilder(leave).cbranch(truth.value, step, after)
        join(flat(phis), flat(start), self.before.block)
        join(flat(phis), flat(following), latch)
        self.before.branch(head)
        self.before.position_at_end(after)
        return self.outside(phis)

    def inside(self, b: Builder, which: str, carried: list[Registers]) -> Region:
        """The code of a body, whose first parameters are in registers."""
        body: Function = self.op.attr(which)
        region = Region(b, body, self.outer)
        count = len(body.params)
        self.registers(region, body.params, carried)
        n = len(carried)
        self.same(region, body.params[n:], self.op.args[n:count])
        region.emit({})
        return region
