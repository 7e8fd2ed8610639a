"""Loops made lean: their bodies optimized, equal loops made one, unused work dropped.

    %3: (f64[], f64[]) = scan %x, %w body=@f ...
    %4: f64[] = item %3 index=0                       %5: (...) = scan %x body=@g ...
    %5: (f64[], f64[], f64[9]) = scan %x, %w    ->    %4: f64[] = item %5 index=0
          body=@longer ...                            %6: f64[9] = item %5 index=1
    %6: f64[9] = item %5 index=2

A carry that comes back unchanged is an invariant, a constant is part of the body, an
input whose elements are all the same is an invariant. What a step computes from
invariants alone is computed once, before the loop. A loop that starts from the same
operands and makes the same steps as an earlier one (the forward half of its gradient
does, with more outputs) becomes one with it. Then carries, outputs and operands go that
nothing needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from tapec.ir import Emitter, Function, Value, has_effect, rewrite
from tapec.ops.const import const, item
from tapec.ops.control import scan
from tapec.ops.shape import broadcast_to, reshape
from tapec.passes.body_vjp import tidy
from tapec.passes.loop_parts import Loop, with_args

__all__ = ["loops", "optimized"]

ROUNDS = 4
"""How often a loop is looked at again after its body has become simpler."""

LARGEST = 16
"""Elements of a constant that becomes a part of the body."""


def loops(fn: Function) -> Function:
    """Rebuild every loop of `fn`."""
    if not any(any(True for _ in op_bodies(op)) for op in fn.ops):
        return fn
    fn = rewrite(fn, _with_optimized_bodies)
    if not any(op.prim is scan for op in fn.ops):
        return fn
    found = _Loops(fn)
    found.joined()
    found.shrunk()
    return found.emitted()


def op_bodies(op: Value) -> Iterable[tuple[str, Function]]:
    """The functions among the attributes of an op."""
    return ((name, v) for name, v in op.attrs if isinstance(v, Function))


@lru_cache(maxsize=1024)
def optimized(body: Function) -> Function:
    """A body after the passes that every function goes through."""
    return tidy(loops(tidy(body)))


def _with_optimized_bodies(op: Value, emit: Emitter) -> Value:
    if op.prim.name in ("fused", "custom") or not any(True for _ in op_bodies(op)):
        return emit.keep(op)
    attrs = tuple(
        (name, optimized(v) if isinstance(v, Function) else v) for name, v in op.attrs
    )
    made = Value(op.prim, op.args, attrs, op.type, op.uid, op.name, op.meta)
    return emit.keep(made)


# --- one loop -----------------------------------------------------------------


def _lean(op: Value, elements: _Elements) -> Loop:
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


class _Elements:
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


def _once(loop: Loop, elements: _Elements) -> bool:
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


def _hoist(loop: Loop, emit: Emitter, now: Mapping[Value, Value]) -> None:
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


# --- several loops ------------------------------------------------------------


class _Loops:
    """The loops of a function.

    Between the steps an `item` of a loop has the number of the result in its `Loop`.
    """

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.loops: dict[Value, Loop] = {}
        self.needed: dict[Value, set[int]] = defaultdict(set)

    def joined(self) -> None:
        """Later loops become parts of earlier ones where that is possible."""
        emit = Emitter(self.fn.next_uid)
        elements = _Elements(emit)
        new: dict[Value, Value] = {}
        merged: dict[Value, dict[int, Value | int]] = {}
        for op in self.fn.ops:
            moved = with_args(op, [new.get(a, a) for a in op.args])
            if op.prim is scan:
                new[op], merged[op] = self._join(_lean(moved, elements), emit)
            elif op.prim is item and op.args[0] in merged:
                result = merged[op.args[0]][op.attr("index")]
                if isinstance(result, int):
                    attrs = (("index", result),)
                    result = emit.make(item, moved.args, attrs, op.type, op)
                new[op] = result
            else:
                new[op] = emit.keep(moved)
        results = [new.get(r, r) for r in self.fn.results]
        self.fn = Function(self.fn.name, self.fn.params, emit.ops, results)

    def _join(self, loop: Loop, emit: Emitter) -> tuple[Value, dict[int, Value | int]]:
        """The op that a loop becomes, and what its results are then."""
        known: dict[int, Value | int] = dict(loop.settled)
        for op, earlier in self.loops.items():
            places = earlier.join(loop)
            if places is not None:
                return op, known | places
        self.loops[loop.op] = loop
        here = {i: i for i in (*loop.finals, *loop.outputs)}
        return emit.keep(loop.op), known | here

    def shrunk(self) -> None:
        """From the results backwards: what each loop must give, and read."""
        live = set(self.fn.results)
        kept = []
        for op in reversed(self.fn.ops):
            if op not in live and not has_effect(op):
                continue
            kept.append(op)
            if op in self.loops:
                self.loops[op].shrink(self.needed[op])
                live.update(self.loops[op].operands)
                continue
            live.update(op.args)
            if op.prim is item:
                self.needed[op.args[0]].add(op.attr("index"))
        self.fn = self.fn.with_(ops=reversed(kept))

    def emitted(self) -> Function:
        """The function with its loops as they are now."""
        emit = Emitter(self.fn.next_uid)
        new: dict[Value, Value] = {}
        for op in self.fn.ops:
            loop = self.loops.get(op)
            if loop is not None:
                _hoist(loop, emit, new)
                new[op] = loop.emit(emit, new)
                continue
            args = [new.get(a, a) for a in op.args]
            if op.prim is item and op.args[0] in self.loops:
                index = self.loops[op.args[0]].place(op.attr("index"))
                attrs = (("index", index),)
                new[op] = emit.make(item, tuple(args), attrs, op.type, op)
            else:
                new[op] = emit.keep(with_args(op, args))
        results = [new.get(r, r) for r in self.fn.results]
        return Function(self.fn.name, self.fn.params, emit.ops, results)
