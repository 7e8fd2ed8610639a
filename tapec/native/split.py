"""Which kernels are split into chunks for several threads, and where.

A kernel is split along one of its loops. A result that is indexed by that loop's
counter is written by each chunk in its own place; one that is reduced over it has a
partial result per chunk, which `joining` combines in order. The number of chunks
follows from the sizes and the estimated time alone, never from the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tapec import primitive as lowerings
from tapec.ir import Dim, Extent, Function, Value, dims_of, estimate
from tapec.native.accumulate import BLOCK
from tapec.native.lowering import cost
from tapec.native.plan import ALIGNMENT
from tapec.native.space import Space, is_serial, reduced_axes, root_of

__all__ = ["Chunks", "Split", "chunks_of", "split_of", "time_of"]

WORTH = 60_000
"""Estimated nanoseconds from which a kernel is split: to wake a thread takes 20,000
(measured, `python -m benchmarks --threads 2 --only threads`)."""

LEAST = 15_000
"""Nanoseconds that a chunk should take."""

MOST = 64
"""Chunks of a kernel: enough to share among many threads."""

INSTRUCTIONS, BYTES = 24, 100
"""How many instructions on one element, and bytes in a cache, take a nanosecond. From
memory bytes take longer, but two threads read it hardly faster than one."""

SMALLER = 8
"""All partial results together have so many times fewer elements than the kernel."""


NONE: Mapping[str, int] = {}


class Split(NamedTuple):
    """depth: of the loop, from 1. unit: what chunks are multiples of. partial: numbers
    of the results that each chunk has for itself."""

    depth: int
    extent: Extent
    unit: int
    partial: tuple[int, ...]


class Chunks(NamedTuple):
    """number: of chunks, each of `length` steps of the loop. places: where each partial
    result begins in a chunk's memory of `stride` bytes, and its elements."""

    number: int
    extent: int
    length: int
    places: tuple[tuple[int, int], ...]
    stride: int


@lru_cache(maxsize=1024)
def split_of(body: Function) -> Split | None:
    """How the kernel is split, if any of its sizes takes long enough; None if not."""
    work = [op for op in body.ops if op.prim.name != "const"]
    if not body.results or any(map(_stays_whole, work)):
        return None
    space = Space(body)
    if 0 in space.shape or (not dims_of(body) and time_of(body) < WORTH):
        return None
    best, found = 1, None
    axes = [a for a, n in enumerate(space.extents) if n != 1]
    for depth in range(1, len(axes) + 1):
        split = _along(body, space, axes, depth)
        if split is not None and (count := _most(body, split, NONE)) > best:
            best, found = count, split
    return found


def _stays_whole(op: Value) -> bool:
    lower = op.prim.lower
    if isinstance(lower, lowerings.View):
        return False
    return isinstance(lower, lowerings.Scatter) or cost(op) is None


def _along(body: Function, space: Space, axes: list[int], depth: int) -> Split | None:
    """The split of the loop at this depth, if it can be."""
    axis, partial = axes[depth - 1], []
    for number, result in enumerate(body.results):
        along = sorted(a for a in reduced_axes(result) if a in axes)
        if axis in along:
            if is_serial(result) or result.dtype == np.float16:
                return None
            partial.append(number)
        elif along and not is_serial(result) and axes[-len(along) :] != along:
            return None  # it is accumulated in memory, which every chunk would clear
    unit = BLOCK if depth == len(axes) else 1
    return Split(depth, space.extents[axis], unit, tuple(partial))


def _number(extent: Extent, sizes: Mapping[str, int]) -> int:
    """An extent for these sizes, or an estimate if there are none."""
    if sizes and isinstance(extent, Dim):
        return int(extent.at(sizes))
    return estimate(extent)


def _most(body: Function, split: Split, sizes: Mapping[str, int]) -> int:
    """How many chunks there may be."""
    most = min(MOST, -(-_number(split.extent, sizes) // split.unit))
    partial = sum(_number(body.results[i].type.size, sizes) for i in split.partial)
    return min(most, _elements(body, sizes) // (SMALLER * partial)) if partial else most


def _elements(body: Function, sizes: Mapping[str, int]) -> int:
    return _number(root_of(body.results[0]).type.size, sizes)


def instructions_of(body: Function) -> int:
    """How many on one element, estimated."""
    return sum(cost(op) or 0 for op in body.ops)


def time_of(body: Function, sizes: Mapping[str, int] = NONE) -> float:
    """The nanoseconds that a kernel takes, estimated, for sizes of its extents."""
    instructions = instructions_of(body)
    values = (*body.params, *body.results)
    moved = sum(_number(v.type.nbytes, sizes) for v in values)
    computed = _elements(body, sizes) * instructions
    return max(computed / INSTRUCTIONS, moved / BYTES)


def chunks_of(body: Function, sizes: Sequence[int] = ()) -> Chunks | None:
    """The chunks for these sizes of the body's symbolic extents; None: too small."""
    split = split_of(body)
    if split is None:
        return None
    named = dict(zip(dims_of(body), sizes, strict=True))
    time = time_of(body, named)
    if time < WORTH:
        return None
    count = min(_most(body, split, named), int(time / LEAST))
    if count < 2:
        return None
    extent = _number(split.extent, named)
    length = -(-extent // (count * split.unit)) * split.unit
    places, stride = [], 0
    for number in split.partial:
        type_ = body.results[number].type
        places.append((stride, _number(type_.size, named)))
        stride += -(-_number(type_.nbytes, named) // ALIGNMENT) * ALIGNMENT
    return Chunks(-(-extent // length), extent, length, tuple(places), stride)
