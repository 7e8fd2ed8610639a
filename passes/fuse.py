"""Gradient fusion: elementwise, index and reduction ops become kernels.

    func @f(%x: f64[9]) {                func @kernel(%0: f64[9]) {
      %1: f64[9] = exp %x                  %1: f64[9] = exp %0
      %2: f64[9] = multiply %1, %x    ->   %2: f64[9] = multiply %1, %0
      %3: f64[] = sum %2 axis=(0,)         %3: f64[] = sum %2 axis=(0,)
      return %1, %3                        return %1, %3
    }                                    }

                                         func @f(%x: f64[9]) {
                                           %4: (f64[9], f64[]) = fused %x body=@kernel
                                           %5: f64[9] = item %4 index=0
                                           %6: f64[] = item %4 index=1
                                           return %5, %6
                                         }

Ops that run through the same space, forward or backward, at the same level are one
kernel; an op whose loop has an order has its own. An op's level is the greatest of its
operands', plus one where an operand must be complete before it can be read; so what
leaves a group and comes back has risen, and no two groups wait for each other. Operands
over smaller spaces and operands of index ops are computed again inside the kernel when
that is cheap. The rest stays as it is: steps (library and host calls, effects in their
order) and views.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tapec import primitive as lowerings
from tapec.ir import Emitter, Function, Value, has_effect, placed, rewrite
from tapec.native.levels import Levels
from tapec.native.lowering import cost
from tapec.native.space import extents_of, is_serial, space_of
from tapec.ops.const import item
from tapec.ops.fused import fused
from tapec.passes.connected import connected
from tapec.promotion import broadcast_shapes

__all__ = ["fuse"]

LARGEST = 768
HEAVIEST = 1500
"""Ops, and instructions, in one kernel: bounds what LLVM must look at at once."""


def fuse(fn: Function) -> Function:
    """Group the ops of `fn` into kernels."""
    fn = _without_broadcasts(fn)
    info = Levels(fn)
    number = {op: i for i, op in enumerate(fn.ops)}
    units = _demand(fn, info, number, _groups(fn, info))
    return _emit(fn, _in_order(units, number))


def _without_broadcasts(fn: Function) -> Function:
    """Elementwise ops broadcast their operands themselves."""

    def rule(op: Value, emit: Emitter) -> Value:
        if not isinstance(op.prim.lower, lowerings.Scalar):
            return emit.keep(op)
        args = list(op.args)
        for i, a in enumerate(args):
            if a.prim is not None and a.prim.name == "broadcast_to":
                narrow = [*args[:i], a.args[0], *args[i + 1 :]]
                if broadcast_shapes("", *[n.type for n in narrow]) == op.shape:
                    args = narrow
        if tuple(args) == op.args:
            return emit.keep(op)
        moved = Value(op.prim, tuple(args), op.attrs, op.type, op.uid, op.name, op.meta)
        return emit.keep(moved)

    return rewrite(fn, rule)


# --- groups -------------------------------------------------------------------


@dataclass(eq=False)
class Unit:
    """Ops that stay together: the candidates of one kernel, or one other op.

    connected: the members and what would be with them in a larger kernel. inside: what
    its kernel computes. outputs: the members that others read.
    """

    members: list[Value]
    connected: list[Value]
    inside: set[Value] = field(default_factory=set)
    outputs: list[Value] = field(default_factory=list)
    inputs: dict[Value, None] = field(default_factory=dict)

    @property
    def is_kernel(self) -> bool:
        """Whether this becomes a fused op."""
        return bool(self.outputs)


def _groups(fn: Function, info: Levels) -> dict[Value, Unit]:
    """The unit of each op that can run in a kernel."""
    rows: dict[Any, list[Value]] = defaultdict(list)
    for op in fn.ops:
        if info.kind(op) in ("map", "reduce"):
            alone = op if is_serial(op) else None
            rows[space_of(op), info.levels[op], alone].append(op)
    found: dict[Value, Unit] = {}
    for (space, _, _), ops in rows.items():
        for part in _connected(ops, info, space):
            for members in _bounded(part):
                found.update(dict.fromkeys(members, Unit(members, part)))
    return found


def _bounded(ops: list[Value]) -> Iterable[list[Value]]:
    """Runs of ops that are small enough for one kernel."""
    run: list[Value] = []
    weight = 0
    for op in ops:
        if len(run) == LARGEST or weight > HEAVIEST:
            yield run
            run, weight = [], 0
        run.append(op)
        weight += cost(op) or 0
    yield run


def _connected(
    ops: list[Value], info: Levels, space: tuple[int, ...]
) -> Iterable[list[Value]]:
    """Ops that share data; unrelated ones gain nothing from one loop."""
    if not space:
        return [ops]
    pairs = (
        (a, op)
        for op in ops
        for a in op.args
        if info.levels[a] <= info.levels[op] and extents_of(a) == space
    )
    return connected(ops, pairs)


# --- demand -------------------------------------------------------------------


def _demand(
    fn: Function, info: Levels, number: dict[Value, int], groups: dict[Value, Unit]
) -> list[Unit]:
    """From the results backwards: what each kernel computes, and reads."""
    needed = set(fn.results)
    units: list[Unit] = []
    waiting: list[tuple[tuple[int, int, int], int, Unit]] = []
    done: set[Unit] = set()
    for unit in dict.fromkeys(groups.values()):
        last = unit.members[-1]
        later = 0 if is_serial(last) else 1  # it reads what is of the same level
        key = (-info.levels[last], later, -number[last])
        waiting.append((key, id(unit), unit))
    for op in fn.ops:
        if op not in groups:
            key = (-info.levels[op], 2, -number[op])
            waiting.append((key, id(op), Unit([op], [op])))
    for _, _, unit in sorted(waiting, key=lambda row: row[:2]):
        if unit in done:
            continue
        done.add(unit)
        head = unit.members[0]
        if head in groups:
            unit.outputs = [op for op in unit.members if op in needed]
            if not unit.outputs:
                continue
            _fill(unit, info, groups)
        elif head in needed or has_effect(head):
            unit.inputs = dict.fromkeys(head.args)
        else:
            continue
        needed.update(unit.inputs)
        units.append(unit)
    return units


def _fill(unit: Unit, info: Levels, groups: dict[Value, Unit]) -> None:
    """Collect the operands that the kernel computes, and those it reads."""
    pending = list(reversed(unit.outputs))
    space = space_of(unit.outputs[0])
    unit.inside = set(pending)
    alone = is_serial(pending[0])
    while pending:
        op = pending.pop()
        moves = alone or isinstance(op.prim.lower, lowerings.Index)
        for a in op.args:
            if a in unit.inside:
                continue
            here = groups.get(a) is unit or moves or extents_of(a) != space
            here = here or _might_wait(groups.get(a), unit, info)
            if info.inlined(a, op) and (here or info.kind(a) == "number"):
                unit.inside.add(a)
                pending.append(a)
            else:
                unit.inputs[a] = None


def _might_wait(other: Unit | None, unit: Unit, info: Levels) -> bool:
    """Whether the order of two kernels is open: each may read what the other gives."""
    if other is None or other.connected is unit.connected:
        return False
    return info.levels[other.members[0]] == info.levels[unit.members[0]]


# --- order --------------------------------------------------------------------


def _in_order(units: list[Unit], number: dict[Value, int]) -> list[Unit]:
    """Operands first, else as recorded; effects and what may raise keep their order."""
    maker = {op: u for u in units for op in (u.outputs or u.members)}
    place = {u: max(number[op] for op in (u.outputs or u.members)) for u in units}
    before: dict[Unit, set[Unit]] = {
        u: {maker[a] for a in u.inputs if a in maker} for u in units
    }
    strict = [u for u in units if not u.outputs and _is_strict(u.members[0])]
    strict.sort(key=place.__getitem__)
    for earlier, later in itertools.pairwise(strict):
        before[later].add(earlier)
    after: dict[Unit, list[Unit]] = defaultdict(list)
    for unit, earlier_units in before.items():
        for earlier in earlier_units:
            after[earlier].append(unit)
    count = {u: len(before[u]) for u in units}
    ready = [(place[u], u) for u in units if not count[u]]
    queue = [(p, i, u) for i, (p, u) in enumerate(ready)]
    heapq.heapify(queue)
    order: list[Unit] = []
    while queue:
        unit = heapq.heappop(queue)[-1]
        order.append(unit)
        for later in after[unit]:
            count[later] -= 1
            if not count[later]:
                heapq.heappush(queue, (place[later], len(order), later))
    if len(order) != len(units):
        raise AssertionError("fuse made kernels that wait for each other")
    return order


def _is_strict(op: Value) -> bool:
    return bool(op.prim.may_raise) or has_effect(op)


# --- the new function ---------------------------------------------------------


def _emit(fn: Function, units: list[Unit]) -> Function:
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    number = {op: i for i, op in enumerate(fn.ops)}
    bodies: dict[Function, Function] = {}
    for unit in units:
        if not unit.is_kernel:
            (op,) = unit.members
            args = tuple(new.get(a, a) for a in op.args)
            new[op] = emit.keep(_with_args(op, args))
            continue
        ops = sorted(unit.inside, key=number.__getitem__)
        inputs, body = _body(unit, ops)
        body = bodies.setdefault(body, body)
        outputs = unit.outputs
        kernel = emit.new(
            fused, *[new.get(a, a) for a in inputs], like=outputs[-1], body=body
        )
        placed(kernel, ops)
        if len(outputs) == 1:
            new[outputs[0]] = kernel
        for index, output in enumerate(outputs if len(outputs) > 1 else ()):
            new[output] = emit.new(item, kernel, like=output, index=index)
    results = [new.get(r, r) for r in fn.results]
    return Function(fn.name, fn.params, emit.ops, results)


def _with_args(op: Value, args: tuple[Value, ...]) -> Value:
    if args == op.args:
        return op
    return Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)


def _body(unit: Unit, ops: list[Value]) -> tuple[list[Value], Function]:
    """The kernel as a function, and the values its parameters stand for."""
    inputs = list(dict.fromkeys(a for op in ops for a in op.args if a in unit.inputs))
    inputs = [a for a in inputs if a not in unit.inside]
    new = {a: Value(None, (), (), a.type, i) for i, a in enumerate(inputs)}
    emit = Emitter(len(inputs))
    for op in ops:
        args = tuple(new[a] for a in op.args)
        new[op] = emit.make(op.prim, args, op.attrs, op.type, like=op)
    results = [new[o] for o in unit.outputs]
    body = Function("kernel", [new[a] for a in inputs], emit.ops, results)
    return inputs, body
