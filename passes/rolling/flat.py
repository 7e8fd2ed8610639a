"""A function as columns of numbers: what repetition is looked for in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from tapec.ir import Function, Value, exact, has_effect
from tapec.ops.const import const
from tapec.ops.effects import check

__all__ = ["Flat", "Ints", "may_fail"]

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Flat:
    """A function with its values numbered: parameters, constants, then all other ops.

    Constants have no place of their own: a literal that is written in the first round
    only would hide the repetition. first: the number of the first op. tokens: equal for
    ops that could be the same op of a loop. args, start: the operands of value i are
    `args[start[i]:start[i + 1]]`. last: the number of the last reader of each value,
    that of no op for what is a result, -1 for what nothing reads.

    Ops with effects stand alone, except checks that no op follows which may raise: they
    can wait for the end of a loop.
    """

    def __init__(self, fn: Function, apart: Collection[int] = ()) -> None:
        consts = [op for op in fn.ops if op.prim is const]
        ops = [op for op in fn.ops if op.prim is not const] if consts else fn.ops
        self.values: list[Value] = [*fn.params, *consts, *ops]
        self.first = len(fn.params) + len(consts)
        self.count = len(self.values)
        self._number_operands(ops)
        self.tokens = self._tokens(ops)
        self._keep_apart(ops, apart)
        self.results = self._numbers([r.uid for r in fn.results])
        self.last = np.full(self.count, -1)
        self.last[self.args] = self.owner
        self.last[self.results] = self.count

    def _number_operands(self, ops: Sequence[Value]) -> None:
        self._uids = np.array([v.uid for v in self.values], dtype=np.int64)
        self._place = np.full(int(self._uids.max(initial=0)) + 1, -1)
        self._place[self._uids] = np.arange(self.count)
        self.args = self._numbers([a.uid for op in ops for a in op.args])
        counts = np.zeros(self.count, dtype=np.int64)
        counts[self.first :] = [len(op.args) for op in ops]
        self.start = np.zeros(self.count + 1, dtype=np.int64)
        np.cumsum(counts, out=self.start[1:])
        self.owner = np.repeat(np.arange(self.count), counts)
        self.slot = np.arange(len(self.args)) - self.start[self.owner]

    def _numbers(self, uids: list[int]) -> Ints:
        return self._place[np.array(uids, dtype=np.int64)]

    def _tokens(self, ops: Sequence[Value]) -> Ints:
        """Primitive, type, number of operands and attributes as one number each."""
        prims = _numbered([v.prim for v in self.values])
        types = _numbered([v.type for v in self.values])
        attrs = np.zeros(self.count, dtype=np.int64)
        with_attrs = [i for i, op in enumerate(ops, self.first) if op.attrs]
        if with_attrs:
            kept = [_kept(self.values[i]) for i in with_attrs]
            attrs[with_attrs] = 1 + _numbered(kept)
        arity = np.diff(self.start)
        tokens = prims
        for column in (types, arity, attrs):
            tokens = _dense(tokens * (1 + int(column.max(initial=0))) + column)
        return tokens

    def _keep_apart(self, ops: Sequence[Value], apart: Collection[int]) -> None:
        """Give ops that must not become a part of a loop a token of their own."""
        alone = np.isin(self._uids, list(apart)) if apart else np.zeros(0, dtype=bool)
        places = alone.nonzero()[0].tolist()
        effects = [
            i
            for i, op in enumerate(ops, self.first)
            if op.prim.effect or (op.attrs and has_effect(op))
        ]
        checks = {i for i in effects if self.values[i].prim is check}
        if checks and not any(map(may_fail, ops)):
            effects = [i for i in effects if i not in checks]
        places += effects
        self.tokens[places] = -1 - np.array(places, dtype=np.int64)

    def is_const(self, i: int) -> bool:
        return self.values[i].prim is const


def may_fail(op: Value) -> bool:
    """Whether an op relies on the checks before it."""
    if op.prim.name in _INDEXED:
        return any(a.prim is not const for a in op.args[_INDEXED[op.prim.name] :])
    if op.prim.name in _ENDLESS:
        return True
    return op.prim.may_raise and op.prim is not check


_INDEXED = {"gather": 1, "scatter_add": 1, "put": 2}
_ENDLESS = ("while_loop", "while_reverse")
"""Ops that might never end if the checks before them did not hold."""


def _numbered(keys: Iterable[Any]) -> Ints:
    """Small numbers, equal where the keys are."""
    keys = list(keys)
    known = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([known[key] for key in keys], dtype=np.int64)


def _dense(numbers: Ints) -> Ints:
    """The same distinctions in small numbers, so that products stay exact."""
    if int(numbers.max(initial=0)) < 1 << 40:
        return numbers
    return np.unique(numbers, return_inverse=True)[1].reshape(-1)


# What the type of the result tells, or what may advance from round to round, is not
# part of the token.
_SILENT: dict[str, Callable[[Value], Any]] = {
    "slice": lambda op: op.attr("step"),
    "update_slice": lambda op: op.attr("step"),
    "reshape": lambda op: None,
    "broadcast_to": lambda op: None,
    "cast": lambda op: None,
}


def _kept(op: Value) -> Any:
    silent = _SILENT.get(op.prim.name)
    return exact(op.attrs) if silent is None else silent(op)
