"""Which axes of a program are the same index.

Every op says how its axes go together: an axis of an operand and one of the result with
the same letter are traversed together, a letter that only operands have is summed over.
An axis without a letter (indexed, sliced, sorted along) is a barrier for itself alone.
Axes joined through the whole program are a class: one loop could run along all of it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tapec import primitive as lowerings
from tapec.ir import Dim, Function, TupleType, Value

__all__ = ["Classes", "Letters", "letters"]

Spot = tuple[int, int]
"""An operand's number, and one of its axes."""


class Letters(NamedTuple):
    """maps: the operands' axes that run along each axis of the result.

    sums: letters that are reduced, each with its monoid.
    """

    maps: dict[int, list[Spot]]
    sums: list[tuple[str, list[Spot]]]


NONE = Letters({}, [])


def letters(op: Value) -> Letters:
    """How the axes of an op go together."""
    lower = op.prim.lower
    if isinstance(op.type, TupleType) or any(
        isinstance(a.type, TupleType) for a in op.args
    ):
        return NONE
    if isinstance(lower, lowerings.Scalar) or op.prim.name == "broadcast_to":
        return _from_rows(op, _aligned(op))
    if isinstance(lower, lowerings.Reduce):
        return _of_reduction(op, lower.monoid)
    rule = _RULES.get(op.prim.name)
    return NONE if rule is None else rule(op)


def _from_rows(op: Value, rows: Iterator[tuple[Spot, int]]) -> Letters:
    maps: dict[int, list[Spot]] = defaultdict(list)
    for spot, axis in rows:
        maps[axis].append(spot)
    return Letters(dict(maps), [])


def _aligned(op: Value, *, skip: int = 0) -> Iterator[tuple[Spot, int]]:
    """Axes that broadcast together, but for the last `skip`."""
    ndim = len(op.shape)
    for number, a in enumerate(op.args):
        shift = ndim - len(a.shape)
        for axis in range(len(a.shape) - skip):
            if a.shape[axis] == op.shape[axis + shift] != 1:
                yield (number, axis), axis + shift


def _of_reduction(op: Value, monoid: str) -> Letters:
    reduced = op.attr("axis")
    kept = [a for a in range(len(op.args[0].shape)) if a not in reduced]
    maps = {i: [(0, a)] for i, a in enumerate(kept)}
    return Letters(maps, [(monoid, [(0, a)]) for a in reduced])


def _of_product(op: Value) -> Letters:
    a, b = (len(x.shape) for x in op.args)
    found = _from_rows(op, _aligned(op, skip=2))
    n = len(op.shape)
    maps = {**found.maps, n - 2: [(0, a - 2)], n - 1: [(1, b - 1)]}
    return Letters(maps, [("add", [(0, a - 1), (1, b - 2)])])


def _of_transpose(op: Value) -> Letters:
    return Letters({i: [(0, p)] for i, p in enumerate(op.attr("perm"))}, [])


def _of_reshape(op: Value) -> Letters:
    """Axes that neither merge with others nor are split."""
    old, new = (
        {
            (before, n): axis
            for axis, (n, before) in enumerate(_with_products(shape))
            if n != 1
        }
        for shape in (op.args[0].shape, op.shape)
    )
    return Letters({new[key]: [(0, old[key])] for key in new if key in old}, [])


def _with_products(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Each extent with the product of those before it."""
    before = itertools.accumulate(shape, lambda x, y: x * y, initial=1)
    return zip(shape, before, strict=False)


def _of_slice(op: Value) -> Letters:
    """Axes that are taken whole."""
    whole = zip(op.attr("start"), op.attr("step"), op.args[0].shape, strict=True)
    axes = [
        axis
        for axis, (start, step, n) in enumerate(whole)
        if start == 0 and step == 1 and n == op.shape[axis]
    ]
    return Letters({axis: [(0, axis)] for axis in axes}, [])


_RULES = {
    "matmul": _of_product,
    "transpose": _of_transpose,
    "reshape": _of_reshape,
    "slice": _of_slice,
}


# --- classes --------------------------------------------------------------------


class Classes:
    """The classes of axes of a program's values.

    No value has two axes in a class: an operand that would (both sides of x @ x.T) is
    needed whole, and stays apart.
    """

    def __init__(self, fn: Function) -> None:
        self.letters = {op: letters(op) for op in fn.ops}
        self._parent: dict[tuple[Value, int], tuple[Value, int]] = {}
        self._members: dict[tuple[Value, int], dict[Value, int]] = {}
        for op in fn.ops:
            found = self.letters[op]
            for axis, spots in found.maps.items():
                for number, other in spots:
                    self._join((op, axis), (op.args[number], other))
            for _, spots in found.sums:
                ends = [(op.args[number], other) for number, other in spots]
                for end in ends[1:]:
                    self._join(ends[0], end)

    def _find(self, spot: tuple[Value, int]) -> tuple[Value, int]:
        root = spot
        while (above := self._parent.get(root, root)) is not root:
            root = above
        while (above := self._parent.get(spot, spot)) is not root:
            self._parent[spot], spot = root, above
        return root

    def _join(self, a: tuple[Value, int], b: tuple[Value, int]) -> None:
        a, b = self._find(a), self._find(b)
        if a == b:
            return
        for spot in (a, b):
            self._parent.setdefault(spot, spot)
            self._members.setdefault(spot, {spot[0]: spot[1]})
        small, large = sorted((a, b), key=lambda s: len(self._members[s]))
        if self._members[small].keys() & self._members[large].keys():
            return
        self._members[large].update(self._members.pop(small))
        self._parent[small] = large

    def __iter__(self) -> Iterator[dict[Value, int]]:
        """Each class: its values, and which of their axes belongs to it."""
        return iter(self._members.values())


def extent(members: dict[Value, int]) -> int | Dim:
    """How long the axes of a class are."""
    value, axis = next(iter(members.items()))
    return value.shape[axis]  # type: ignore[no-any-return]
