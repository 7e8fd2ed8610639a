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

import heapq
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tapec.ir import Emitter, Function, Value, has_effect, rewrite
from tapec.ops.const import item
from tapec.ops.control import scan
from tapec.passes.body_vjp import remembered, tidy
from tapec.passes.loop_parts import Loop, with_args
from tapec.passes.loop_steps import Elements, hoist, lean, op_bodies

__all__ = ["hoisted", "loops", "optimized"]


def loops(fn: Function) -> Function:
    """Rebuild every loop of `fn`."""
    if not any(any(True for _ in op_bodies(op)) for op in fn.ops):
        return fn
    fn = rewrite(fn, _with_optimized_bodies)
    if not any(op.prim is scan for op in fn.ops):
        return fn
    found = _Loops(fn)
    found.joined()
    found.absorbed()
    found.shrunk()
    return found.emitted()


def hoisted(fn: Function) -> Function:
    """Only compute before the loops what their steps compute from invariants alone.

    A gradient is smaller then: it adds up cotangents of what the steps read, and what
    that was computed from is differentiated once.
    """
    loops_ = {op: Loop(op) for op in fn.ops if op.prim is scan}
    if not loops_:
        return fn
    found = _Loops(fn)
    found.loops = loops_
    return found.emitted()


@remembered
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


def in_order(ops: Sequence[Value]) -> list[Value] | None:
    """The ops with operands first, else as they are; None if that cannot be.

    Effects and what may raise keep their order.
    """
    place = {op: i for i, op in enumerate(ops)}
    before = {op: {a for a in op.args if a in place} for op in ops}
    strict = [op for op in ops if op.prim.may_raise or has_effect(op)]
    for first, second in itertools.pairwise(strict):
        before[second].add(first)
    after: dict[Value, list[Value]] = defaultdict(list)
    for op, earlier in before.items():
        for a in earlier:
            after[a].append(op)
    left = {op: len(earlier) for op, earlier in before.items()}
    ready = [place[op] for op in ops if not left[op]]
    order = []
    while ready:
        op = ops[heapq.heappop(ready)]
        order.append(op)
        for following in after[op]:
            left[following] -= 1
            if not left[following]:
                heapq.heappush(ready, place[following])
    return order if len(order) == len(ops) else None


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
        elements = Elements(emit)
        new: dict[Value, Value] = {}
        merged: dict[Value, dict[int, Value | int]] = {}
        for op in self.fn.ops:
            moved = with_args(op, [new.get(a, a) for a in op.args])
            if op.prim is scan:
                new[op], merged[op] = self._join(lean(moved, elements, optimized), emit)
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

    def absorbed(self) -> None:
        """Earlier loops become parts of later ones that carry more: their tangents."""
        while self._absorb():
            pass

    def _absorb(self) -> bool:
        for (old, earlier), (op, loop) in itertools.combinations(self.loops.items(), 2):
            if loop.covers(earlier) and not self._reads(op, old):
                places = loop.join(earlier)
                if places is not None and self._redirect(old, op, places):
                    return True
        return False

    def _reads(self, op: Value, other: Value) -> bool:
        """Whether an op depends on another."""
        needed = {op}
        for v in reversed(self.fn.ops):
            if v in needed:
                needed.update(v.args)
        return other in needed

    def _redirect(self, old: Value, op: Value, places: Mapping[int, int]) -> bool:
        """Results of `old` are results of the later `op` from now on."""
        new: dict[Value, Value] = {}
        made: list[Value] = []
        for v in self.fn.ops:
            if v.prim is item and v.args[0] is old:
                attrs = (("index", places[v.attr("index")]),)
                new[v] = Value(item, (op,), attrs, v.type, v.uid, v.name, v.meta)
            else:
                new[v] = with_args(v, [new.get(a, a) for a in v.args])
            if v is not old:
                made.append(new.get(v, v))
        order = in_order(made)
        if order is None:
            return False
        del self.loops[old]
        self.loops = {new.get(v, v): loop for v, loop in self.loops.items()}
        for loop in self.loops.values():
            loop.redirect(new)
        results = [new.get(r, r) for r in self.fn.results]
        self.fn = Function(self.fn.name, self.fn.params, order, results)
        return True

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
                hoist(loop, emit, new)
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
