"""Arrays that loops run along, and arrays made of what loops give.

x[t], x[t - 1]        a slice of x, reversed or every other element if need be
x[i, j], x[edge[t]]   the elements gathered beforehand
W of each layer       the arrays stacked
np.stack(list)        a stacked output of the loop that made the elements
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tapec.ir import ArrayType, Constant, Emitter, Value
from tapec.ops.const import const
from tapec.ops.gather import gather
from tapec.ops.index import slice_
from tapec.ops.join import concatenate
from tapec.ops.shape import flip, reshape, transpose
from tapec.passes.rolling.advance import Region, Window, table

__all__ = [
    "Part", "along", "cut", "element", "gathered", "joined", "shaped", "stacked",
    "uncut", "windowed",
]  # fmt: skip

Shape = tuple[int, ...]


class Part(NamedTuple):
    """Element `t` of a stacked output, under another shape: not yet taken out."""

    stack: Value
    t: int
    shape: Shape


def cut(
    emit: Emitter, x: Value, start: Sequence[int], shape: Shape, step: Sequence[int]
) -> Value:
    """The region of `x`, which may be all of it."""
    if shape == x.shape:
        return x
    rows = zip(start, shape, step, strict=True)
    stop = tuple(a + (n - 1) * s + 1 if n else a for a, n, s in rows)
    return emit.new(slice_, x, start=tuple(start), stop=stop, step=tuple(step))


def shaped(emit: Emitter, x: Value, shape: Shape, like: Value | None = None) -> Value:
    """`x`, made by a loop, under another shape; what it was reshaped from will do."""
    if x.shape != shape and x.prim is reshape:
        (x,) = x.args
    if x.shape == shape:
        return x
    return emit.new(reshape, x, like=like, shape=shape)


def span(
    emit: Emitter, x: Value, axis: int, first: int, step: int, count: int
) -> Value:
    """`count` elements of `x` along `axis`, every `step`-th, from `first` on."""
    low = first if step > 0 else first + step * (count - 1)
    start = [low if a == axis else 0 for a in range(x.type.ndim)]
    steps = [abs(step) if a == axis else 1 for a in range(x.type.ndim)]
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    part = cut(emit, x, start, shape, steps)
    return part if step > 0 or count == 1 else emit.new(flip, part, axis=(axis,))


def element(emit: Emitter, part: Part) -> Value:
    """One element of a stacked output."""
    return shaped(emit, span(emit, part.stack, 0, part.t, 1, 1), part.shape)


def in_front(emit: Emitter, x: Value, axis: int) -> Value:
    """`x` with `axis` moved before all others."""
    rest = [a for a in range(x.type.ndim) if a != axis]
    return x if axis == 0 else emit.new(transpose, x, perm=(axis, *rest))


def along(emit: Emitter, x: Value, region: Region, whole: bool) -> Value:
    """What a region that passes `x` along one axis holds, one row per round.

    whole: keep all of the other axes.
    """
    line = region.line()
    assert line is not None
    axis, first, step = line
    if not whole:
        start = [0 if a == axis else int(s) for a, s in enumerate(region.starts[0])]
        shape = [*region.shape]
        shape[axis] = x.shape[axis]
        steps = [1 if a == axis else s for a, s in enumerate(region.step)]
        x = cut(emit, x, start, tuple(shape), steps)
    x = in_front(emit, span(emit, x, axis, first, step, len(region.starts)), axis)
    return x


def windowed(emit: Emitter, x: Value, window: Window, trips: int) -> Value:
    """The elements of `x` in a window, one row per round."""
    axis, first, step = window
    part = span(emit, x, axis, first, 1, trips * step)
    shape = (*x.shape[:axis], trips, step, *x.shape[axis + 1 :])
    return in_front(emit, emit.new(reshape, part, shape=shape), axis)


def gathered(emit: Emitter, x: Value, region: Region) -> Value:
    """What a region that jumps about in `x` holds, one row per round."""
    axes = range(region.axes[0], region.axes[-1] + 1)
    x = uncut(emit, x, region, axes)
    places = [
        emit.new(const, value=Constant(table(region, axes, a).copy())) for a in axes
    ]
    return in_front(emit, emit.new(gather, x, *places, axis=axes[0]), axes[0])


def uncut(emit: Emitter, x: Value, region: Region, axes: range) -> Value:
    """`x` cut down to the region along the axes that are not among `axes`."""
    start = [0 if a in axes else int(s) for a, s in enumerate(region.starts[0])]
    shape = [x.shape[a] if a in axes else n for a, n in enumerate(region.shape)]
    steps = [1 if a in axes else s for a, s in enumerate(region.step)]
    return cut(emit, x, start, tuple(shape), steps)


# --- arrays made of parts -----------------------------------------------------


class _Segment(NamedTuple):
    """Parts at equal distances of one stacked output, of equal shapes."""

    part: Part
    step: int
    length: int


def _segments(parts: Sequence[Part | Value]) -> list[_Segment | Value]:
    found: list[_Segment | Value] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Part) and isinstance(last, _Segment):
            step = part.t - last.part.t - last.step * (last.length - 1)
            same = part.stack is last.part.stack and part.shape == last.part.shape
            if same and step and (last.length == 1 or step == last.step):
                found[-1] = _Segment(last.part, step, last.length + 1)
                continue
        found.append(_Segment(part, 1, 1) if isinstance(part, Part) else part)
    return found


def joined(emit: Emitter, parts: Sequence[Part | Value], axis: int) -> Value | None:
    """`parts` one after the other along `axis`; None if it takes as many operands."""
    segments = _segments(parts)
    if len(segments) > max(1, len(parts) // 2):
        return None
    made = []
    for s in segments:
        value = s if isinstance(s, Value) else _taken(emit, s, axis)
        if value is None:
            return None
        made.append(value)
    return made[0] if len(made) == 1 else emit.new(concatenate, *made, axis=axis)


def _taken(emit: Emitter, s: _Segment, axis: int) -> Value | None:
    """The parts of a segment one after the other."""
    shape = s.part.shape
    inner = s.part.stack.shape[1:]
    if axis and shape != (*inner[:axis], 1, *inner[axis:]):
        return None
    rows = span(emit, s.part.stack, 0, s.part.t, s.step, s.length)
    if axis:
        order = (*range(1, axis + 1), 0, *range(axis + 1, rows.type.ndim))
        return emit.new(transpose, rows, perm=order)
    return shaped(emit, rows, (s.length * shape[0], *shape[1:]))


def stacked(emit: Emitter, parts: Sequence[Part | Value], type_: ArrayType) -> Value:
    """Values of one type as the rows of an array."""
    row = (1, *type_.shape)
    pieces = []
    for s in _segments(parts):
        if isinstance(s, Value):
            pieces.append(emit.new(reshape, s, shape=row))
        else:
            rows = span(emit, s.part.stack, 0, s.part.t, s.step, s.length)
            pieces.append(shaped(emit, rows, (s.length, *type_.shape)))
    return pieces[0] if len(pieces) == 1 else emit.new(concatenate, *pieces, axis=0)
