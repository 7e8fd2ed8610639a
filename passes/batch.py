"""Vectorization: a function of one element becomes a function of a batch of them.

    func @f(%x: f64[3], %w: f64[3]) {    func @f.batch(%x: f64[8,3], %w: f64[3]) {
      %2: f64[3] = multiply %x, %w         %2: f64[8,3] = multiply %x, %w
      %3: f64[] = sum %2 axis=(0,)   ->    %3: f64[8] = sum %2 axis=(1,)
      return %3                            return %3
    }                                    }

The new axis comes first. What does not depend on a batched parameter stays as it is
and is computed once. Each primitive's `batch` rule says how it takes operands with the
axis; an op without a rule is recorded once per element, in a scope named `looped`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tapec.batching import Batch
from tapec.errors import TraceError, at
from tapec.ir import NO_META, ArrayType, Function, Meta, TupleType, Value
from tapec.ops.cast import copy
from tapec.ops.effects import check
from tapec.passes.rules import filled
from tapec.recording import Recording, Trace, recording_in
from tapec.tensor import FUNCTIONS, Tensor

__all__ = ["batch", "looped", "mapped", "repeated", "vectorize"]

LOOPED = "looped "
"""Begins the scope of what is recorded once per element; a primitive's name follows."""


def batch(
    fn: Function,
    size: int,
    params: Iterable[int] | None = None,
    results: Iterable[int] | None = None,
) -> Function:
    """`fn` with an axis of length `size` in front of the parameters `params`.

    Results `results` have the axis too (those that do not vary are repeated); the
    others have it if they vary. None stands for all.
    """
    trace = Trace(f"{fn.name}.batch")
    which = range(len(fn.params)) if params is None else frozenset(params)
    wanted = range(len(fn.results)) if results is None else frozenset(results)
    env: dict[Value, Any] = {}
    for i, p in enumerate(fn.params):
        shape = (size, *p.shape) if i in which else p.shape
        new = trace.add_param(ArrayType(p.dtype, shape), p.name)
        env[p] = Tensor(trace, new, new.type) if i in which else new
    with recording_in(trace):
        found = vectorize(trace, fn.ops, env, size)
        ends = []
        for i, r in enumerate(fn.results):
            new = found[r]
            ends.append(repeated(trace, new, size) if i in wanted else _value(new))
    return Function(trace.name, trace.params, trace.values, ends)


def repeated(rec: Recording, new: Any, size: int) -> Value:
    """What `vectorize` found for a value, with the new axis in any case."""
    if type(new) is Value:
        t = Tensor(rec, new, new.type)
        new = FUNCTIONS[np.broadcast_to](t, (size, *t.shape))
    return _value(new)


def _value(new: Any) -> Value:
    return new if type(new) is Value else new.value


def vectorize(
    rec: Recording, ops: Iterable[Value], env: Mapping[Value, Any], size: int
) -> Mapping[Value, Any]:
    """Record `ops` on `rec`, which is current, for a whole batch.

    env: what stands for the values that `ops` start from: a Value of `rec` where all
    elements share it, a Tensor where it has the new axis. Returned: the same for all.

    TraceError, with the user's line, where the elements would have to part ways.
    """
    engine = _Engine(rec, env, size)
    before = rec.meta
    try:
        for op in ops:
            rec.meta = engine.meta(op.meta)
            try:
                engine.visit(op)
            except TraceError as error:
                raise at(error, op.meta.loc) from None
    finally:
        rec.meta = before
    return engine.env


def mapped(
    rec: Recording,
    f: Callable[[list[Tensor]], Sequence[Tensor | None]],
    directions: Sequence[Tensor],
) -> list[Tensor | None]:
    """`f` of each row of `directions`, the results stacked; recorded on `rec`.

    `f` is recorded once, for operands without numbers, and what it recorded vectorized.
    """
    types = [ArrayType(d.dtype, d.shape[1:]) for d in directions]
    # copies: rules may leave out what belongs to a cotangent that is plainly zero
    given = [copy(filled(rec, type_, 0)) for type_ in types]
    start = len(rec.values)
    results = f(given)
    moving = {t.value for t in given}
    ops = []
    for op in rec.values[start:]:
        if any(a in moving for a in op.args):
            moving.add(op)
            ops.append(op)
    rec.values[start:] = [v for v in rec.values[start:] if v not in moving]
    outs = [r.value for r in results if r is not None]
    fixed = [a for op in ops for a in op.args if a not in moving]
    env: dict[Value, Any] = {v: v for v in (*fixed, *outs) if v not in moving}
    env |= {t.value: d for t, d in zip(given, directions, strict=True)}
    size = directions[0].shape[0]
    found = vectorize(rec, ops, env, size)
    stacked: list[Tensor | None] = []
    for r in results:
        value = None if r is None else repeated(rec, found[r.value], size)
        stacked.append(None if value is None else tracked(rec, value))
    return stacked


def tracked(rec: Recording, value: Value) -> Tensor:
    """A tensor for `value` that gets its number with the others of `rec`."""
    t = Tensor(rec, value, value.type)
    rec.track(t)
    return t


class _Engine:
    """The state of one sweep: what each value has become."""

    def __init__(self, rec: Recording, env: Mapping[Value, Any], size: int) -> None:
        self.rec = rec
        self.size = size
        self.env = dict(env)
        self._uids = {old.uid: _value(new).uid for old, new in env.items()}

    def meta(self, old: Meta) -> Meta:
        """`old` with the new number of the primal value."""
        primal = self._uids.get(old.primal, old.primal)  # type: ignore[arg-type]
        return old if primal == old.primal else old.belonging_to(primal)

    def visit(self, op: Value) -> None:
        """Record what `op` becomes."""
        args = [self.env[a] for a in op.args]
        if op.prim.effect and not self.rec.is_trace and op.prim is not check:
            self._at_once(op, args)
            return
        if all(type(a) is Value for a in args):
            if op.prim.effect and not self.rec.is_trace:
                return  # a tape computes what is looked at: there is nothing to check
            new: Any = self.rec.append(op.prim, tuple(args), op.attrs, op.type)
        elif op.prim.name == "item":
            new = args[0][op.attr("index")]
        else:
            new = self._batched(op, args)
        if op.prim.effect:
            return
        self.env[op] = new
        if type(op.type) is not TupleType:
            self._uids[op.uid] = _value(new).uid

    def _at_once(self, op: Value, args: Sequence[Any]) -> None:
        """A tape runs nothing but what is looked at: this is a look."""
        tensors = [Tensor(self.rec, a, a.type) if type(a) is Value else a for a in args]
        op.prim.reference(*[t.array for t in tensors], **dict(op.attrs))

    def _batched(self, op: Value, args: Sequence[Any]) -> Any:
        """The result of an op with operands that have the new axis."""
        which = tuple([type(a) is not Value for a in args])
        call = Batch(op.prim, self.size, which, self._body)
        tensors = [Tensor(self.rec, a, a.type) if type(a) is Value else a for a in args]
        attrs = dict(op.attrs)
        rule = op.prim.batch
        new = NotImplemented if rule is None else rule(call, *tensors, **attrs)
        return self._looped(op, call, tensors) if new is NotImplemented else new

    def _body(
        self,
        fn: Function,
        params: Iterable[int] | None = None,
        results: Iterable[int] | None = None,
    ) -> Function:
        return batch(fn, self.size, params, results)

    def _looped(self, op: Value, call: Batch, args: Sequence[Any]) -> Any:
        """One op per element, and their results stacked."""
        several = type(op.type) is TupleType
        meta = self.rec.meta or NO_META
        scope = "/".join(filter(None, (meta.scope, LOOPED + op.prim.name)))
        self.rec.meta = Meta(meta.primal, scope, meta._loc)
        rows = []
        for i in range(self.size):
            pairs = zip(args, call.which, strict=True)
            found = op.prim(*[a[i] if has else a for a, has in pairs], **dict(op.attrs))
            rows.append(found if several else (found,))
        types = op.type.items if several else (op.type,)
        if not rows:
            made = [filled(self.rec, _with_axis(t, 0), 0) for t in types]
        else:
            made = [FUNCTIONS[np.stack](parts) for parts in zip(*rows, strict=True)]
        return tuple(made) if several else made[0]


def _with_axis(t: ArrayType, size: int) -> ArrayType:
    return ArrayType(t.dtype, (size, *t.shape))


def looped(fn: Function) -> list[str]:
    """Names of the primitives that were recorded once per element."""
    parts = {part for op in fn.ops for part in op.meta.scope.split("/")}
    return sorted(part[len(LOOPED) :] for part in parts if part.startswith(LOOPED))
