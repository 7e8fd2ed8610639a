"""Smaller programs that fail in the same way.

A value of the program may become a parameter whose argument is that value; then what
computed it is not needed. Or it becomes one of its operands of the same type. The first
is tried for many ops at once, halves first, then for one after the other. Bodies of
loops lose their ops too; arguments become rounder, extents smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import numpy as np

from tapec.interpret import Observer, apply, evaluate, observed
from tapec.ir import ArrayType, Constant, Emitter, Function, TupleType, Value
from tapec.ops.const import const, item
from tests.fuzz.grow import Case

__all__ = ["Fails", "shrunk"]

Fails = Callable[[Case], bool]


def shrunk(case: Case, fails: Fails, seconds: float = 60.0) -> Case:
    """The smallest case found in this time for which `fails` still holds."""
    end = monotonic() + seconds
    again = True
    while again and monotonic() < end:
        again = False
        for step in (_results, _chunks, _operands, _bodies, _extents, _numbers):
            for smaller in step(case):
                if monotonic() > end:
                    return case
                if _holds(fails, smaller):
                    case, again = smaller, True
                    break
    return case


def _holds(fails: Fails, case: Case) -> bool:
    try:
        return fails(case)
    except Exception:  # not a program at all
        return False


# --- what is tried ------------------------------------------------------------------


def _results(case: Case) -> Iterator[Case]:
    """Another value as the only result; one result alone; one less."""
    fn = case.fn
    for op in fn.ops:
        if op.prim is not const and isinstance(op.type, ArrayType):
            smaller = _pruned(fn.with_(results=[op]), case)
            if len(smaller.fn.ops) < len(fn.ops):
                yield smaller
    if len(fn.results) > 1:
        for r in fn.results:
            yield _pruned(fn.with_(results=[r]), case)
        for i in range(len(fn.results)):
            rest = fn.results[:i] + fn.results[i + 1 :]
            yield _pruned(fn.with_(results=rest), case)


def _chunks(case: Case) -> Iterator[Case]:
    """Ops become parameters: the first half, then smaller parts."""
    ops = [op for op in case.fn.ops if op.prim is not const]
    size = len(ops)
    while size:
        for start in range(0, len(ops), size):
            yield _as_parameters(case, set(ops[start : start + size]))
        size //= 2


def _operands(case: Case) -> Iterator[Case]:
    """An op becomes an operand of the same type, or another constant."""
    for op in case.fn.ops:
        for a in op.args:
            if a.type == op.type:
                yield _pruned(_replaced(case.fn, {op: a}), case)


def _bodies(case: Case) -> Iterator[Case]:
    """A body without one of its ops or results."""
    for op in case.fn.ops:
        for name, body in op.attrs:
            if isinstance(body, Function):
                for smaller in _smaller_bodies(body):
                    attrs = {**dict(op.attrs), name: smaller}
                    yield _pruned(_with_attrs(case.fn, op, attrs), case)


def _smaller_bodies(body: Function) -> Iterator[Function]:
    for op in body.ops:
        for other in (*op.args, *body.params):
            if other.type == op.type:
                yield _alive(_replaced(body, {op: other}))
        for name, inner in op.attrs:
            if isinstance(inner, Function):
                for smaller in _smaller_bodies(inner):
                    yield _with_attrs(body, op, {**dict(op.attrs), name: smaller})


def _extents(case: Case) -> Iterator[Case]:
    """Another length in the place of one, wherever it stands."""
    lengths = {n for a in case.arrays for n in a.shape if n > 1}
    for old in sorted(lengths, reverse=True):
        for new in (1, 2, old // 2):
            if new < old:
                try:
                    yield _resized(case, old, new)
                except (TypeError, ValueError, KeyError, IndexError):
                    continue


def _numbers(case: Case) -> Iterator[Case]:
    """Arguments of ones, of zeros, of rounder numbers."""
    for i, a in enumerate(case.arrays):
        simpler = [np.ones_like(a), np.zeros_like(a)]
        if a.dtype.kind in "fc":
            simpler += [np.round(a, 1), np.round(a)]
        for other in simpler:
            if other.tobytes() != a.tobytes() and _cost(other) < _cost(a):
                arrays = [*case.arrays[:i], other, *case.arrays[i + 1 :]]
                yield Case(case.fn, arrays, case.seed)


def _cost(a: np.ndarray) -> int:
    return len(set(map(str, a.reshape(-1)))) * 100 + len(str(a.tolist()))


# --- building -----------------------------------------------------------------------


class _Values(Observer):
    """Keeps what every op of the outermost function gave."""

    def __init__(self) -> None:
        self.found: dict[Value, object] = {}

    def run(self, op, args):
        """The value, kept."""
        out = self.found[op] = (
            args[0][op.attr("index")] if op.prim is item else apply(op, args)
        )
        return out


def _as_parameters(case: Case, chosen: set[Value]) -> Case:
    """`chosen` and the items of those that are tuples become parameters."""
    values = _Values()
    with observed(values):
        evaluate(case.fn, *case.arrays)
    several = {op for op in chosen if isinstance(op.type, TupleType)}
    chosen = chosen | {
        op for op in case.fn.ops if op.prim is item and op.args[0] in several
    }
    chosen -= several
    params, arrays, table = list(case.fn.params), list(case.arrays), {}
    for op in case.fn.ops:
        if op in chosen:
            table[op] = Value(None, (), (), op.type, op.uid)
            params.append(table[op])
            arrays.append(np.array(values.found[op]))
    fn = _replaced(case.fn.with_(params=params), table)
    return _pruned(fn, Case(fn, arrays, case.seed))


def _replaced(fn: Function, table: dict[Value, Value]) -> Function:
    env = {p: p for p in fn.params}
    ops = []
    for op in fn.ops:
        if op in table:
            env[op] = env.get(table[op], table[op])
            continue
        args = tuple(env[a] for a in op.args)
        env[op] = Value(op.prim, args, op.attrs, op.type, op.uid)
        ops.append(env[op])
    return fn.with_(ops=ops, results=[env[r] for r in fn.results])


def _with_attrs(fn: Function, which: Value, attrs: dict[str, object]) -> Function:
    new = Value(which.prim, which.args, tuple(attrs.items()), which.type, which.uid)
    ops = [new if op is which else op for op in fn.ops]
    changed = fn.with_(ops=ops)
    env: dict[Value, Value] = {which: new}
    kept = []
    for op in changed.ops:
        args = tuple(env.get(a, a) for a in op.args)
        if args != op.args:
            env[op] = Value(op.prim, args, op.attrs, op.type, op.uid)
            op = env[op]
        kept.append(op)
    return fn.with_(ops=kept, results=[env.get(r, r) for r in fn.results])


def _alive(fn: Function) -> Function:
    needed = set(fn.results)
    for op in reversed(fn.ops):
        if op in needed or op.prim.effect:
            needed.update(op.args)
    return fn.with_(ops=[op for op in fn.ops if op in needed or op.prim.effect])


def _pruned(fn: Function, case: Case) -> Case:
    """Without dead ops and unread parameters."""
    fn = _alive(fn)
    read = {a for op in fn.ops for a in op.args} | set(fn.results)
    pairs = [(p, a) for p, a in zip(fn.params, case.arrays, strict=True) if p in read]
    fn = fn.with_(params=[p for p, _ in pairs])
    return Case(fn, [a for _, a in pairs], case.seed)


def _resized(case: Case, old: int, new: int) -> Case:
    def size(value, name=""):
        if isinstance(value, tuple):
            return tuple(size(v, name) for v in value)
        named = name in ("shape", "length", "stop")
        return new if named and type(value) is int and value == old else value

    arrays = [
        a[tuple(slice(new if n == old else n) for n in a.shape)] for a in case.arrays
    ]
    params = [
        Value(None, (), (), ArrayType(a.dtype, a.shape), p.uid)
        for p, a in zip(case.fn.params, arrays, strict=True)
    ]
    env = dict(zip(case.fn.params, params, strict=True))
    emit = Emitter(case.fn.next_uid)
    for op in case.fn.ops:
        attrs = {name: size(value, name) for name, value in op.attrs}
        if op.prim is const:
            a = attrs["value"].array
            cut = a[tuple(slice(new if n == old else n) for n in a.shape)]
            attrs["value"] = Constant(cut)
        env[op] = emit.new(op.prim, *[env[a] for a in op.args], **attrs)
    fn = case.fn.with_(
        params=params, ops=emit.ops, results=[env[r] for r in case.fn.results]
    )
    return Case(fn, arrays, case.seed)
