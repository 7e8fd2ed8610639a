"""The function with loops in the place of the rounds they were found in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tapec.ir import Constant, Emitter, Function, Value, renumber
from tapec.ops.const import const, item
from tapec.ops.control import scan
from tapec.ops.effects import check
from tapec.ops.shape import broadcast_to
from tapec.passes.rolling import supply
from tapec.passes.rolling.body import Body
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.needs import Needs
from tapec.passes.rolling.plan import Loop, without_last
from tapec.passes.rolling.stores import put_back

__all__ = ["rebuilt"]

Roll = Callable[[Function], Function]


def rebuilt(fn: Function, flat: Flat, loops: list[Loop], roll: Roll) -> Function:
    """`fn` with `loops`, which stand in order; `roll` finds those inside them."""
    made = _Rebuilt(fn, flat, roll)
    place = flat.first
    for loop in loops:
        made.copy(place, loop.begin)
        place = made.loop(loop)
    made.copy(place, flat.count)
    results = [made.value(i) for i in flat.results.tolist()]
    return Function(fn.name, fn.params, made.emit.ops, results)


class _Rebuilt:
    """The function under construction.

    new: what stands for the values that did not stay as they were.
    """

    def __init__(self, fn: Function, flat: Flat, roll: Roll) -> None:
        self.flat = flat
        self.uid = fn.next_uid
        self.emit = Emitter(self.uid)
        self.roll = roll
        self.new: dict[int, Value | supply.Part] = {}
        self._consts = len(fn.params)

    # values

    def part(self, i: int) -> Value | supply.Part:
        """What stands for value `i`; an element of a loop's outputs stays inside."""
        found = self.new.get(i)
        if found is None:
            found = self.flat.values[i]
            if self._consts <= i < self.flat.first:
                self.new[i] = self.emit.keep(found)
        return found

    def value(self, i: int) -> Value:
        """What stands for value `i`."""
        found = self.part(i)
        if isinstance(found, supply.Part):
            found = self.new[i] = supply.element(self.emit, found)
        return found

    # ops that stay

    def copy(self, begin: int, end: int) -> None:
        """Ops from `begin` to `end`, on the new operands."""
        starts = self.flat.start[begin : end + 1].tolist()
        args = self.flat.args[starts[0] : starts[-1]].tolist()
        first = starts[0]
        for i, a, b in zip(range(begin, end), starts, starts[1:], strict=False):
            self._copy(i, args[a - first : b - first])

    def _copy(self, i: int, args: list[int]) -> None:
        op = self.flat.values[i]
        new = self.new
        if op.prim.name == "reshape":
            part = self.part(args[0])
            if isinstance(part, supply.Part):
                new[i] = part._replace(shape=op.shape)
                return
        elif op.prim.name == "concatenate":
            parts = [self.part(a) for a in args]
            if any(isinstance(p, supply.Part) for p in parts):
                found = supply.joined(self.emit, parts, op.attr("axis"))
                if found is not None:
                    new[i] = found
                    return
        operands = tuple([self.value(a) for a in args])
        if operands == op.args:
            self.emit.keep(op)
        else:
            new[i] = self.emit.keep(
                Value(op.prim, operands, op.attrs, op.type, op.uid, op.name, op.meta)
            )

    # loops

    def loop(self, loop: Loop) -> int:
        """The loop, and what it leaves to do; where the ops after it begin."""
        needs = Needs(self.flat, loop)
        if needs.idle and (shorter := without_last(self.flat, loop)) is not None:
            loop = shorter
            needs = Needs(self.flat, loop)
        if needs.live:
            self._scan(loop, needs)
        for i in needs.tail:
            a, b = self.flat.start[i : i + 2].tolist()
            self._copy(i, self.flat.args[a:b].tolist())
        return loop.end

    def _scan(self, loop: Loop, needs: Needs) -> None:
        body = Body(self, loop, needs.live, self.uid)
        last = {i: body.carry(c) for i, c in needs.finals(body.carries).items()}
        starts = [self._start(c.starts, param) for c, param in body.carries.items()]
        if body.passed is not None:
            starts.append(self.emit.new(const, value=Constant(np.True_)))
        fixed = [self.value(i) for i in body.fixed]
        xs = [rows for rows, _ in body.xs.values()]
        step = renumber(body.function(needs.stacked))
        op = self.emit.new(
            scan, *starts, *fixed, *xs, body=self.roll(step),
            carries=len(starts), invariants=len(fixed), length=loop.trips,
            reverse=False, like=self.flat.values[loop.begin],
        )  # fmt: skip
        number = {param: k for k, param in enumerate(body.carries.values())}
        for i, param in last.items():
            self.new[i] = self.emit.new(item, op, index=number[param])
        if body.passed is not None:
            passed = self.emit.new(item, op, index=len(body.carries))
            like = self.flat.values[loop.begin + needs.checks[0]]
            self.emit.new(check, passed, expected=True, like=like)
        stacks: dict[int, Value] = {}
        for k, o in enumerate(needs.stacked, len(starts)):
            stack = self.emit.new(item, op, index=k)
            stacks[o] = stack
            for i in needs.rounds[o]:
                t = (i - loop.begin) // loop.period
                self.new[i] = supply.Part(stack, t, stack.shape[1:])
        for store in needs.stores:
            if all(o in stacks for o in store.values):
                array = self.value(store.start)
                for o, region in zip(store.values, store.regions, strict=True):
                    array = put_back(self.emit, array, stacks[o], region)
                self.new[loop.end - loop.period + store.places[-1]] = array

    def _start(self, starts: tuple[int, ...], param: Value) -> Value:
        """The initial value of a carry; zeros if nothing reads it."""
        if starts[0] < 0:
            array = np.zeros((), param.dtype)
            value = self.emit.new(const, value=Constant(array))
        else:
            value = self.value(starts[0])
        if value.shape == param.shape:
            return value
        return self.emit.new(broadcast_to, value, shape=param.shape)
