"""The gradient of a tape as a program of its own, cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import programs
from tapec.ir import Function, Value
from tapec.operators import Operators
from tapec.passes.extensions import added
from tapec.passes.roll import roll
from tapec.passes.rolling.recorded import LEAST
from tapec.passes.vjp import backpropagate, filled
from tapec.recording import Array, Recording, Trace, recording_in
from tapec.tape_span import Span
from tapec.tensor import Tensor

__all__ = [
    "GradientProgram",
    "Request",
    "backward",
    "is_outside",
    "numbers_of",
    "sum_of",
]


class Request(NamedTuple):
    """d targets / d wrt on a recording; what lies outside `span` counts as constant."""

    rec: Recording
    targets: list[Value]
    cts: list[Any]
    wrt: list[tuple[Value, ...]]
    span: Span

    def without_cotangents(self) -> Request:
        """The same question, which holds no tensor."""
        if len(self.cts) == 1 and self.cts[0] is None:  # as a rule
            return self
        return self._replace(cts=[None] * len(self.cts))

    @property
    def inline(self) -> bool:
        """Whether somebody may differentiate the gradient: a tape, or a trace."""
        return self.rec.is_trace or bool(self.rec.tapes)

    @property
    def given(self) -> list[tuple[Value, Any]]:
        """Targets that have a cotangent, with it."""
        pairs = zip(self.targets, self.cts, strict=True)
        return [(v, ct) for v, ct in pairs if ct is not None]


def sum_of(parts: Sequence[Any]) -> Any:
    """The sum of those that are there: a variable may have been read several times."""
    total = None
    for p in parts:
        if p is not None:
            total = p if total is None else total + p
    return total


def backward(
    rec: Recording, fn: Function, targets: Sequence[Value],
    wrt: Sequence[Value], seeds: Sequence[Any], cut: Callable[[Value], bool],
) -> list[Any]:  # fmt: skip
    """Record the gradient of `fn` on `rec`; a seed that is None is ones."""
    given: dict[Value, Any] = {}
    for v, seed in zip(targets, seeds, strict=True):
        ct = filled(rec, v.type, 1.0) if seed is None else seed
        given[v] = given[v] + ct if v in given else ct
    ops = [op for op in fn.ops if not cut(op)]
    return backpropagate(rec, ops, given, wrt)


def is_outside(span: Span, op: Value) -> bool:
    """Whether an op that could have a gradient was not recorded by the tape."""
    return span.cuts(op) and not span.covers(op.uid)


class _Plan:
    """The forward function of a question, and its program once it was asked.

    fn: its results are targets, sources, then values to keep. wrt: the sources that it
    contains. It knows no recording: others that went along the same trail share it.
    """

    def __init__(self, fn: Function, wrt: list[Value], extra: tuple[Any, ...]) -> None:
        self.fn = fn
        self.wrt = wrt
        self._extra = extra
        self._found: Any = None
        self._ready: Any = None
        self._columns: tuple[Any, list[list[int]], list[int] | None] = None, [], None

    def prepare(self, build: programs.Build) -> programs.Ready:
        """The program, ready for the literals of the recording."""
        if self._found is None:
            self._found = programs.lookup(self.fn, self._extra)
        else:
            programs.note_hit(self.fn)
        entry, literals = self._found
        if not entry.still_gives(self._ready):
            self._ready = entry.prepare(self.fn, literals, build)
        ready: programs.Ready = self._ready
        return ready

    def run_again(
        self, leaves: dict[Value, Any]
    ) -> tuple[Sequence[Array], list[int]] | None:
        """The results, and where each group has its gradient.

        None where the program is not ready, or a group has not just one gradient.
        """
        ready = self._ready
        if ready is None or not self._found[0].still_gives(ready):
            return None
        info, _, first = self._columns
        if info is not ready.info or first is None:
            return None
        programs.note_hit(self.fn)
        inputs = [*map(leaves.get, self.fn.params), *ready.literals]
        return ready.program(*inputs), first

    def columns(self, info: list[Any], wrt: list[tuple[Value, ...]]) -> list[list[int]]:
        """For each group of `wrt` the places of its gradients among the results."""
        return self._placed(info, wrt)[0]

    def _placed(
        self, info: list[Any], wrt: list[tuple[Value, ...]]
    ) -> tuple[list[list[int]], list[int] | None]:
        """The same, and the places alone if each group has one gradient."""
        known, columns, first = self._columns
        if known is not info:
            of = dict(zip(self.wrt, info, strict=True))
            columns = [[of[v] for v in group if of.get(v) is not None] for group in wrt]
            single = all(len(places) == 1 for places in columns)
            first = [places[0] for places in columns] if single else None
            self._columns = info, columns, first  # at once: other threads read it
        return columns, first

    def gradients(
        self, outs: Sequence[Array], wrt: list[tuple[Value, ...]]
    ) -> list[Array | None]:
        """For each group of `wrt` the sum of its gradients, among the results."""
        columns, first = self._placed(self._ready.info, wrt)
        if first is not None and self._ready.program is not None:
            return [outs[i] for i in first]
        return [_added(outs, places) for places in columns]


class GradientProgram:
    """The program of a request; it can be run for several cotangents.

    Live tensors that have no number yet get theirs from the first run.
    """

    def __init__(self, request: Request, keep: bool = True) -> None:
        self.request = request
        self.pending = request.rec.pending() if keep else []
        step = request.rec.step
        self.question = question = self._question()
        found = None if step is None else step.plans.get(question)
        if found is None:
            found = self._planned()
            if step is not None:
                step.keep(question, found, len(found.fn.ops))
        self.plan: _Plan = found
        self.fn, self.wrt = found.fn, found.wrt
        leaves = request.rec.leaves
        self.sources: list[Any] = list(map(leaves.get, found.fn.params))
        self._ready: Any = None

    def _question(self) -> tuple[Any, ...]:
        """What is asked, in values of the recording, and of which passes."""
        targets, cts, wrt = self.request.targets, self.request.cts, self.request.wrt
        return (
            tuple(targets),
            tuple([ct is not None for ct in cts]),
            tuple(wrt),
            self.request.span.ends,
            tuple([t.value for t in self.pending]),
            added(),
        )

    def _planned(self) -> _Plan:
        rec, request = self.request.rec, self.request
        base, _ = rec.function(request.targets, whole=True)
        inside = {*base.params, *base.ops}
        flat = dict.fromkeys(v for group in request.wrt for v in group)
        wrt = [v for v in flat if v in inside]
        outputs = [*request.targets, *wrt, *(t.value for t in self.pending)]
        fn, _ = rec.function(outputs, whole=True)
        return _Plan(fn, wrt, self._extra(fn, wrt))

    def _extra(self, fn: Function, wrt: list[Value]) -> tuple[Any, ...]:
        """What else makes the program another one."""
        cuts = self.request.span.cuts
        cut = tuple([i for i, op in enumerate(fn.ops) if cuts(op)])
        given = tuple([ct is not None for ct in self.request.cts])
        return "gradient", len(self.request.targets), len(wrt), cut, given

    def run(self, cts: Sequence[Any]) -> list[Array | None]:
        """One gradient per source, for cotangents of the targets that want one."""
        rec = self.request.rec
        with rec.lock:
            if self._ready is None:
                self._ready = self.plan.prepare(self.build)
            arrays = self.sources
            if cts:
                wanted = [v for v, _ in self.request.given]
                pairs = zip(wanted, cts, strict=True)
                arrays = arrays + [numbers_of(ct, v) for v, ct in pairs]
            outs = self._ready.run(arrays)
            self._settle(outs)
        return self.plan.gradients(outs, self.request.wrt)

    def _settle(self, outs: Sequence[Array]) -> None:
        if self.pending:
            kept = outs[len(outs) - len(self.pending) :]
            self.request.rec.settle(self.pending, kept)

    def by_source(self, outs: Sequence[Any], places: list[Any]) -> list[Any]:
        """The results of the program, added up for each source."""
        columns = self.plan.columns(places, self.request.wrt)
        return [sum_of([outs[i] for i in places]) for places in columns]

    def build(self, fn: Function) -> tuple[Function, list[int | None]]:
        """Forward and backward as one function; the place of each source's gradient."""
        request, n, m = self.request, len(self.request.targets), len(self.wrt)
        cut = {op.uid for op in fn.ops if request.span.cuts(op)}
        fn = self._in_loops(fn)
        targets, wrt = fn.results[:n], fn.results[n : n + m]
        trace = Trace.extending(fn)
        opened = trace.params[len(self.sources) :]
        trace.params = trace.params[: len(self.sources)]
        with recording_in(trace):
            seeds = [
                None if ct is None else _parameter(trace, v)
                for v, ct in zip(targets, request.cts, strict=True)
            ]
            grads = backward(trace, fn, targets, wrt, seeds, lambda op: op.uid in cut)
        trace.params += opened
        places: list[int | None] = []
        results: list[Value] = []
        for g in grads:
            places.append(None if g is None else len(results))
            results += [] if g is None else [g.value]
        results += fn.results[n + m :]
        return Function("gradient", trace.params, trace.values, results), places

    def _in_loops(self, fn: Function) -> Function:
        """`fn` with what repeats in it as loops, around the sources and the cuts."""
        if len(fn.ops) < LEAST:
            return fn
        n = len(self.request.targets)
        apart = {v.uid for v in fn.results[n : n + len(self.wrt)]}
        apart |= {op.uid for op in fn.ops if is_outside(self.request.span, op)}
        return roll(fn, apart)


def _added(outs: Sequence[Array], places: list[int]) -> Array | None:
    """The sum of those results; None where there are none."""
    return np.asarray(sum_of([outs[i] for i in places])) if places else None


def _parameter(trace: Trace, value: Value) -> Tensor:
    p = trace.add_param(value.type, "ct")
    return Tensor(trace, p, p.type)


def numbers_of(ct: Any, value: Value) -> Array:
    if isinstance(ct, Operators):
        return ct.array.astype(value.dtype, copy=False)
    return np.array(ct, value.dtype)
