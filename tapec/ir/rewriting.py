"""Building functions from functions: what every pass is made of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from tapec.ir.function import Function, Value, has_effect
from tapec.ir.origin import NO_META
from tapec.ir.types import Attrs, Type

__all__ = [
    "Emitter",
    "Log",
    "Placed",
    "Replaced",
    "Rule",
    "logged",
    "placed",
    "prune",
    "quiet",
    "renumber",
    "replaced",
    "rewrite",
    "substitute",
    "users",
]


class Emitter:
    """Collects the ops of a function under construction.

    reason: why the rule puts something else in the place of an op, for the log.
    """

    def __init__(self, next_uid: int) -> None:
        self.ops: list[Value] = []
        self.reason = ""
        self._next = next_uid

    def keep(self, op: Value) -> Value:
        """Append an existing op as it is."""
        self.ops.append(op)
        return op

    def new(
        self, prim: Any, *args: Value, like: Value | None = None, **attrs: Any
    ) -> Value:
        """Append a new op; its type comes from the primitive's type rule.

        `like` lends its `meta`: the op whose work the new one does.
        """
        type_ = prim.type_rule(*[a.type for a in args], **attrs)
        return self.make(prim, args, tuple(attrs.items()), type_, like)

    def make(
        self,
        prim: Any,
        args: tuple[Value, ...],
        attrs: Attrs,
        type_: Type,
        like: Value | None = None,
    ) -> Value:
        """Append a new op of known type."""
        meta = NO_META if like is None else like.meta
        op = Value(prim, args, attrs, type_, self._next, meta=meta)
        self._next += 1
        self.ops.append(op)
        return op


Rule = Callable[[Value, Emitter], Value]


class Replaced(NamedTuple):
    """A line of the rewrite log: the op `old` is now the value `new`."""

    old: int
    new: int
    reason: str


class Placed(NamedTuple):
    """A line of the log: op number `line`, from 1, of the body of `kernel` is `old`."""

    old: int
    kernel: int
    line: int


class Log(NamedTuple):
    """What a pass did to the values of one function."""

    replaced: list[Replaced]
    placed: list[Placed]


_log: ContextVar[Log | None] = ContextVar("rewrite log", default=None)


@contextmanager
def logged() -> Iterator[Log]:
    """What passes do inside, for those who ask why. Bodies have logs of their own."""
    log = Log([], [])
    token = _log.set(log)
    try:
        yield log
    finally:
        _log.reset(token)


def placed(kernel: Value, ops: Iterable[Value | None]) -> None:
    """Tell the log that the body of `kernel` computes `ops`; None is new there."""
    log = _log.get()
    if log is not None:
        for line, op in enumerate(ops, 1):
            if op is not None:
                log.placed.append(Placed(op.uid, kernel.uid, line))


def replaced(old: Value, new: Value, reason: str) -> None:
    """Tell the log that `new` takes the place of `old`."""
    log = _log.get()
    if log is not None:
        log.replaced.append(Replaced(old.uid, new.uid, reason))


def rewrite(fn: Function, rule: Rule) -> Function:
    """Rebuild `fn` op by op: the only loop that does.

    `rule(op, emit)` gets each op with its operands already rewritten and returns the
    value that takes its place: `emit.keep(op)`, a new op, or an earlier value. An op
    whose operands changed keeps its uid.
    """
    emit = Emitter(fn.next_uid)
    log = _log.get()
    new: dict[Value, Value] = {}
    get = new.get
    for op in fn.ops:
        args = op.args
        if any(a in new for a in args):
            args = tuple([get(a, a) for a in args])
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
        else:
            moved = op
        result = rule(moved, emit)
        if result is not op:
            new[op] = result
        if log is not None and result is not moved:
            log.replaced.append(Replaced(op.uid, result.uid, emit.reason))
            emit.reason = ""
    return Function(fn.name, fn.params, emit.ops, [get(r, r) for r in fn.results])


def substitute(fn: Function, new: Mapping[Value, Value]) -> Function:
    """`fn` with ops or parameters replaced by other values, several maybe by one.

    New parameters come last, new ops (which have no operands) first.
    """
    mapping = dict(new)
    values = dict.fromkeys(new.values())
    ops = [v for v in values if v.prim is not None]
    for op in fn.ops:
        if op in new:
            continue
        if any(a in mapping for a in op.args):
            args = tuple(mapping.get(a, a) for a in op.args)
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            mapping[op] = moved
        ops.append(mapping.get(op, op))
    params = [p for p in fn.params if p not in new]
    params += [v for v in values if v.prim is None]
    return Function(fn.name, params, ops, [mapping.get(r, r) for r in fn.results])


def prune(fn: Function) -> Function:
    """Drop ops that no result and no effect needs."""
    needed = set(fn.results)
    kept: list[Value] = []
    for op in reversed(fn.ops):
        if op in needed or op.prim.effect or (op.attrs and has_effect(op)):
            kept.append(op)
            needed.update(op.args)
    if len(kept) == len(fn.ops):
        return fn
    return Function(fn.name, fn.params, reversed(kept), fn.results)


def quiet(fn: Function) -> Function:
    """`fn` without its effects, nor those of its bodies: to compute something again."""
    if not any(map(has_effect, fn.ops)):
        return fn
    quieter = fn.with_(ops=[op for op in fn.ops if not op.prim.effect])

    def rule(op: Value, emit: Emitter) -> Value:
        if not has_effect(op):
            return emit.keep(op)
        attrs = tuple(
            (name, quiet(v) if isinstance(v, Function) else v) for name, v in op.attrs
        )
        made = Value(op.prim, op.args, attrs, op.type, op.uid, op.name, op.meta)
        return emit.keep(made)

    return rewrite(quieter, rule)


def renumber(fn: Function) -> Function:
    """Number parameters and ops 0, 1, 2, ... (for goldens and printing)."""
    new: dict[Value, Value] = {}
    numbers = {v.uid: i for i, v in enumerate(itertools.chain(fn.params, fn.ops))}
    for i, v in enumerate(itertools.chain(fn.params, fn.ops)):
        meta = v.meta
        if meta.primal is not None:
            meta = meta.belonging_to(numbers.get(meta.primal))
        args = tuple(new[a] for a in v.args)
        new[v] = Value(v.prim, args, v.attrs, v.type, i, v.name, meta)
    return Function(
        fn.name,
        [new[p] for p in fn.params],
        [new[op] for op in fn.ops],
        [new[r] for r in fn.results],
    )


def users(fn: Function) -> dict[Value, list[Value]]:
    """For each value the ops that read it, in schedule order."""
    found: dict[Value, list[Value]] = {v: [] for v in (*fn.params, *fn.ops)}
    for op in fn.ops:
        for a in dict.fromkeys(op.args):
            found[a].append(op)
    return found
