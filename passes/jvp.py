"""Forward-mode differentiation: every value gets a tangent beside it.

    func @f(%x: f64[3]) {              func @f.jvp(%x: f64[3], %t: f64[3]) {
      %1: f64[3] = sin %x                %1: f64[3] = sin %x
      return %1                   ->     %3: f64[3] = cos %x
    }                                    %4: f64[3] = multiply %t, %3
                                         return %1, %4
                                       }

No second set of rules. The Jacobian of an elementwise op is diagonal, so it is its own
transpose, and the vjp rule applied to the tangent of an operand is that operand's part.
An op that moves and adds elements is applied to the tangents. Any other rule is
transposed: it is recorded for some cotangent and differentiated with respect to it; it
is linear, so what that cotangent is does not matter, and dce removes it. Ops with
bodies bring a `jvp` of their own.

No where-NaN trap either: a tangent that became infinite or nan in a dead branch is left
behind where the branch is, by the same `where`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tapec.ir import Function, TupleType, Value
from tapec.ops.cast import cast, copy
from tapec.ops.select import where
from tapec.ops.shape import broadcast_to
from tapec.passes.rules import Pair, Rules, differentiable, filled, fit
from tapec.passes.vjp import backpropagate
from tapec.primitive import Masked
from tapec.recording import Recording, Trace, recording_in
from tapec.tensor import Tensor

__all__ = ["jvp", "pushforward"]


def jvp(fn: Function, wrt: Sequence[int] | None = None) -> Function:
    """Append the derivative of the results along a direction of parameters `wrt`.

    The new function takes one more parameter per floating parameter of `wrt`, its
    tangent, and returns the results of `fn` followed by the tangents of the floating
    ones (zeros for a result that does not depend on `wrt`).
    """
    trace = Trace.extending(fn)
    chosen = [fn.params[i] for i in (range(len(fn.params)) if wrt is None else wrt)]
    chosen = [p for p in chosen if differentiable(p.type)]
    tangents: dict[Value, Tensor] = {}
    for i, p in enumerate(chosen):
        t = trace.add_param(p.type, f"t{i}" if len(chosen) > 1 else "t")
        tangents[p] = Tensor(trace, t, t.type)
    wanted = [r for r in fn.results if differentiable(r.type)]
    with recording_in(trace):
        found = [
            filled(trace, r.type, 0.0) if t is None else t
            for r, t in zip(
                wanted, pushforward(trace, fn.ops, tangents, wanted), strict=True
            )
        ]
    results = [*fn.results, *(t.value for t in found)]
    return Function(f"{fn.name}.jvp", trace.params, trace.values, results)


def pushforward(
    rec: Recording,
    ops: Iterable[Value],
    tangents: Mapping[Value, Tensor],
    wanted: Sequence[Value],
) -> list[Tensor | None]:
    """Record the tangents of `wanted` on `rec`; None where no path leads to a value.

    ops: the schedule to differentiate. tangents: of its sources; a source may be the
    result of an op. A tangent has the shape and dtype of its value.
    """
    ops = list(ops)
    needed = _needed(ops, wanted)
    engine = _Engine(rec, tangents)
    before = rec.meta
    try:
        for op in ops:
            if op in needed and op not in tangents:
                rec.behalf_of(op)
                engine.visit(op)
    finally:
        rec.meta = before
    return [engine.tangents.get(v) for v in wanted]


def _needed(ops: Sequence[Value], wanted: Iterable[Value]) -> set[Value]:
    """What the values `wanted` are computed from, themselves included."""
    needed = set(wanted)
    for op in reversed(ops):
        if op in needed:
            needed.update(op.args)
    return needed


class _Engine:
    """The state of one forward sweep: the tangents found so far.

    The tangent of an op with several results is a tuple, None for those without one.
    """

    def __init__(self, rec: Recording, tangents: Mapping[Value, Tensor]) -> None:
        self.rec = rec
        self.rules = Rules(rec)
        self.tangents: dict[Value, Any] = dict(tangents)

    def visit(self, op: Value) -> None:
        """Find the tangent of `op`, if it has one."""
        get = self.tangents.get
        tangents: tuple[Any, ...] = tuple([get(a) for a in op.args])
        prim = op.prim
        several = type(op.type) is TupleType
        if all(t is None for t in tangents) or (prim.vjp is None and prim.jvp is None):
            return
        if not several and not differentiable(op.type):
            return
        if prim.name == "item":
            found = tangents[0][op.attr("index")]
        elif prim.jvp is not None:
            args = [self.rules.tensor(a) for a in op.args]
            found = prim.jvp(tangents, self.rules.tensor(op), *args, **dict(op.attrs))
        elif several:
            found = self._transposed(op, tangents)
        else:
            found = self._fit(op, self._tangent(op, tangents))
        if found is not None:
            self.tangents[op] = found

    def _tangent(self, op: Value, tangents: tuple[Any, ...]) -> Any:
        """The tangent of an op with one result, before broadcasting and casts."""
        if op.prim is where and None not in tangents[1:]:
            return where(self.rules.tensor(op.args[0]), *tangents[1:])
        if op.prim.liveness == "keep" and _is_real(op):
            return self._elementwise(op, tangents)
        if op.prim.affine and op.prim.liveness in ("move", "sum"):
            return self._linear(op, tangents)
        return self._transposed(op, tangents)

    def _elementwise(self, op: Value, tangents: tuple[Any, ...]) -> Any:
        """The rule of each operand applied to its tangent."""
        total = None
        for i, t in enumerate(tangents):
            if t is not None:
                for _, raw in self.rules.apply(op, t, [i]):
                    part = raw.ct if type(raw) is Masked else raw
                    total = part if total is None else self._plus(total, part)
        return total

    def _plus(self, total: Tensor, part: Tensor) -> Any:
        value = part.value
        if value.prim is not None and value.prim.name == "negative":
            return total - self.rules.tensor(value.args[0])
        return total + part

    def _linear(self, op: Value, tangents: tuple[Any, ...]) -> Any:
        """The op itself applied to the tangents, zeros where there is none."""
        args = []
        for a, t in zip(op.args, tangents, strict=True):
            if t is None and differentiable(a.type):
                t = filled(self.rec, a.type, 0.0)
            args.append(self.rules.tensor(a) if t is None else t)
        return op.prim(*args, **dict(op.attrs))

    def _transposed(self, op: Value, tangents: tuple[Any, ...]) -> Any:
        """The vjp rule, differentiated with respect to its cotangent."""
        several = type(op.type) is TupleType
        types = op.type.items if several else [op.type]
        # a copy: rules may leave out what belongs to a cotangent that is plainly zero
        cts = [
            copy(filled(self.rec, t, 0.0)) if differentiable(t) else None for t in types
        ]
        self.rec.step = None  # values of a trail do not change
        start = len(self.rec.values)
        active = [i for i, t in enumerate(tangents) if t is not None]
        seeds: dict[Value, Tensor] = {}
        for i, raw in self.rules.apply(op, tuple(cts) if several else cts[0], active):
            back = Pair(raw.ct if type(raw) is Masked else raw)
            v, t = fit(back, op.args[i].type).ct.value, tangents[i]
            seeds[v] = seeds[v] + t if v in seeds else t
        wrt = [ct.value for ct in cts if ct is not None]
        found = iter(backpropagate(self.rec, self.rec.values[start:], seeds, wrt))
        for v in self.rec.values[start:]:  # not of the ops that were differentiated
            v.meta = self.rec.meta or v.meta
        each = [None if ct is None else next(found) for ct in cts]
        return tuple(each) if several else each[0]

    def _fit(self, op: Value, tangent: Any) -> Any:
        """A tangent of the op's own shape and dtype."""
        if tangent is None:
            return None
        if tangent.dtype != op.dtype:
            tangent = cast(tangent, dtype=op.dtype)
        if tangent.shape != op.shape:
            tangent = broadcast_to(tangent, shape=op.shape)
        return tangent


def _is_real(op: Value) -> bool:
    """Whether only real numbers are involved: complex Jacobians are not symmetric."""
    return all(v.dtype.kind != "c" for v in (op, *op.args))
