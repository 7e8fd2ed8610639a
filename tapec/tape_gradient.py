"""The gradient of a tape as one cached program, and the reason for a missing one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapec import programs
from tapec.errors import excerpt
from tapec.ir import Function, Value
from tapec.operators import Operators
from tapec.passes.vjp import backpropagate, differentiable, filled
from tapec.recording import Recording, Trace, array_of, recording_in
from tapec.tensor import Tensor

__all__ = ["Request", "explain_cut", "gradient_program", "recorded_gradient"]


class Request(NamedTuple):
    """d targets / d wrt on a recording; `cuts` says which ops count as constant."""

    rec: Recording
    targets: list[Value]
    cts: list[Any]
    wrt: list[list[Value]]
    cuts: Callable[[Value], bool]


class Plan(NamedTuple):
    """A request as a function: results are targets, sources, then values to keep."""

    fn: Function
    sources: list[Any]
    wrt: list[Value]
    pending: list[Any]
    key: tuple[Any, ...]


def gradient_program(request: Request) -> list[Tensor | None]:
    """The gradients, by a program found or made; live tensors get their numbers too."""
    rec = request.rec
    with rec.lock:
        plan = _plan(request)
        entry, literals = programs.lookup(plan.fn, plan.key)
        arrays = [array_of(s) for s in plan.sources]
        arrays += [_cotangent(ct, v) for v, ct in _given(request)]
        outs = entry.execute(
            plan.fn, literals, arrays, lambda fn: _build(fn, request, plan)
        )
        n = len(plan.pending)
        kept = outs[len(outs) - n :] if n else []
        values = [t.value for t in plan.pending]
        rec.settle(plan.pending, dict(zip(values, kept, strict=True)))
    found = dict(zip(plan.wrt, entry.info, strict=True))
    grads: list[Tensor | None] = []
    for group in request.wrt:
        places = [found[v] for v in group if found.get(v) is not None]
        total = None
        for i in places:
            total = outs[i] if total is None else total + outs[i]
        grads.append(None if total is None else _held(total))
    return grads


def recorded_gradient(request: Request) -> Function:
    """The program of `request` before any pass."""
    plan = _plan(request)
    fn, _ = _build(plan.fn, request, plan._replace(pending=[]))
    return fn


def _held(array: Any) -> Tensor:
    array = np.asarray(array)
    array.flags.writeable = False
    return Tensor.holding(array)


def _given(request: Request) -> list[tuple[Value, Any]]:
    pairs = zip(request.targets, request.cts, strict=True)
    return [(v, ct) for v, ct in pairs if ct is not None]


def _cotangent(ct: Any, value: Value) -> Any:
    raw = ct.array if isinstance(ct, Operators) else ct
    return np.asarray(raw, value.dtype)


def _plan(request: Request) -> Plan:
    """The forward function of the request, and what makes its program another one."""
    rec = request.rec
    base, _ = rec.function(request.targets, whole=True)
    inside = {*base.params, *base.ops}
    wrt = list(dict.fromkeys(v for group in request.wrt for v in group if v in inside))
    pending = rec.pending()
    outputs = [*request.targets, *wrt, *(t.value for t in pending)]
    fn, sources = rec.function(outputs, whole=True)
    cut = tuple(i for i, op in enumerate(fn.ops) if request.cuts(op))
    given = tuple(ct is not None for ct in request.cts)
    key = ("gradient", len(request.targets), len(wrt), cut, given)
    return Plan(fn, sources, wrt, pending, key)


def _build(
    fn: Function, request: Request, plan: Plan
) -> tuple[Function, list[int | None]]:
    """Forward and backward as one function; for each source the place of its gradient."""
    n = len(request.targets)
    targets = fn.results[:n]
    wrt = fn.results[n : n + len(plan.wrt)]
    keep = fn.results[n + len(plan.wrt) :] if plan.pending else ()
    trace = Trace.extending(fn)
    opened = trace.params[len(plan.sources) :]
    trace.params = trace.params[: len(plan.sources)]
    with recording_in(trace):
        seeds: dict[Value, Any] = {}
        for v, ct in zip(targets, request.cts, strict=True):
            if ct is None:
                seed = filled(trace, v.type, 1.0)
            else:
                p = trace.add_param(v.type, "ct")
                seed = Tensor(trace, p, p.type)
            seeds[v] = seeds[v] + seed if v in seeds else seed
        grads = backpropagate(trace, fn.ops, seeds, wrt, request.cuts)
    trace.params += opened
    places: list[int | None] = []
    results: list[Value] = []
    for g in grads:
        places.append(None if g is None else len(results))
        results += [] if g is None else [g.value]
    return Function("gradient", trace.params, trace.values, [*results, *keep]), places


def explain_cut(
    rec: Recording,
    targets: list[Value],
    wrt: list[Value],
    cuts: Callable[[Value], bool],
) -> str:
    """Why `wrt` has a gradient or has none."""
    if not wrt:
        return (
            "the source was not recorded by this tape: it is not watched or never used"
        )
    fn, _ = rec.function(targets, whole=True)
    depends, smooth = set(wrt), set(wrt)
    for op in fn.ops:
        if any(a in depends for a in op.args):
            depends.add(op)
        open_ = op.prim.vjp is not None and not cuts(op)
        if open_ and any(a in smooth for a in op.args):
            smooth.add(op)
    if any(t in smooth and differentiable(t.type) for t in targets):
        steps = sum(op in smooth for op in fn.ops)
        return f"the gradient reaches the source through {steps} recorded ops"
    if any(t in depends for t in targets):
        cut = next(op for op in fn.ops if op in depends and op not in smooth)
        why = "outside the tape's recording" if cuts(cut) else "not differentiable"
        return f"the gradient is cut at {cut.prim.name}, {why}\n{excerpt(cut.meta.loc)}"
    looks = [(how, loc) for v, how, loc in rec.looks if v in _downstream(rec, wrt)]
    if looks:
        how, loc = looks[0]
        return (
            f"the target does not depend on the source: {how} took its number out"
            + (f"\n{excerpt(loc)}" if loc else "")
        )
    return "the target does not depend on the source"


def _downstream(rec: Recording, wrt: list[Value]) -> set[Value]:
    found = set(wrt)
    for op in rec.values:
        if any(a in found for a in op.args):
            found.add(op)
    return found
