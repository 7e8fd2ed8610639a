"""What makes one `scan` lean: each function looks for one thing and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapec.ir import Emitter, Function, Value, has_effect
from tapec.ops.const import const, item
from tapec.ops.shape import broadcast_to, reshape
from tapec.passes.loop_parts import Loop

__all__ = ["Elements", "hoist", "lean", "op_bodies"]

ROUNDS = 4
"""How often a loop is looked at again after its body has become simpler."""

LARGEST = 16
"""Elements of a constant that becomes a part of the body."""


def op_bodies(op: Value) -> Iterable[tuple[str, Function]]:
    """The functions among the attributes of an op."""
    return ((name, v) for name, v in op.attrs if isinstance(v, Function))


def lean(
    op: Value, elements: Elements, optimized: Callable[[Function], Function]
) -> Loop:
    """The loop with as few carries and inputs as it can do with."""
    loop = Loop(op)
    for _ in range(ROUNDS):
        changed = _settle(loop)
        changed |= _once(loop, elements)
        changed |= _include(loop)
        changed |= _merge_operands(loop)
        if not changed:
            break
        loop.apply(optimized)
    return loop


def _settle(loop: Loop) -> bool:
    """Carries that come back unchanged."""
    fixed = [p for p, v in loop.following.items() if v is p]
    for p in fixed:
        loop.settle(p)
    return bool(fixed)


class Elements:
    """What the elements of repeated values are, each computed once."""

    def __init__(self, emit: Emitter) -> None:
        self.emit = emit
        self._known: dict[Value, Value] = {}

    def of(self, op: Value, shape: tuple[Any, ...]) -> Value | None:
        """The element, of this shape, that `op` repeats along its first axis."""
        if op.prim is not broadcast_to:
            return None
        found = self._known.get(op)
        if found is None:
            (source,) = op.args
            if source.shape[:1] not in ((), (1,)) and len(source.shape) == op.type.ndim:
                return None
            if len(source.shape) == op.type.ndim:
                source = self.emit.new(reshape, source, like=op, shape=source.shape[1:])
            if source.shape != shape:
                source = self.emit.new(broadcast_to, source, like=op, shape=shape)
            found = self._known[op] = source
        return found


def _once(loop: Loop, elements: Elements) -> bool:
    """Inputs that are one element repeated."""
    same = {p: elements.of(v, p.shape) for p, v in loop.stepped.items()}
    for p, element in same.items():
        if element is not None:
            del loop.stepped[p]
            loop.shared[p] = element
    return any(element is not None for element in same.values())


def _include(loop: Loop) -> bool:
    """Small constants among the invariants."""
    emit = Emitter(loop.body.next_uid)
    new: dict[Value, Value] = {}
    for p, operand in loop.shared.items():
        repeated = operand.prim is broadcast_to
        source = operand.args[0] if repeated else operand
        if source.prim is const and source.type.size <= LARGEST:
            number = emit.make(const, (), source.attrs, source.type)
            new[p] = (
                emit.new(broadcast_to, number, shape=p.shape) if repeated else number
            )
    loop.replace(new, emit.ops)
    return bool(new)


def _merge_operands(loop: Loop) -> bool:
    """One parameter for each invariant and input."""
    new: dict[Value, Value] = {}
    for group in (loop.shared, loop.stepped):
        first: dict[Value, Value] = {}
        for p, operand in group.items():
            if operand in first:
                new[p] = first[operand]
            first.setdefault(operand, p)
    loop.replace(new)
    return bool(new)


def hoist(loop: Loop, emit: Emitter, now: Mapping[Value, Value]) -> None:
    """What a step computes from invariants alone is computed before the loop."""
    outer: dict[Value, Value] = {p: now.get(v, v) for p, v in loop.shared.items()}
    moved: dict[Value, Value] = {}
    for op in loop.ops:
        if not _is_fixed(op, outer):
            continue
        for a in op.args:
            if a not in outer:
                outer[a] = emit.make(const, (), a.attrs, a.type, a)
        args = tuple([outer[a] for a in op.args])
        moved[op] = outer[op] = emit.make(op.prim, args, op.attrs, op.type, op)
    read = {a for op in loop.ops if op not in moved for a in op.args}
    read |= {*loop.following.values(), *loop.outputs.values()}
    new = {}
    for op, value in moved.items():
        if op in read:
            new[op] = loop.new_param(op.type)
            loop.shared[new[op]] = value
    loop.replace(dict.fromkeys(moved) | new)
    loop.shrink([*loop.finals, *loop.outputs])


def _is_fixed(op: Value, outer: dict[Value, Value]) -> bool:
    """Whether an op is worth moving out of the loop, and may be."""
    if op.prim in (const, item, broadcast_to, reshape) or has_effect(op):
        return False
    if op.prim.may_raise or any(True for _ in op_bodies(op)):
        return False
    inside = [a for a in op.args if a.prim is not const]
    return bool(inside) and all(a in outer for a in inside)
