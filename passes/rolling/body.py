"""One round of a loop as a function, and the operands of the loop."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol

import numpy as np

from tapec.ir import ArrayType, Constant, Emitter, Function, Value, prune
from tapec.ops.const import const
from tapec.ops.effects import check
from tapec.ops.gather import gather, put
from tapec.ops.logic import equal, logical_and, logical_not
from tapec.ops.shape import reshape
from tapec.passes.rolling import supply
from tapec.passes.rolling.advance import Region, Window, table, windows
from tapec.passes.rolling.classify import Carried, Fixed, Given, Local, Slot
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop

__all__ = ["Body", "Outer"]

LARGEST = 1 << 22
"""Elements that may be gathered before the loop runs."""


class Outer(Protocol):
    """The function that the loop becomes a part of."""

    flat: Flat
    emit: Emitter

    def value(self, i: int) -> Value: ...

    def part(self, i: int) -> Value | supply.Part: ...


class Body:
    """The ops of one round that later rounds or outputs need.

    carries, fixed: parameters. xs: operands to run along, with their parameters.
    local: the new values by place in the round. passed: whether all checks have passed,
    as a parameter and as the next carry.
    """

    def __init__(self, outer: Outer, loop: Loop, live: set[int], uid: int) -> None:
        self.outer = outer
        self.loop = loop
        self.live = live
        self.emit = Emitter(uid)
        self.carries: dict[Carried, Value] = {}
        self.fixed: dict[int, Value] = {}
        self.xs: dict[Any, tuple[Value, Value]] = {}
        self.local: dict[int, Value] = {}
        self.passed: tuple[Value, Value] | None = None
        self._consts: dict[Constant, Value] = {}
        self._lines = self._regions_by_line()
        self._windows = self._windows_by_array()
        self._build()

    def _build(self) -> None:
        flat, loop = self.outer.flat, self.loop
        at = 0
        for o in range(loop.period):
            op = flat.values[loop.begin + o]
            slots = loop.slots[at : at + len(op.args)]
            at += len(slots)
            if o not in self.live:
                continue
            region = loop.regions.get(o)
            if op.prim is check:
                self._check(op, self.operand(slots[0]))
            elif op.prim is reshape:
                x = self.operand(slots[0])
                self.local[o] = supply.shaped(self.emit, x, op.shape, op)
            elif region is None:
                args = tuple([self.operand(s) for s in slots])
                self.local[o] = self.emit.keep(
                    Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
                )
            elif op.prim.name == "slice":
                self.local[o] = self._slice(op, slots[0], region)
            else:
                self.local[o] = self._update(op, slots, region)

    def _check(self, op: Value, value: Value) -> None:
        """Remember whether this and all checks before have passed."""
        expected = op.attr("expected")
        if expected is False:
            value = self.emit.new(logical_not, value, like=op)
        elif expected is not True:
            wanted = self._const(Constant(np.asarray(expected, value.dtype)))
            value = self.emit.new(equal, value, wanted, like=op)
        if self.passed is None:
            param = before = self.param(value.type)
        else:
            param, before = self.passed
        self.passed = param, self.emit.new(logical_and, before, value, like=op)

    # parameters

    def param(self, type_: ArrayType) -> Value:
        made = self.emit.make(None, (), (), type_)
        self.emit.ops.pop()
        return made

    def operand(self, slot: Slot) -> Value:
        """The value in the body that an operand of the round is."""
        if type(slot) is Local:
            return self.local[slot.offset]
        if type(slot) is Carried:
            return self.carry(slot)
        if type(slot) is Given:
            return self._given(slot)
        assert type(slot) is Fixed
        return self._fixed(slot.value)

    def carry(self, slot: Carried) -> Value:
        """The parameter for what was computed `lag` rounds ago."""
        found = self.carries.get(slot)
        if found is None:
            if slot.lag > 1:
                self.carry(Carried(slot.offset, slot.lag - 1, slot.starts[1:]))
            type_ = self.outer.flat.values[self.loop.begin + slot.offset].type
            found = self.carries[slot] = self.param(type_)
        return found

    def _fixed(self, i: int) -> Value:
        found = self.fixed.get(i)
        if found is None:
            v = self.outer.flat.values[i]
            if v.prim is const and v.type.size <= 1:
                return self._const(v.attr("value"), v)
            found = self.fixed[i] = self.param(v.type)
        return found

    def _const(self, value: Constant, like: Value | None = None) -> Value:
        found = self._consts.get(value)
        if found is None:
            found = self.emit.new(const, like=like, value=value)
            self._consts[value] = found
        return found

    def _given(self, slot: Given) -> Value:
        flat = self.outer.flat
        values = [flat.values[i] for i in slot.values]
        if all(v.prim is const for v in values):
            consts = [v.attrs[0][1] for v in values]
            if all(c == consts[0] for c in consts):
                return self._const(consts[0])
            return self._table(np.stack([c.array for c in consts]))
        key = "given", slot.values
        if key not in self.xs:
            type_ = values[0].type
            parts = [self.outer.part(i) for i in slot.values]
            self._run_along(key, supply.stacked(self.outer.emit, parts, type_))
        return self.xs[key][1]

    def _table(self, array: np.ndarray[Any, Any]) -> Value:
        """A row of constants per round."""
        value = Constant(array)
        if value not in self.xs:
            self._run_along(value, self.outer.emit.new(const, value=value))
        return self.xs[value][1]

    def _run_along(self, key: Any, rows: Value) -> Value:
        param = self.param(ArrayType(rows.dtype, rows.shape[1:]))
        self.xs[key] = rows, param
        return param

    # ops that move

    def _regions_by_line(self) -> dict[Any, set[Any]]:
        """Which parts of the other axes are read along each line of an array."""
        found: dict[Any, set[Any]] = defaultdict(set)
        for o, region in self.loop.regions.items():
            line = region.line()
            if line is not None and o in self.live:
                other = [s for a, s in enumerate(region.starts[0]) if a != line[0]]
                slot = self._slot(o)
                found[slot, line].add((*map(int, other), region.shape, region.step))
        return found

    def _windows_by_array(self) -> dict[Any, Any]:
        lines: dict[Any, list[Any]] = defaultdict(list)
        for slot, line in self._lines:
            lines[slot].append(line)
        found = {}
        for slot, every in lines.items():
            if type(slot) is Fixed:
                whole = self.outer.flat.values[slot.value].shape
                found[slot] = windows(every, whole, self.loop.trips)
        return found

    def _slot(self, o: int) -> Slot:
        """The first operand slot of the op at place `o`."""
        start = self.outer.flat.start
        begin = self.loop.begin
        return self.loop.slots[int(start[begin + o] - start[begin])]

    def _slice(self, op: Value, slot: Slot, region: Region) -> Value:
        if type(slot) is Fixed:
            line = region.line()
            if line is not None:
                return self._element(op, slot, region, line)
            if op.type.size * self.loop.trips <= LARGEST:
                key = slot, region.starts.tobytes(), region.shape, region.step
                if key not in self.xs:
                    x = self.outer.value(slot.value)
                    self._run_along(key, supply.gathered(self.outer.emit, x, region))
                return self.xs[key][1]
        axes = range(region.axes[0], region.axes[-1] + 1)
        x = supply.uncut(self.emit, self.operand(slot), region, axes)
        places = self._places(region, axes)
        return self.emit.new(gather, x, *places, like=op, axis=axes[0])

    def _element(
        self, op: Value, slot: Fixed, region: Region, line: tuple[int, int, int]
    ) -> Value:
        """What a region that passes an array element by element holds."""
        if line in self._windows[slot]:
            return self._of_window(slot, region, self._windows[slot][line], op)
        whole = len(self._lines[slot, line]) > 1
        key: Any = slot, line
        if not whole:
            key = *key, region.starts[0].tobytes(), region.shape, region.step
        if key not in self.xs:
            x = self.outer.value(slot.value)
            rows = supply.along(self.outer.emit, x, region, whole)
            self._run_along(key, rows)
        row = self.xs[key][1]
        others = [a for a in range(len(region.shape)) if a != line[0]]
        start = [int(region.starts[0, a]) for a in others]
        shape = tuple(region.shape[a] for a in others)
        part = supply.cut(
            self.emit, row, start, shape, [region.step[a] for a in others]
        )
        return supply.shaped(self.emit, part, region.shape, op)

    def _of_window(
        self, slot: Fixed, region: Region, window: Window, op: Value
    ) -> Value:
        """The same if others pass beside it."""
        key = slot, window
        if key not in self.xs:
            x = self.outer.value(slot.value)
            rows = supply.windowed(self.outer.emit, x, window, self.loop.trips)
            self._run_along(key, rows)
        start = region.starts[0].tolist()
        start[window.axis] -= window.first
        row = self.xs[key][1]
        return supply.cut(self.emit, row, start, region.shape, region.step)

    def _update(self, op: Value, slots: list[Slot], region: Region) -> Value:
        x, v = map(self.operand, slots)
        odd = [a for a in range(len(region.whole)) if not region.full(a)]
        axes = range(min(odd + region.axes), max(odd + region.axes) + 1)
        places = self._places(region, axes)
        return self.emit.new(put, x, v, *places, like=op, axis=axes[0], unique=True)

    def _places(self, region: Region, axes: range) -> list[Value]:
        return [self._table(table(region, axes, a)) for a in axes]

    # the whole

    def function(self, outputs: list[int]) -> Function:
        """The body; results: next carries, then the values at places `outputs`."""
        following = [
            self.local[c.offset]
            if c.lag == 1
            else self.carries[Carried(c.offset, c.lag - 1, c.starts[1:])]
            for c in self.carries
        ]
        params = [*self.carries.values()]
        if self.passed is not None:
            params.append(self.passed[0])
            following.append(self.passed[1])
        params += self.fixed.values()
        params += [param for _, param in self.xs.values()]
        results = following + [self.local[o] for o in outputs]
        return prune(Function("body", params, self.emit.ops, results))
