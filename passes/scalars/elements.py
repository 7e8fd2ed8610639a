"""How an op acts on the elements of small arrays: its plan.

A plan has an entry for each element of the result, in row-major order. It is known when
compiling: arithmetic on elements of the operands, or just one of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec import primitive as lowerings
from tapec.ir import ArrayType, Dim, Extent, Type, Value, never_negative
from tapec.native.lowering import cost
from tapec.native.places import Axis, Place, place
from tapec.native.space import aligned

__all__ = [
    "MOVING",
    "Along",
    "Applied",
    "Chain",
    "Moved",
    "Number",
    "Split",
    "plan",
    "split",
]

MOST, ALONE = 40, 16
"""Elements of a small array behind a long axis, and of one without: its elements share
no vector then, so they had better be few."""

LONG = 64
"""Examples, at least."""

MOVING = frozenset(
    ("slice", "unslice", "update_slice", "transpose", "flip", "roll", "concatenate")
    + ("tril", "triu")
)
"""Index ops whose elements are elements of their operands, or constants."""

HALF = np.dtype(np.float16)


class Split(NamedTuple):
    """rows: the long first axis, or None. shape: of the small array."""

    rows: int | None
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Moved(NamedTuple):
    """Element `number` of operand `operand`."""

    operand: int
    number: int


class Number(NamedTuple):
    """A constant."""

    value: Any


class Applied(NamedTuple):
    """The primitive of this name with the op's attributes, of elements."""

    name: str
    entries: tuple[Any, ...]


class Chain(NamedTuple):
    """A primitive with two operands, again and again: `((a + b) + c) + d`.

    The entries are first cast to the dtype of the op.
    """

    name: str
    entries: tuple[Any, ...]


class Along(NamedTuple):
    """The op, a reduction, of vectors."""

    entry: Any


Plan = list[Any]


def split(t: Type) -> Split | None:
    """How an array is taken apart; None if it is not."""
    if not isinstance(t, ArrayType) or any(isinstance(n, Dim) for n in t.shape):
        return None
    if t.dtype == HALF or not t.size:
        return None
    if t.size <= ALONE:
        return Split(None, t.shape)
    if t.shape and t.shape[0] >= LONG and math.prod(t.shape[1:]) <= MOST:
        return Split(t.shape[0], t.shape[1:])
    return None


class _Unknown(Exception):
    """An element that cannot be told when compiling."""


def plan(op: Value) -> Plan | None:
    """How the elements of the result come from those of the operands, if known."""
    out = split(op.type)
    parts = [split(a.type) for a in op.args]
    if out is None or None in parts:
        return None
    if len({s.rows for s in (*parts, out) if s is not None and s.rows}) > 1:
        return None
    try:
        return _plan(op, out, [s for s in parts if s is not None])
    except _Unknown:
        return None


def _plan(op: Value, out: Split, parts: list[Split]) -> Plan | None:
    lower = op.prim.lower
    if op.prim.name == "const":
        return (
            [Number(x) for x in op.attr("value").array.ravel()]
            if not out.rows
            else None
        )
    if isinstance(lower, lowerings.Scalar):
        return _elementwise(op, out, parts) if cost(op) is not None else None
    if op.prim.name in MOVING or op.prim.name in ("broadcast_to", "iota"):
        return _moved(op, out, parts)
    if isinstance(lower, lowerings.View) and op.prim.name == "reshape":
        same = parts[0].rows == out.rows
        return [Moved(0, i) for i in range(out.size)] if same else None
    if isinstance(lower, lowerings.Reduce) and cost(op) is not None:
        return _reduced(op, out, parts[0])
    if op.prim.name == "matmul":
        return _product(op, out, parts)
    return None


def indices(s: Split) -> list[tuple[Place, ...]]:
    """The index of each element; the long axis is a counter."""
    row = () if s.rows is None else (_counter(s.rows),)
    return [(*row, *map(place, i)) for i in np.ndindex(*s.shape)]


def _counter(rows: int | None) -> Place:
    assert rows is not None
    return Place([(Axis(0, rows), 1)], 0)


def number(s: Split, index: Sequence[Place]) -> int:
    """Which element an index means."""
    if s.rows is not None:
        first, *index = index
        if first.key != _counter(s.rows).key:
            raise _Unknown
    found = 0
    for n, i in zip(s.shape, index, strict=True):
        symbolic = isinstance(i.constant, Dim)
        if i.terms or symbolic or not 0 <= i.constant < n:
            raise _Unknown
        found = found * n + int(i.constant)
    return found


def _elementwise(op: Value, out: Split, parts: list[Split]) -> Plan:
    zero = place(0)
    return [
        Applied(op.prim.name, tuple(
            Moved(i, number(s, aligned(a.shape, index, zero)))
            for i, (a, s) in enumerate(zip(op.args, parts, strict=True))
        ))
        for index in indices(out)
    ]  # fmt: skip


def _reduced(op: Value, out: Split, part: Split) -> Plan | None:
    axes, shape = sorted(op.attr("axis")), op.args[0].shape
    along = part.rows is not None and 0 in axes
    if out.rows and not part.rows:
        return None
    small = axes[1:] if along else axes
    found: Plan = []
    for index in indices(out):
        rest = iter((_counter(part.rows), *index) if along else index)
        at = [place(0) if a in small else next(rest) for a in range(len(shape))]
        entries = []
        for numbers in itertools.product(*[range(shape[a]) for a in small]):
            for a, i in zip(small, numbers, strict=True):
                at[a] = place(i)
            entries.append(Moved(0, number(part, at)))
        chain = Chain(COMBINED[op.prim.lower.monoid], tuple(entries))
        found.append(Along(chain) if along else chain)
    return found


COMBINED = {
    "add": "add", "mul": "multiply", "max": "maximum", "min": "minimum",
    "and": "logical_and", "or": "logical_or",
}  # fmt: skip
"""The primitive that combines two elements of a reduction."""


def _product(op: Value, out: Split, parts: list[Split]) -> Plan | None:
    x, y = op.args
    if any(s.rows and len(a.shape) < 3 for s, a in zip(parts, op.args, strict=True)):
        return None  # the long axis is one of the matrix
    found: Plan = []
    for *batch, i, j in indices(out):
        first, second = (aligned(a.shape[:-2], tuple(batch), place(0)) for a in (x, y))
        found.append(Chain("add", tuple(
            Applied("multiply", (
                Moved(0, number(parts[0], (*first, i, place(k)))),
                Moved(1, number(parts[1], (*second, place(k), j))),
            ))
            for k in range(x.shape[-1])
        )))  # fmt: skip
    return found


# --- ops that read their operands elsewhere ---------------------------------------


class _Finder:
    """`k` in `emit(k, op, index)`, which finds out what is read."""

    def __init__(self, parts: list[Split]) -> None:
        self.parts = parts

    def read(self, operand: int, index: Sequence[Any]) -> Moved:
        return Moved(operand, number(self.parts[operand], [place(i) for i in index]))

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        if not isinstance(condition, bool):
            raise _Unknown
        return x if condition else y

    def clamp(self, i: Any, low: Extent, high: Extent) -> Place:
        if not isinstance(i, (int, Place)):
            raise _Unknown
        whole = place(i)
        if never_negative(whole.low - low) and never_negative(high - whole.high):
            return whole
        if whole.terms or any(isinstance(n, Dim) for n in (whole.constant, low, high)):
            raise _Unknown
        return place(min(max(int(whole.constant), low), high))

    def const(self, x: Any, like: Any) -> Number:
        return Number(x)

    def cast(self, x: Any, dtype: Any) -> Any:
        raise _Unknown


def _moved(op: Value, out: Split, parts: list[Split]) -> Plan:
    finder, found = _Finder(parts), []
    for index in indices(out):
        entry = op.prim.lower.emit(finder, op, list(index))
        if isinstance(entry, (int, Place)):
            where = place(entry)
            if where.terms:
                raise _Unknown
            entry = Number(where.constant)
        found.append(entry)
    return found
