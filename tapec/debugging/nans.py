"""`tapec.check_nan`: the report on where NaN and infinities come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.debugging.origins import Origin, Search
from tapec.debugging.subjects import called, subject
from tapec.debugging.values import range_of, shape_of
from tapec.errors import excerpt
from tapec.interpret import Observer, apply, observed
from tapec.ir import Function, Value
from tapec.locks import cached_property
from tapec.ops.cast import copy
from tapec.ops.const import const

__all__ = ["Inside", "NanReport", "check_nan"]


def check_nan(
    f: Callable[..., Any], *args: Any, inf: bool = True, gradient: bool | None = None,
    **kw: Any,
) -> NanReport:  # fmt: skip
    """Where the NaN and infinities in the results of `f(*args)` come from.

    f: any function; of one whose result is one floating number, the gradient by its
    floating arguments is looked at too (gradient=False: not, True: it must have one).
    inf: whether an infinite result is reported; one that leads to NaN always is.

    The report prints as text: for each origin that a result depends on the op, the
    user's columns, the ranges of what it was computed from and the way to the result.
    What is masked on the way (by `np.where`, by `exp(-inf)`) is listed as such and is
    no alarm; constants that are infinite, and arguments that are NaN, are named.
    `report.ok` says whether all is well, `report.origins` has the rest. Everything is
    evaluated op by op by the interpreter.

    >>> import numpy as np, tapec
    >>> tapec.check_nan(lambda x: np.where(x > 0, np.log(x), 0.0), np.array([0.0])).ok
    True
    >>> tapec.check_nan(lambda x: np.log(x) * x, 0.0).ok
    False
    """
    return NanReport(*subject(f, args, kw, gradient), inf=inf)


class Inside(NamedTuple):
    """An origin in the body of a loop or branch: in which step, counted from 0."""

    step: int
    body: Function
    origin: Origin
    values: dict[int, Any]


class NanReport:
    """What `check_nan` found.

    origins: every origin, in the order of the schedule. alarms: those that make a
    result NaN (or infinite, if that was asked). masked: ops whose NaN or infinities
    reach no result. ok: whether there is no alarm.
    """

    def __init__(
        self, function: Function, inputs: Sequence[Any], labels: Sequence[str],
        note: str = "", *, inf: bool = True,
    ) -> None:  # fmt: skip
        self.function = function
        self.labels = list(labels)
        self.note = note
        search = self._search = Search(function, inputs)
        self.values = search.values
        self.origins = search.origins()
        kinds = {kind for r in function.results for kind in _kinds(self._value(r))}
        wrong = "nan" in kinds or (inf and "inf" in kinds)
        self.alarms = [
            o
            for o in self.origins
            if wrong and o.reaches and ("nan" in kinds or not _meant(o))
        ]
        self.masked = [o for o in self.origins if not o.reaches and not _given(o)]

    @property
    def ok(self) -> bool:
        """Whether every result is what the ops should make of finite numbers."""
        return not self.alarms

    @property
    def first(self) -> Origin | None:
        """The origin to look at: the first NaN that matters, else the first infinity.

        One in the arguments comes before all others.
        """
        by = sorted(self.alarms, key=lambda o: (o.op.prim is not None, o.kind != "nan"))
        return by[0] if by else None

    @cached_property
    def inside(self) -> Inside | None:
        """For a loop or branch as the first origin: which op of its body it is."""
        first = self.first
        if first is None or not any(_bodies(first.op)):
            return None
        return _inside(first.op, [self.values[a.uid] for a in first.op.args], first)

    def _value(self, v: Value) -> Any:
        return self.values[v.uid]

    # text

    def __str__(self) -> str:
        first = self.first
        if first is None:
            count = len(self.function.ops)
            lines = [f"{self.function.name}: all results are fine ({count} ops)"]
            lines[0] += f"; {self.note}" if self.note else ""
        else:
            lines = self._about(first)
        if self.masked:
            lines.append("masked, reaching no result:")
            lines += [f"  {line}" for o in self.masked for line in self._aside(o)]
        return "\n".join(lines)

    __repr__ = __str__

    def _about(self, o: Origin) -> list[str]:
        lines = [f"{self._head(o)}: {o.count} of {_size(self._value(o.op))} elements"]
        primal = o.op.meta.primal
        if primal is not None and (forward := self._named(primal)) is not None:
            lines.append(f"  in the gradient of {_short(forward)}")
        lines += excerpt(o.op.meta.loc).splitlines()
        lines += [f"  {_range(a, self._value(a))}" for a in _operands(o.op)]
        if self.inside is not None:
            lines += [f"  {line}" for line in _within(self.inside)]
        causes = self._search.before(o.op) - {o.op}
        for cause in self.alarms:
            if cause.op in causes:
                lines += [f"  because of {line}" for line in self._aside(cause)[:1]]
        return [*lines, f"  {self._reached(o)}"]

    def _head(self, o: Origin) -> str:
        if o.op.prim is None:
            return f"the argument {called(o.op)} is {o.kind}"
        if o.op.prim is const:
            return f"a constant is {o.kind}: {_short(o.op)}"
        return f"{o.kind} first made by {_short(o.op)}"

    def _reached(self, o: Origin) -> str:
        ends = ", ".join(self.labels[i] for i in o.results)
        way = o.path[1:]
        if not way:
            return f"is {ends}" if o.op.prim is not None else f"reaches {ends}"
        gradient = sum(op.meta.primal is not None for op in way)
        ops = "1 op" if len(way) == 1 else f"{len(way)} ops"
        of = f" ({gradient} of the gradient)" if gradient else ""
        shown = " ".join(f"%{op.uid}" for op in way[:6]) + " ..." * (len(way) > 6)
        return f"reaches {ends} through {ops}{of}: {shown}"

    def _aside(self, o: Origin) -> list[str]:
        place = excerpt(o.op.meta.loc).splitlines()
        line = f"{o.kind} in {_short(o.op)}: {o.count} of {_size(self._value(o.op))}"
        operands = [f"{_range(a, self._value(a))}" for a in _operands(o.op)[:2]]
        line += f" ({'; '.join(operands)})" if operands else ""
        line += f", {place[0].strip()}" if place else ""
        if o.reaches:
            return [line]
        stops = ", ".join(f"%{op.uid} {op.prim.name}" for op in o.stopped[:3])
        return [line, f"  stopped by {stops}" if stops else "  which no result needs"]

    def _named(self, uid: int) -> Value | None:
        return next((op for op in self.function.ops if op.uid == uid), None)


# --- pieces of text ---------------------------------------------------------------


def _short(op: Value) -> str:
    args = "".join(f" {called(a)}" for a in op.args)
    prim = "" if op.prim is None else f" = {op.prim.name}{args}"
    return f"{called(op)}{prim}"


def _operands(op: Value) -> list[Value]:
    return list(dict.fromkeys(op.args))


def _range(v: Value, value: Any) -> str:
    if isinstance(value, tuple):
        return f"{called(v)}: {range_of(value)}"
    what = "" if v.prim in (None, copy) else f" {v.prim.name}"
    return f"{called(v)}{what} {shape_of(value)}: {range_of(value)}"


def _within(found: Inside) -> list[str]:
    o = found.origin
    lines = [f"in step {found.step} of its body: {o.kind} first made by {_short(o.op)}"]
    lines += excerpt(o.op.meta.loc).splitlines()
    pairs = [(a, found.values[a.uid]) for a in _operands(o.op)]
    return lines + [f"  {_range(a, value)}" for a, value in pairs]


def _size(value: Any) -> int:
    return len(value) if isinstance(value, tuple) else int(np.size(value))


def _kinds(value: Any) -> list[str]:
    a = np.asarray(value)
    if a.dtype.kind not in "fc":
        return []
    return ["nan"] * bool(np.isnan(a).any()) + ["inf"] * bool(np.isinf(a).any())


def _given(o: Origin) -> bool:
    return o.op.prim is None or o.op.prim is const


def _meant(o: Origin) -> bool:
    """Whether somebody wrote the infinity down."""
    return o.op.prim is const and o.kind == "inf"


# --- bodies -----------------------------------------------------------------------


def _bodies(op: Value) -> list[Function]:
    return [value for _, value in op.attrs if isinstance(value, Function)]


def _inside(op: Value, args: list[Any], outer: Origin) -> Inside | None:
    finder = _Finder(outer.kind)
    with observed(finder):
        apply(op, args)
    return finder.found


class _Finder(Observer):
    """Looks at every run of a body until one has an origin of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.found: Inside | None = None
        self._depth = 0
        self._runs: dict[Function, int] = {}

    def enter(self, fn: Function, arrays: tuple[Any, ...]) -> None:
        self._depth += 1
        if self._depth > 1 or self.found is not None:
            return
        step = self._runs.get(fn, 0)
        self._runs[fn] = step + 1
        with observed(None):
            search = Search(fn, arrays)
            for o in search.origins():
                if o.reaches and o.kind == self.kind and not _given(o):
                    self.found = Inside(step, fn, o, search.values)
                    return

    def leave(self, fn: Function) -> None:
        self._depth -= 1
