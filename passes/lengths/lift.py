"""Constants become parameters, those in bodies of loops too.

func @body(%c: f64[]) {                 func @body(%c: f64[], %2: f64[]) {
  %1: f64[] = const value=0.02            %3: f64[] = multiply %c, %2
  %3: f64[] = multiply %c, %1      ->     return %3
  return %3                             }
}                                       func @f(%x: f64[], %4: f64[]) {
func @f(%x: f64[]) {                      %5: (f64[]) = scan %x, %4 body=@body
  %2: (f64[]) = scan %x body=@body        ...
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from tapec.ir import Dim, Function, Value, users
from tapec.ops.const import const
from tapec.ops.control import scan

__all__ = ["constants", "is_table", "lifted", "literals"]

K = TypeVar("K", bound=Hashable)
"""What tells parameters for constants apart."""

PLAIN = (
    "add", "subtract", "multiply", "divide",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
)  # fmt: skip
"""Ops that do the same whatever number they take."""


def constants(fn: Function) -> Iterator[Value]:
    """The constants of `fn` and of the bodies of its loops."""
    for op in fn.ops:
        if op.prim is const:
            yield op
        elif op.prim is scan:
            yield from constants(op.attr("body"))


def literals(fn: Function) -> Iterator[Value]:
    """Numbers that may as well be arguments: only sums, products, comparisons and loops
    read them.

    No rule looks at them, except for those that are neutral there.
    """
    readers = users(fn)
    for op in fn.ops:
        if op.prim is scan:
            yield from literals(op.attr("body"))
        elif op.prim is not const or op.type.shape or op.dtype.kind not in "fiuc":
            continue
        elif all(r.prim is scan or r.prim.name in PLAIN for r in readers[op]):
            yield op


def is_table(op: Value) -> bool:
    """Whether a constant has a row for each round of a loop of any length."""
    return any(isinstance(n, Dim) for n in op.shape)


def lifted(fn: Function, chosen: Mapping[Value, K]) -> tuple[Function, list[K]]:
    """`fn` with a last parameter for each different key of `chosen`; the keys."""
    if not chosen:
        return fn, []
    made = _Lifted(fn, chosen)
    params = [*fn.params, *made.params.values()]
    return Function(fn.name, params, made.ops, made.results), list(made.params)


class _Lifted(Generic[K]):
    """params: the new parameters by key."""

    def __init__(self, fn: Function, chosen: Mapping[Value, K]) -> None:
        self.chosen = chosen
        self.params: dict[K, Value] = {}
        self.uid = fn.next_uid
        self.ops: list[Value] = []
        new: dict[Value, Value] = {}
        for op in fn.ops:
            if op in chosen:
                new[op] = self._param(chosen[op], op.type)
                continue
            args = tuple([new.get(a, a) for a in op.args])
            new[op] = self._op(op, args)
            self.ops.append(new[op])
        self.results = [new.get(r, r) for r in fn.results]

    def _param(self, key: K, type_: Any) -> Value:
        found = self.params.get(key)
        if found is None:
            found = self.params[key] = Value(None, (), (), type_, self.uid)
            self.uid += 1
        return found

    def _op(self, op: Value, args: tuple[Value, ...]) -> Value:
        attrs = op.attrs
        if op.prim is scan:
            body = op.attr("body")
            inner = _Lifted(body, self.chosen)
            n = op.attr("carries") + op.attr("invariants")
            more = [self._param(key, p.type) for key, p in inner.params.items()]
            args = (*args[:n], *more, *args[n:])
            params = [*body.params[:n], *inner.params.values(), *body.params[n:]]
            made = Function(body.name, params, inner.ops, inner.results)
            count = op.attr("invariants") + len(more)
            attrs = tuple((dict(attrs) | {"body": made, "invariants": count}).items())
        elif args == op.args:
            return op
        return Value(op.prim, args, attrs, op.type, op.uid, op.name, op.meta)
