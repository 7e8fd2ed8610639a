"""Which elements of its operands the elements of an op's result come from.

Exact for elementwise ops, `where` (only the branch taken), what moves elements, and
reductions; an op of any other kind may hand each element to each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec.ir import ArrayType, TupleType, Value
from tapec.primitive import Index, Reduce, Scalar, Scatter, View

__all__ = ["Flow", "flow_of"]

Mask = np.ndarray[Any, Any]

FIRST = 1 << 40
"""The number of the first element, above all that an op might put in by itself."""


class Flow:
    """Every element of the operands may reach every element of the result."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]):
        self.shapes = shapes
        self.shape = shape

    def forward(self, masks: Sequence[Mask]) -> Mask:
        """The elements of the result that marked elements of the operands reach."""
        return np.full(self.shape, any(bool(m.any()) for m in masks))

    def backward(self, mask: Mask) -> list[Mask]:
        """The elements of each operand that marked elements of the result read."""
        return [np.full(shape, bool(mask.any())) for shape in self.shapes]


class _Elementwise(Flow):
    def forward(self, masks: Sequence[Mask]) -> Mask:
        total = np.zeros(self.shape, bool)
        for m in masks:
            total |= m
        return total

    def backward(self, mask: Mask) -> list[Mask]:
        return [_narrowed(mask, shape) for shape in self.shapes]


class _Chosen(Flow):
    """`where`: the condition, which has no NaN, then what it chooses from."""

    def __init__(self, condition: Any, shapes: Any, shape: Any) -> None:
        super().__init__(shapes, shape)
        self.condition = condition

    def forward(self, masks: Sequence[Mask]) -> Mask:
        return np.asarray(np.where(self.condition, masks[1], masks[2]))

    def backward(self, mask: Mask) -> list[Mask]:
        never = np.zeros(self.shapes[0], bool)
        sides = (mask & self.condition, mask & ~self.condition)
        pairs = zip(sides, self.shapes[1:], strict=True)
        return [never, *[_narrowed(side, shape) for side, shape in pairs]]


class _Moved(Flow):
    """`places`: for each element of the result its number among all operands'."""

    def __init__(self, places: Mask, shapes: Any, shape: Any) -> None:
        super().__init__(shapes, shape)
        self.places = places - FIRST
        self.known = self.places >= 0

    def forward(self, masks: Sequence[Mask]) -> Mask:
        every = np.concatenate([m.ravel() for m in masks])
        found = np.zeros(self.shape, bool)
        found[self.known] = every[self.places[self.known]]
        return found

    def backward(self, mask: Mask) -> list[Mask]:
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        every = np.zeros(sum(sizes), bool)
        every[self.places[mask & self.known]] = True
        parts = np.split(every, np.cumsum(sizes)[:-1])
        pairs = zip(parts, self.shapes, strict=True)
        return [part.reshape(shape) for part, shape in pairs]


class _Reduced(Flow):
    def __init__(self, axis: tuple[int, ...], shapes: Any, shape: Any) -> None:
        super().__init__(shapes, shape)
        self.axis = axis

    def forward(self, masks: Sequence[Mask]) -> Mask:
        return np.asarray(masks[0].any(axis=self.axis))

    def backward(self, mask: Mask) -> list[Mask]:
        wide = np.expand_dims(mask, self.axis)
        return [np.broadcast_to(wide, self.shapes[0])]


def _narrowed(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """The marked elements of an operand that was broadcast."""
    more = mask.ndim - len(shape)
    kept: Mask = np.any(mask, axis=tuple(range(more))) if more else mask
    ones = tuple(i for i, n in enumerate(shape) if n == 1 and kept.shape[i] != 1)
    return np.any(kept, axis=ones, keepdims=True) if ones else kept


def flow_of(op: Value, args: Sequence[Any]) -> Flow:
    """The flow of an op with one result, for these operands."""
    shapes = [np.shape(a) for a in args]
    shape, lower = op.shape, op.prim.lower
    plain = all(type(a.type) is ArrayType for a in op.args)
    if not plain or isinstance(op.type, TupleType):
        return Flow(shapes, shape)
    if op.prim.name == "where":
        return _Chosen(args[0], shapes, shape)
    if isinstance(lower, Reduce) and len(args) == 1:
        return _Reduced(op.attr("axis"), shapes, shape)
    if isinstance(lower, (Index, View)) or (
        isinstance(lower, Scatter) and not lower.adds
    ):
        places = _places(op, args)
        if places is not None:
            return _Moved(places, shapes, shape)
    if isinstance(lower, Scalar) or op.prim.liveness == "keep":
        return _Elementwise(shapes, shape)
    return Flow(shapes, shape)


def _places(op: Value, args: Sequence[Any]) -> Mask | None:
    """The op applied to the numbers of the elements, whatever else steers it."""
    numbered, first = [], FIRST
    for a in args:
        size = np.size(a)
        moves = np.asarray(a).dtype.kind in "fc"
        numbers = np.arange(first, first + size).reshape(np.shape(a))
        numbered.append(numbers if moves else a)
        first += size
    try:
        found = np.asarray(op.prim.reference(*numbered, **dict(op.attrs)))
    except (TypeError, ValueError):
        return None
    return found if found.dtype == np.int64 and found.shape == op.shape else None
