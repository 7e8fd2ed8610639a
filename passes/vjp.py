"""Reverse-mode differentiation: forward and backward become one function.

    func @f(%x: f64[3]) {                func @f.vjp(%x: f64[3], %ct: f64[]) {
      %1: f64[3] = sin %x                  %1: f64[3] = sin %x
      %2: f64[] = sum %1 axis=(0,)         %2: f64[] = sum %1 axis=(0,)
      return %2                     ->     %4: f64[3] = broadcast_to %ct shape=(3,)
    }                                      %5: f64[3] = cos %x
                                           %6: f64[3] = multiply %4, %5
                                           return %2, %6
                                         }

No where-NaN trap. A cotangent travels as a pair of `ct` and `live`, a mask computed
from forward values only: outside `live` the true cotangent is exactly zero. Elementwise
partials may be infinite there, and 0 * inf is nan, so a pair that went through such a
partial is *settled*, `where(live, ct, 0)`, before it is added, summed or handed to
anything that mixes elements. (Testing `ct == 0` instead would be wrong: `sqrt(x)**2`
has derivative 1 at 0.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tapec.ir import Function, TupleType, Value
from tapec.ops.cast import cast
from tapec.passes.rules import Pair, Rules, differentiable, filled, fit
from tapec.primitive import Masked
from tapec.recording import Recording, Trace, recording_in
from tapec.tensor import Tensor

__all__ = ["backpropagate", "differentiable", "filled", "vjp"]


def vjp(fn: Function, wrt: Sequence[int] | None = None) -> Function:
    """Append the gradient of the results with respect to parameters `wrt`.

    The new function takes one more parameter per floating result, its cotangent, and
    returns the results of `fn` followed by the cotangents of the parameters (zeros for
    a parameter that no result depends on).
    """
    trace = Trace.extending(fn)
    params = [fn.params[i] for i in (range(len(fn.params)) if wrt is None else wrt)]
    with recording_in(trace):
        seeds: dict[Value, Tensor] = {}
        for i, r in enumerate(fn.results):
            if not differentiable(r.type):
                continue
            ct = trace.add_param(r.type, f"ct{i}" if len(fn.results) > 1 else "ct")
            t = Tensor(trace, ct, ct.type)
            seeds[r] = seeds[r] + t if r in seeds else t
        found = backpropagate(trace, fn.ops, seeds, params)
        grads = [
            (filled(trace, p.type, 0.0) if g is None else g)
            for p, g in zip(params, found, strict=True)
        ]
    results = [*fn.results, *(g.value for g in grads)]
    return Function(f"{fn.name}.vjp", trace.params, trace.values, results)


def backpropagate(
    rec: Recording,
    ops: Iterable[Value],
    seeds: dict[Value, Tensor],
    wrt: Sequence[Value],
    cuts: Callable[[Value], bool] | None = None,
) -> list[Tensor | None]:
    """Record the gradient of `ops` on `rec`; None where no path leads to a source.

    ops: the schedule to differentiate. seeds: cotangents of its outputs. cuts: ops that
    count as constant.
    """
    ops = list(ops)
    smooth = _smooth(ops, wrt, cuts)
    reached = smooth.union(wrt)
    engine = _Engine(rec, reached, set(wrt))
    for value, ct in seeds.items():
        if value in reached:
            engine.pending.setdefault(value, []).append(Pair(ct))
    before = rec.meta
    try:
        for op in reversed(ops):
            if op in engine.pending and op in smooth:
                rec.behalf_of(op)
                engine.visit(op)
        engine.finish(wrt)
    finally:
        rec.meta = before
    return [engine.found.get(v) for v in wrt]


def _smooth(
    ops: list[Value], wrt: Sequence[Value], cuts: Callable[[Value], bool] | None
) -> set[Value]:
    """Ops through which a gradient reaches `wrt`."""
    reached = set(wrt)
    smooth: set[Value] = set()
    for op in ops:
        if op.prim.vjp is None or not any(a in reached for a in op.args):
            continue
        is_tuple = type(op.type) is TupleType
        if (is_tuple or differentiable(op.type)) and not (cuts and cuts(op)):
            reached.add(op)
            smooth.add(op)
    return smooth


class _Engine:
    """The state of one backward sweep."""

    def __init__(self, rec: Recording, reached: set[Value], wrt: set[Value]) -> None:
        self.rules = Rules(rec)
        self.reached = reached
        self.wrt = wrt
        self.pending: dict[Value, list[Any]] = {}
        self.found: dict[Value, Tensor] = {}

    def visit(self, op: Value) -> None:
        """Hand the cotangent of `op` on to its operands."""
        if op.prim.name == "item":
            parent = op.args[0]
            pair = self.collect(op)
            if op in self.wrt:
                self.found[op] = pair.settled()
            self.pending.setdefault(parent, []).append((op.attr("index"), pair))
            return
        if type(op.type) is TupleType:
            pair = self._collect_items(op)
        else:
            pair = self.collect(op)
            if op in self.wrt:
                self.found[op] = pair.settled()
        for arg, back in self._pull(op, pair):
            self.pending.setdefault(arg, []).append(back)

    def finish(self, wrt: Sequence[Value]) -> None:
        for value in wrt:
            if value not in self.found and value in self.pending:
                self.found[value] = self.collect(value).settled()

    def collect(self, value: Value) -> Pair:
        """The sum of all cotangents that reached `value`."""
        pairs = self.pending.pop(value)
        if len(pairs) == 1:
            return pairs[0]  # type: ignore[no-any-return]
        total = pairs[0].settled()
        for pair in pairs[1:]:
            total = total + pair.settled()
        if any(pair.live is None for pair in pairs):
            return Pair(total)
        return Pair(total, lambda: _any_of([p.mask() for p in pairs]))

    def _collect_items(self, op: Value) -> Pair:
        """The cotangents of an op with several results, zeros where there is none."""
        cts: list[Any] = [None] * len(op.type.items)
        for i, pair in self.pending.pop(op):
            cts[i] = pair.settled() if cts[i] is None else cts[i] + pair.settled()
        for i, type_ in enumerate(op.type.items):
            if cts[i] is None and type_.dtype.kind in "fc":
                cts[i] = filled(self.rules.rec, type_, 0.0)
        return Pair(tuple(cts))  # type: ignore[arg-type]

    # one op

    def _pull(self, op: Value, pair: Pair) -> list[tuple[Value, Pair]]:
        """Cotangent pairs of the operands that lead to a source."""
        needed = [i for i, a in enumerate(op.args) if a in self.reached]
        how = op.prim.liveness
        ct = pair.settled() if how in ("sum", "drop") else pair.ct
        backs = []
        for i, raw in self.rules.apply(op, ct, needed):
            back = self._pair(op, pair, raw, i)
            backs.append((op.args[i], fit(back, op.args[i].type)))
        return backs

    def _pair(self, op: Value, pair: Pair, raw: Any, i: int) -> Pair:
        """The rule's cotangent with its liveness."""
        mask = raw.live if type(raw) is Masked else None
        ct = raw.ct if type(raw) is Masked else raw
        how = op.prim.liveness
        if pair.live is None or how == "drop":
            return Pair(ct, mask)
        if how == "keep":
            clean = pair.clean and op.prim.affine
            live = pair.mask if mask is None else lambda: pair.mask() & _made(mask)
            return Pair(ct, live, clean)
        return Pair(ct, lambda: self._moved(op, pair, i), pair.clean)

    def _moved(self, op: Value, pair: Pair, i: int) -> Any:
        """The mask taken along by an op that moves (and adds) elements."""
        live = pair.mask()
        if op.prim.liveness == "sum":
            live = cast(live, dtype=np.dtype(np.int32))
        ((_, raw),) = self.rules.apply(op, live, [i])
        moved = raw.ct if type(raw) is Masked else raw
        return moved if op.prim.liveness == "move" else np.not_equal(moved, 0)


def _made(mask: Any) -> Any:
    return mask() if callable(mask) else mask


def _any_of(masks: list[Any]) -> Any:
    total = masks[0]
    for mask in masks[1:]:
        total = total | mask
    return total
