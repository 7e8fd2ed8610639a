"""Arrays that are filled in by a loop, element by element.

out[t] = x ... out[t - 1]     the element that was put there is x itself
out[t] = x, nothing reads it  x is a stacked output, put in its place afterwards
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Constant, Emitter, Function, Value, never_negative, rewrite
from tapec.ops.const import const
from tapec.ops.gather import put
from tapec.ops.index import slice_, update_slice
from tapec.ops.shape import flip, reshape, transpose
from tapec.passes.rolling.advance import Region, table
from tapec.passes.rolling.classify import Carried, Local, Slot
from tapec.passes.rolling.flat import Flat
from tapec.passes.rolling.plan import Loop

__all__ = ["Store", "forwarded", "put_back", "stores"]

FARTHEST = 8
"""Updates that are looked behind."""


def forwarded(fn: Function, apart: Collection[int]) -> Function:
    """`fn` with elements of an array taken from what was just put there.

    Not if one of the ops between has a uid in `apart`.
    """
    if not any(op.prim is update_slice for op in fn.ops):
        return fn
    return rewrite(fn, lambda op, emit: _forward(op, emit, apart))


def _forward(op: Value, emit: Emitter, apart: Collection[int]) -> Value:
    if op.prim is not slice_ or op.uid in apart:
        return emit.keep(op)
    wanted = op.attr("start"), op.shape, op.attr("step")
    (x,) = op.args
    for _ in range(FARTHEST):
        if x.prim is not update_slice or x.uid in apart:
            break
        put = x.attr("start"), x.args[1].shape, x.attr("step")
        if put == wanted:
            return x.args[1]
        if not _apart(wanted, put):
            break
        x = x.args[0]
    if x is op.args[0] or x.prim is update_slice:
        return emit.keep(op)
    return emit.keep(Value(slice_, (x,), op.attrs, op.type, op.uid, op.name, op.meta))


def _apart(a: Any, b: Any) -> bool:
    """Whether two regions have no element in common, seen from one axis."""
    for start, shape, step, start_b, shape_b, step_b in zip(*a, *b, strict=True):
        end = start + (shape - 1) * step
        end_b = start_b + (shape_b - 1) * step_b
        if never_negative(start_b - end - 1) or never_negative(start - end_b - 1):
            return True
    return False


class Store(NamedTuple):
    """An array that a loop only writes to.

    places: the updates of one round, in order; the last is the array. values: where in
    the round is what they put in. start: the array before the loop.
    """

    places: tuple[int, ...]
    values: tuple[int, ...]
    regions: tuple[Region, ...]
    start: int


def stores(flat: Flat, loop: Loop) -> list[Store]:
    """The arrays that nothing in the loop reads but updates of other elements."""
    updates = {
        o: (array, value)
        for o, (array, value) in _updates(flat, loop).items()
        if type(value) is Local and _is_one_to_one(loop.regions[o])
    }
    following = _following(flat, loop, updates)
    found = []
    for o, (array, _) in updates.items():
        if type(array) is Carried and array.lag == 1:
            chain = [o]
            while chain[-1] in following and chain[-1] != array.offset:
                chain.append(following[chain[-1]])
            if chain[-1] == array.offset and following.get(array.offset) == o:
                found += _stored(flat, loop, chain, array.starts[0])
    return found


def _updates(flat: Flat, loop: Loop) -> dict[int, tuple[Slot, Slot]]:
    """The updates that move, by place: the array and what is put in."""
    found = {}
    for o in loop.regions:
        if flat.values[loop.begin + o].prim is update_slice:
            at = int(flat.start[loop.begin + o] - flat.start[loop.begin])
            found[o] = loop.slots[at], loop.slots[at + 1]
    return found


def _is_one_to_one(region: Region) -> bool:
    """Whether no element is written twice."""
    if any(region.shape[a] != 1 for a in region.axes):
        return False
    return len(np.unique(region.starts, axis=0)) == len(region.starts)


def _following(
    flat: Flat, loop: Loop, updates: Mapping[int, tuple[Slot, Slot]]
) -> dict[int, int]:
    """For an update that only one other reads, as its array: that other."""
    reads: dict[int, int] = defaultdict(int)
    for slot in loop.slots:
        if type(slot) is Local or type(slot) is Carried:
            reads[slot.offset] += 1
    found = {}
    for o, (array, _) in updates.items():
        if (type(array) is Local or type(array) is Carried) and reads[
            array.offset
        ] == 1:
            found[array.offset] = o
    return found


def _stored(flat: Flat, loop: Loop, chain: list[int], start: int) -> list[Store]:
    """The store that a chain of updates is, if only its end leaves the loop."""
    last = flat.last[loop.begin : loop.end].reshape(loop.trips, loop.period)
    outside = last[:, chain] >= loop.end
    outside[-1, -1] = False
    op = flat.values[loop.begin + chain[-1]]
    if outside.any() or flat.values[start].type is not op.type:
        return []
    regions = tuple(loop.regions[o] for o in chain)
    if len(chain) > 1 and not _are_apart(regions):
        return []
    values = [_updates(flat, loop)[o][1] for o in chain]
    places = tuple(v.offset for v in values if type(v) is Local)
    return [Store(tuple(chain), places, regions, start)]


def _are_apart(regions: Sequence[Region]) -> bool:
    """Whether no two of the regions ever share an element."""
    written = np.zeros(regions[0].whole, dtype=bool)
    total = 0
    for region in regions:
        for start in region.starts.tolist():
            rows = zip(start, region.shape, region.step, strict=True)
            written[tuple(slice(a, a + n * s, s) for a, n, s in rows)] = True
        total += len(region.starts) * math.prod(region.shape)
    return int(written.sum()) == total


def put_back(emit: Emitter, array: Value, rows: Value, region: Region) -> Value:
    """`array` with a row in each of the places of a region."""
    count = len(region.starts)
    if rows.shape != (count, *region.shape):
        rows = emit.new(reshape, rows, shape=(count, *region.shape))
    line = region.line()
    if line is None:
        odd = [a for a in range(len(region.whole)) if not region.full(a)]
        axes = range(min(odd + region.axes), max(odd + region.axes) + 1)
        places = [emit.new(const, value=Constant(table(region, axes, a))) for a in axes]
        rows = _moved(emit, rows, axes[0])
        return emit.new(put, array, rows, *places, axis=axes[0], unique=True)
    axis, first, step = line
    shape = (*region.shape[:axis], count, *region.shape[axis + 1 :])
    part = emit.new(reshape, _moved(emit, rows, axis), shape=shape)
    if step < 0:
        part = emit.new(flip, part, axis=(axis,))
    begin = [int(s) for s in region.starts[0]]
    begin[axis] = min(first, first + step * (count - 1))
    steps = [abs(step) if a == axis else s for a, s in enumerate(region.step)]
    return emit.new(update_slice, array, part, start=tuple(begin), step=tuple(steps))


def _moved(emit: Emitter, rows: Value, axis: int) -> Value:
    """`rows` with its first axis before axis `axis` of the rows."""
    if not axis:
        return rows
    order = (*range(1, axis + 1), 0, *range(axis + 1, rows.type.ndim))
    return emit.new(transpose, rows, perm=order)
