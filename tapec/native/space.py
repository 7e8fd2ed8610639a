"""The iteration space of a fused body: its axes, and who is indexed by which.

The space is the shape of the elementwise results without axes of length 1 (of the
operand, for a reduction). Neighbouring axes that everything traverses together become
one, so a kernel on contiguous arrays is a single loop.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tapec import primitive as lowerings
from tapec.ir import Dim, Function, Value
from tapec.native.lowering import cost
from tapec.native.places import Axis, Place, place

__all__ = [
    "Pattern",
    "Space",
    "extents_of",
    "is_serial",
    "natural",
    "patterns",
    "root_of",
    "space_of",
]

FEW, SOME = 6, 8
"""Elements of a last axis that are emitted one by one: LLVM reads as many columns of
neighbouring rows with vector loads. Some more if that keeps sums in registers."""

LONG = 16
"""Rows for which this pays."""

HEAVIEST = 1500
"""Instructions that all columns may take."""

Pattern = tuple[int | None, ...]
"""Per axis of a value the axis of the space that indexes it; None: it has length 1."""


def extents_of(value: Value) -> tuple[int, ...]:
    """The shape without axes of length 1."""
    return tuple([n for n in value.shape if n != 1])


def space_of(op: Value) -> tuple[int, ...]:
    """The space an op runs through."""
    return extents_of(root_of(op))


def root_of(op: Value) -> Value:
    """What has the shape of the space an op runs through: mostly itself."""
    lower = op.prim.lower
    if isinstance(lower, lowerings.Reduce | lowerings.Pack):
        return op.args[0]
    return op.args[lower.source] if isinstance(lower, lowerings.Scatter) else op


def is_serial(op: Value) -> bool:
    """Whether the order of the loop matters: such an op has a kernel of its own."""
    return isinstance(op.prim.lower, lowerings.Scatter | lowerings.Running)


def natural(shape: tuple[int, ...]) -> Pattern:
    """The pattern of a value that fills the space."""
    pattern, axis = [], 0
    for n in shape:
        pattern.append(None if n == 1 else axis)
        axis += n != 1
    return tuple(pattern)


def patterns(body: Function) -> dict[Value, set[Pattern]]:
    """How values are indexed, as far as elementwise ops alone decide."""
    found: dict[Value, set[Pattern]] = defaultdict(set)
    for result in body.results:
        packed = isinstance(result.prim.lower, lowerings.Pack)
        for root in result.args if packed else [root_of(result)]:
            found[root].add(natural(root.shape))
    for op in reversed(body.ops):
        for pattern in found.get(op, ()):
            if isinstance(op.prim.lower, lowerings.Scalar | lowerings.Running):
                for a in op.args:
                    found[a].add(aligned(a.shape, pattern))
            elif isinstance(op.prim.lower, lowerings.View):
                found[op.args[0]].add(squeezed(op, pattern))
    return found


def aligned(shape: tuple[int, ...], index: tuple[Any, ...], one: Any = None) -> Any:
    """The index of an operand that broadcasts to what `index` belongs to."""
    tail = index[len(index) - len(shape) :]
    return tuple(one if n == 1 else i for n, i in zip(shape, tail, strict=True))


def squeezed(op: Value, index: tuple[Any, ...], one: Any = None) -> Any:
    """The index of a view's operand that differs in axes of length 1 only."""
    rest = iter([i for n, i in zip(op.shape, index, strict=True) if n != 1])
    return tuple(one if n == 1 else next(rest) for n in op.args[0].shape)


class Space:
    """extents: of the loops, 1 for an axis that was joined to the next one.

    columns: of a short last axis that has no loop, see `column`; else 1.
    """

    def __init__(self, body: Function) -> None:
        self.shape = space_of(body.results[0])
        self.patterns = patterns(body)
        self.extents = list(self.shape)
        self._axes = [place(0)] * len(self.shape)
        if not _looks_at_index(body):
            self._join(body)
        for axis, n in enumerate(self.extents):
            if n != 1:
                # A joined axis keeps its own range: the index of the axis before it is
                # 0, and only their sum in row-major order has a meaning.
                self._axes[axis] = Place([(Axis(axis, self.shape[axis]), 1)], 0)
        self.columns = self._columns(body)

    def _join(self, body: Function) -> None:
        reductions = [reduced_axes(r) for r in body.results]
        for axis in range(len(self.shape) - 1):
            pair = {axis, axis + 1}
            together = all(len(pair & r) != 1 for r in reductions)
            if together and all(
                _adjacent(pattern, axis)
                for p in body.params
                for pattern in self.patterns[p]
            ):
                self.extents[axis + 1] *= self.extents[axis]
                self.extents[axis] = 1

    def _columns(self, body: Function) -> int:
        """The length of a last axis that is emitted element by element.

        The lanes are rows then. In a loop of its own it would leave most lanes empty,
        and what is summed over the rows would be in memory.
        """
        axes = [a for a, n in enumerate(self.extents) if n != 1]
        if len(axes) < 2:
            return 1
        row, last = axes[-2:]
        rows, n = self.extents[row], self.extents[last]
        if n != self.shape[last] or isinstance(n, Dim) or n > SOME:
            return 1  # joined, or long
        along = [reduced_axes(r) for r in body.results]
        if n > FEW and not any(row in axes and last not in axes for axes in along):
            return 1
        if not isinstance(rows, Dim) and rows < LONG:
            return 1
        scalars = [op for op in body.ops if isinstance(op.prim.lower, lowerings.Scalar)]
        moved = len(body.ops) - len(scalars)
        if n * (moved + sum(cost(op) or 1 for op in scalars)) > HEAVIEST:
            return 1
        self.extents[last] = 1
        return int(n)

    def column(self, number: int) -> None:
        """From here on the index along the last axis is this number."""
        if self.columns > 1:
            self._axes[-1] = place(number)

    def places(self, pattern: Pattern) -> tuple[Place, ...]:
        """The index that a pattern stands for."""
        return tuple(place(0) if a is None else self._axes[a] for a in pattern)

    def axis(self, number: int) -> Place:
        """The index along one axis of the space."""
        return self._axes[number]


def reduced_axes(op: Value) -> set[int]:
    """Axes of the space that a result is summed over, or runs along."""
    if not isinstance(op.prim.lower, lowerings.Reduce | lowerings.Running):
        return set()
    pattern = natural(op.args[0].shape)
    axes = op.attr("axis")
    axes = axes if isinstance(axes, tuple) else (axes,)
    return {a for n in axes if (a := pattern[n]) is not None}


def _adjacent(pattern: Pattern, axis: int) -> bool:
    """Whether the two axes are indexed both, one after the other, or not at all."""
    used = [a for a in pattern if a is not None]
    if axis in used and axis + 1 in used:
        return used.index(axis + 1) == used.index(axis) + 1
    return axis not in used and axis + 1 not in used


def _looks_at_index(body: Function) -> bool:
    kinds = lowerings.Index | lowerings.Scatter
    return any(isinstance(op.prim.lower, kinds) for op in body.ops)
