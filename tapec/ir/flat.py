"""Functions as tables: how they pickle, however deep the graph is.

A table has a row per value, operands first; rows name their operands by number.
Functions that share values, as the stages of an inspection do, share the table.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from tapec.ir.function import Function, Value
from tapec.ir.origin import Meta

__all__ = ["Tables"]


class Tables:
    """Functions in columns, which hold few objects and no nested ones.

    order: the functions, by their place in `heads`; one may come several times.
    counts, args: how many operands each value has, and their rows one after the other.
    primals, origins: of `meta`; equal origins are one object. heads: name, parameters,
    ops and results of each function.
    """

    def __init__(self, functions: Iterable[Function]) -> None:
        listed = list(functions)
        unique = list({id(fn): fn for fn in listed}.values())
        numbers = {id(fn): n for n, fn in enumerate(unique)}
        self.order = [numbers[id(fn)] for fn in listed]
        places: dict[Value, int] = {}
        self.heads: list[tuple[str, array[int], array[int], array[int]]] = []
        for fn in unique:
            for v in (*fn.params, *fn.ops):
                places.setdefault(v, len(places))
            params, ops, results = (
                array("q", [places[v] for v in part])
                for part in (fn.params, fn.ops, fn.results)
            )
            self.heads.append((fn.name, params, ops, results))
        values = list(places)
        self.counts = array("q", [len(v.args) for v in values])
        self.args = array("q", [places[a] for v in values for a in v.args])
        self.uids = array("q", [v.uid for v in values])
        self.prims = [v.prim for v in values]
        self.attrs = [v.attrs for v in values]
        self.types = [v.type for v in values]
        self.names = [v.name for v in values]
        self.primals = [v.meta.primal for v in values]
        self.origins = list(_shared(v.meta for v in values))

    def functions(self) -> list[Function]:
        """The functions, with values of their own."""
        values: list[Value] = []
        columns = (
            self.counts, self.prims, self.attrs, self.types, self.uids, self.names,
            self.primals, self.origins,
        )  # fmt: skip
        at = 0
        for n, prim, attrs, type_, uid, name, primal, origin in zip(
            *columns, strict=True
        ):
            args = tuple([values[i] for i in self.args[at : at + n]])
            at += n
            meta = origin if primal is None else origin.belonging_to(primal)
            values.append(Value(prim, args, attrs, type_, uid, name, meta))
        made = [
            Function(name, *[[values[i] for i in part] for part in parts])
            for name, *parts in self.heads
        ]
        return [made[n] for n in self.order]


def _shared(metas: Iterable[Meta]) -> Iterator[Meta]:
    """Those without their primal, one object for equal ones."""
    known: dict[Any, Meta] = {}
    for meta in metas:
        key = meta.scope, meta.loc.frames if meta.loc else None
        found = known.get(key)
        if found is None:
            found = known[key] = meta.belonging_to(None)
        yield found
