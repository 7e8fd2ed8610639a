"""`x[key]` and `x[key] = v`, for every key that NumPy takes.

A key is read in three steps: a rectangular part is sliced out (integers count as slices
of length 1), its axes are reshaped (integers' axes dropped, `None` inserted, the axes
under a mask merged), and what index arrays are left is one `gather`. Assignment goes
the same way and back.
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tapec.errors import ShapeError
from tapec.ir import ArrayType, Dim
from tapec.numpy.positions import Position, as_position
from tapec.numpy.shapes import broadcast_to, reshape, transpose
from tapec.numpy.support import OutOfRange, here
from tapec.ops.cast import cast
from tapec.ops.gather import gather, put
from tapec.ops.index import slice_, update_slice
from tapec.ops.select import where
from tapec.ops.shape import flip
from tapec.ops.shape import reshape as reshape_op
from tapec.promotion import broadcast_shapes
from tapec.tensor import as_tensor, bind_chain, implements

__all__ = ["getitem", "setitem"]


class Plan(NamedTuple):
    """How a key reads an array.

    start, stop, step: the region, per axis of the array; steps positive.
    flips: its axes that are read backwards.
    shape: the region's axes after integers are dropped, `None` inserted and the axes
        under masks merged.
    arrays: index arrays by the axis of `shape` they index.
    apart: they are separated by other axes, so theirs come first in the result.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]
    flips: tuple[int, ...]
    shape: tuple[int, ...]
    arrays: dict[int, Position]
    apart: bool

    def is_whole(self, shape: tuple[int, ...]) -> bool:
        """Whether the region is the entire array."""
        unit = all(s == 1 for s in self.step)
        return unit and not any(self.start) and self.stop == shape

    @property
    def lengths(self) -> tuple[int, ...]:
        rows = zip(self.start, self.stop, self.step, strict=True)
        return tuple(-((a - b) // s) for a, b, s in rows)


# --- reading a key ------------------------------------------------------------


class _Reader:
    """Collects the parts of a `Plan`, entry by entry of the key."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.axis = 0
        self.region: list[tuple[int, int, int]] = []
        self.flips: list[int] = []
        self.shape: list[int] = []
        self.arrays: dict[int, Position] = {}
        self.advanced: list[int] = []

    def read(self, number: int, entry: Any) -> None:
        if entry is None:
            self.shape.append(1)
        elif type(entry) is slice:
            self._slice(entry)
        elif isinstance(entry, Position):
            self.advanced.append(number)
            self._array(entry)
        else:
            self.advanced.append(number)
            self._integer(entry)

    def _slice(self, entry: slice) -> None:
        n = self.x.shape[self.axis]
        start, step, length = _range(entry, n)
        if step < 0:
            self.flips.append(self.axis)
            start, step = start + (length - 1) * step, -step
        self.region.append((start, start + (length - 1) * step + 1, step))
        if type(length) is int and length == 0:
            self.region[-1] = (0, 0, 1)
        self.shape.append(length)
        self.axis += 1

    def _integer(self, entry: int) -> None:
        n = self.x.shape[self.axis]
        if not -n <= entry < n:
            text = f"index {entry} is out of bounds for axis {self.axis} of"
            raise here(OutOfRange(f"{text} {self.x.type!r}"))
        entry = entry + n if entry < 0 else entry
        self.region.append((entry, entry + 1, 1))
        self.axis += 1

    def _array(self, entry: Position) -> None:
        covered = self.x.shape[self.axis : self.axis + entry.covers]
        entry.check(covered, self.axis, self.x.type)
        self.region += [(0, n, 1) for n in covered]
        self.arrays[len(self.shape)] = entry
        self.shape.append(math.prod(covered))
        self.axis += entry.covers

    def plan(self) -> Plan:
        start, stop, step = zip(*self.region, strict=True) if self.region else [()] * 3
        a = self.advanced
        apart = bool(self.arrays) and a[-1] - a[0] + 1 != len(a)
        return Plan(
            start, stop, step, tuple(self.flips), tuple(self.shape), self.arrays, apart
        )


def _range(entry: slice, n: Any) -> tuple[Any, int, Any]:
    """First, step and length of what a slice takes from an axis of length `n`."""
    step = 1 if entry.step is None else entry.step
    symbolic = any(type(i) is Dim for i in (n, entry.start, entry.stop))
    if not symbolic or step not in (1, -1):
        start, stop, step = entry.indices(n)
        return start, step, len(range(start, stop, step))
    first, last = (0, n) if step == 1 else (n - 1, -1)
    start, stop = (
        default if i is None else _within(i, n, step)
        for i, default in ((entry.start, first), (entry.stop, last))
    )
    length = (stop - start) * step
    return start, step, length if length >= 0 else 0


def _within(i: Any, n: Any, step: int) -> Any:
    """One end of a slice, counted from the front and brought into range."""
    low, high = (0, n) if step == 1 else (-1, n - 1)
    i = i + n if i < 0 else i
    return low if i < low else high if i > high else i


def read_key(x: Any, key: Any) -> Plan:
    """The plan of `x[key]`; IndexError with the user's line when there is none."""
    entries = [_entry(e) for e in (key if type(key) is tuple else (key,))]
    taken = sum(_covers(e) for e in entries)
    if sum(e is Ellipsis for e in entries) > 1:
        raise here(OutOfRange("an index can only have a single ellipsis ('...')"))
    if taken > x.ndim:
        text = f"too many indices: {x.type!r} has {x.ndim} axes, {taken} are indexed"
        raise here(OutOfRange(text))
    if Ellipsis not in entries:
        entries.append(Ellipsis)
    reader = _Reader(x)
    for number, entry in enumerate(entries):
        if entry is Ellipsis:
            for _ in range(x.ndim - taken):
                reader.read(number, slice(None))
        else:
            reader.read(number, entry)
    return reader.plan()


def _entry(e: Any) -> Any:
    """An integer, slice, None, Ellipsis or `Position`."""
    t = type(e)
    if t is int or t is slice or t is Dim or e is None or e is Ellipsis:
        return e
    if isinstance(e, np.integer):
        return int(e)
    if t is not bool and not hasattr(e, "shape") and hasattr(e, "__index__"):
        return operator.index(e)
    return as_position(e)


def _covers(e: Any) -> int:
    if isinstance(e, Position):
        return e.covers
    return 0 if e is None or e is Ellipsis else 1


# --- x[key] -------------------------------------------------------------------


@implements(operator.getitem)
def getitem(x: Any, key: Any) -> Any:
    """`x[key]` as a functional operation."""
    x = as_tensor(x)
    if type(key) is int:
        return _row(x, key)
    plan = read_key(x, key)
    return _select(_region(x, plan), plan)


def _row(x: Any, i: int) -> Any:
    """`x[i]`, the most frequent key, without a plan."""
    shape = x.shape
    if not shape or not -shape[0] <= i < shape[0]:
        read_key(x, i)  # raises
    i = i + shape[0] if i < 0 else i
    zeros, rest, step, part, reshaped = _row_of(x.type)
    start, stop = ("start", (i, *zeros)), ("stop", (i + 1, *rest))
    return bind_chain(x, ((slice_, (start, stop, step), part), reshaped))


@lru_cache(maxsize=256)
def _row_of(type_: ArrayType) -> tuple[Any, ...]:
    """What the ops of all rows of an array have in common."""
    rest = type_.shape[1:]
    step = "step", (1,) * type_.ndim
    part, row = (ArrayType(type_.dtype, shape) for shape in ((1, *rest), rest))
    return (0,) * len(rest), rest, step, part, (reshape_op, (("shape", rest),), row)


def _region(x: Any, plan: Plan) -> Any:
    """The part that the slices name, under the shape that the index arrays expect."""
    if not plan.is_whole(x.shape):
        x = slice_(x, start=plan.start, stop=plan.stop, step=plan.step)
    if plan.flips:
        x = flip(x, axis=plan.flips)
    return reshape(x, plan.shape)


def _front(plan: Plan) -> tuple[tuple[int, ...], int]:
    """The order of axes that makes the indexed ones neighbours, and their place."""
    indexed = list(plan.arrays)
    if not plan.apart:
        return tuple(range(len(plan.shape))), indexed[0]
    rest = [a for a in range(len(plan.shape)) if a not in plan.arrays]
    return (*indexed, *rest), 0


def _select(part: Any, plan: Plan) -> Any:
    if not plan.arrays:
        return part
    order, axis = _front(plan)
    indices = [p.index for p in plan.arrays.values()]
    return gather(transpose(part, order), *indices, axis=axis)


# --- x[key] = v ---------------------------------------------------------------


def setitem(x: Any, key: Any, value: Any) -> Any:
    """What `x` is after `x[key] = value`; `x` itself does not change."""
    x, v = as_tensor(x), as_tensor(value)
    if v.dtype != x.dtype:
        v = cast(v, dtype=x.dtype)
    mask = _whole_mask(x, key)
    if mask is not None and v.size == 1:
        mask = reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))
        return where(mask, reshape(v, ()), x)
    plan = read_key(x, key)
    if plan.arrays:
        v = _put(_region(x, plan), v, plan)
    else:
        v = _fit(v, plan.shape)
    v = reshape(v, plan.lengths)
    if plan.flips:
        v = flip(v, axis=plan.flips)
    if plan.is_whole(x.shape):
        return v
    return update_slice(x, v, start=plan.start, step=plan.step)


def _whole_mask(x: Any, key: Any) -> Any:
    """The mask, when the key is nothing but one: then no positions are needed."""
    if type(key) in (tuple, slice, int) or key is None or key is Ellipsis:
        return None
    mask = as_tensor(key)
    fits = mask.dtype == np.bool_ and mask.shape == x.shape[: mask.ndim]
    return mask if fits else None


def _put(part: Any, v: Any, plan: Plan) -> Any:
    """`part` with `v` at the index arrays."""
    order, axis = _front(plan)
    positions = list(plan.arrays.values())
    common = broadcast_shapes("index", *[p.index.type for p in positions])
    turned = transpose(part, order)
    rest = turned.shape[axis + len(positions) :]
    v = _fit(v, (*turned.shape[:axis], *common, *rest))
    indices = [p.index for p in positions]
    unique = math.prod(common) <= 1
    if len(positions) == 1:
        unique = unique or positions[0].is_unique(plan.shape[next(iter(plan.arrays))])
    filled = put(turned, v, *indices, axis=axis, unique=unique)
    return transpose(filled, np.argsort(order))


def _fit(v: Any, shape: tuple[int, ...]) -> Any:
    """`v` broadcast to `shape`; superfluous leading axes of length 1 are dropped."""
    extra = v.ndim - len(shape)
    if extra > 0 and v.shape[:extra] == (1,) * extra:
        v = reshape(v, v.shape[extra:])
    try:
        return broadcast_to(v, shape)
    except ShapeError:
        text = f"a value of type {v.type!r} does not fit the shape {shape} indexed"
        raise here(ShapeError(text)) from None
