"""`check_nan`: where NaN and infinities come from, and whether they matter.

Every op is evaluated, and its elements that are NaN or infinite are followed: an op is
an *origin* of those that none of its operands explains. From the results backwards only
those count that a result is made from, so what `where` does not choose, or `exp` turns
into 0, is reported as masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapec.debugging.flows import Flow, Mask, flow_of
from tapec.debugging.values import at_sizes, values_of
from tapec.ir import Function, TupleType, Value, users

__all__ = ["Origin", "Search", "origins_of"]


@dataclass(frozen=True, eq=False)
class Origin:
    """A value with NaN or infinities that nothing before it explains.

    kind: "nan" or "inf". mask: the elements. results: numbers of the results that they
    reach. path: the ops on the way to the first of these, the origin's own first; empty
    if they reach none. stopped: the ops that do not hand them on.
    """

    op: Value
    kind: str
    mask: Mask
    results: tuple[int, ...]
    path: tuple[Value, ...]
    stopped: tuple[Value, ...]

    @property
    def reaches(self) -> bool:
        """Whether a result is NaN or infinite because of it."""
        return bool(self.path)

    @property
    def count(self) -> int:
        """How many elements."""
        return int(np.count_nonzero(self.mask))


def origins_of(fn: Function, arrays: Sequence[Any]) -> list[Origin]:
    """The origins in `fn`, parameters among them, in the order of the schedule."""
    return Search(fn, arrays).origins()


class Search:
    """One evaluation and where its NaN and infinities went.

    values: of every op, by uid. needed: by op, the elements that a bad element of a
    result was made from and that are bad themselves.
    """

    def __init__(self, fn: Function, arrays: Sequence[Any]) -> None:
        self.fn = at_sizes(fn, arrays)
        self.values = values_of(self.fn, arrays)
        self.users = users(self.fn)
        self._flows: dict[Value, Flow] = {}
        self.needed: dict[Value, Any] = {}
        for r in self.fn.results:
            self._need(r, _bad(self.values[r.uid]))
        for op in reversed(self.fn.ops):
            if op in self.needed:
                self._back(op)

    def origins(self) -> list[Origin]:
        """See `origins_of`."""
        found = []
        for v in (*self.fn.params, *self.fn.ops):
            if v.prim is not None and (v.prim.effect or v.prim.name == "item"):
                continue
            for kind, test in (("inf", np.isinf), ("nan", np.isnan)):
                mask = self._made(v, kind, test)
                if mask.any():
                    found.append(self._origin(v, kind, mask))
        return found

    # --- forwards

    def _made(self, v: Value, kind: str, test: Any) -> Any:
        """The elements of this kind that no operand explains."""
        found = _marked(self.values[v.uid], test)
        if isinstance(found, tuple):
            found = np.array([m.any() for m in found])
        if v.prim is None or not v.args or not found.any():
            return found
        explained = np.isnan if kind == "nan" else _is_bad
        given = [_marked(self.values[a.uid], explained) for a in v.args]
        if isinstance(v.type, TupleType):
            return found & ~any(_any(m) for m in given)
        return found & ~self._flow(v).forward(given)

    def _flow(self, op: Value) -> Flow:
        if op not in self._flows:
            args = [self.values[a.uid] for a in op.args]
            self._flows[op] = flow_of(op, args)
        return self._flows[op]

    # --- backwards

    def _need(self, v: Value, mask: Any) -> None:
        if not _any(mask):
            return
        old = self.needed.get(v)
        if old is None:
            self.needed[v] = mask
        elif isinstance(mask, tuple):
            self.needed[v] = tuple(a | b for a, b in zip(old, mask, strict=True))
        else:
            self.needed[v] = old | mask

    def _back(self, op: Value) -> None:
        """What is needed of an op is needed of those operands that are bad."""
        mask = self.needed[op]
        if op.prim.name == "item":
            (a,) = op.args
            whole = _bad(self.values[a.uid])
            number = op.attr("index")
            self._need(a, tuple(
                m & mask if i == number else np.zeros_like(m)
                for i, m in enumerate(whole)
            ))  # fmt: skip
            return
        if isinstance(op.type, TupleType):
            for a in op.args:
                self._need(a, _bad(self.values[a.uid]))
            return
        read = self._flow(op).backward(mask)
        for a, part in zip(op.args, read, strict=True):
            bad = _bad(self.values[a.uid])
            self._need(a, bad if isinstance(bad, tuple) else bad & part)

    # --- an origin

    def _origin(self, v: Value, kind: str, mask: Mask) -> Origin:
        needed = self.needed.get(v)
        if isinstance(needed, tuple):
            needed = np.array([m.any() for m in needed])
        if needed is not None and (needed & mask).any():
            results, path = self._ways(v)
            return Origin(v, kind, mask & needed, results, path, ())
        return Origin(v, kind, mask, (), (), self._stops(v))

    def _ways(self, v: Value) -> tuple[tuple[int, ...], tuple[Value, ...]]:
        """The results that are reached, and the shortest way to the first of them."""
        came: dict[Value, Value | None] = {v: None}
        queue = [v]
        for at in queue:
            for user in self.users[at]:
                if user in self.needed and user not in came:
                    came[user] = at
                    queue.append(user)
        ends = [i for i, r in enumerate(self.fn.results) if r in came]
        path = [self.fn.results[ends[0]]] if ends else [v]
        while (before := came[path[-1]]) is not None:
            path.append(before)
        return tuple(ends), tuple(reversed(path))

    def before(self, v: Value) -> set[Value]:
        """The values whose NaN or infinities went into `v`."""
        found, queue = {v}, [v]
        for at in queue:
            for a in at.args:
                if a not in found and _any(_bad(self.values[a.uid])):
                    found.add(a)
                    queue.append(a)
        return found

    def _stops(self, v: Value) -> tuple[Value, ...]:
        """The ops at which what is bad in `v` becomes good."""
        seen, queue, stops = {v}, [v], []
        for at in queue:
            for user in self.users[at]:
                if user in seen or user.prim.effect:
                    continue
                seen.add(user)
                if _any(_bad(self.values[user.uid])):
                    queue.append(user)
                else:
                    stops.append(user)
        return tuple(stops)


# --- masks ------------------------------------------------------------------------


def _is_bad(x: Any) -> Any:
    return ~np.isfinite(x)


def _bad(x: Any) -> Any:
    return _marked(x, _is_bad)


def _marked(x: Any, test: Any) -> Any:
    """Where a value passes a test that is for floating numbers."""
    if isinstance(x, tuple):
        return tuple(_marked(part, test) for part in x)
    a = np.asarray(x)
    return np.asarray(test(a)) if a.dtype.kind in "fc" else np.zeros(a.shape, bool)


def _any(mask: Any) -> bool:
    if isinstance(mask, tuple):
        return any(bool(m.any()) for m in mask)
    return bool(mask.any())
