"""Where buffers lie in one arena: those that are in use at the same time lie apart.

Three layouts are made, each in near-linear time, and the smallest is taken. Two follow
the program, forwards and backwards: each buffer goes to the tightest gap between those
in use, and leaves a gap behind it. The third places the largest buffers first, wherever
they fit, and packs the others behind all of them.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Span", "packed"]

FEW = 500
"""Buffers that are placed by size, which takes quadratic time."""


class Span(NamedTuple):
    """A buffer of `size` bytes that is in use from step `first` to step `last`."""

    first: int
    last: int
    size: int


Layout = tuple[int, list[int]]
"""The size of all, and the offset of each."""


def packed(spans: Sequence[Span]) -> Layout:
    """The smallest layout found."""
    mirrored = [Span(-s.last, -s.first, s.size) for s in spans]
    layouts = [_in_time(spans), _in_time(mirrored), _by_size(spans)]
    return min(layouts, key=lambda layout: layout[0])


# --- along the program ----------------------------------------------------------


def _in_time(spans: Sequence[Span]) -> Layout:
    gaps, total = _Gaps(), 0
    offsets = [0] * len(spans)
    used: list[tuple[int, int, int]] = []
    for i in sorted(range(len(spans)), key=lambda i: spans[i].first):
        span = spans[i]
        while used and used[0][0] < span.first:
            _, offset, size = heapq.heappop(used)
            gaps.give(offset, size)
        offsets[i] = gaps.take(span.size)
        heapq.heappush(used, (span.last, offsets[i], span.size))
        total = max(total, gaps.top)
    return total, offsets


class _Gaps:
    """Free space below `top`; neighbouring gaps are one."""

    def __init__(self) -> None:
        self.top = 0
        self._sizes: list[tuple[int, int]] = []  # (size, offset), sorted
        self._starts: dict[int, int] = {}  # offset -> end
        self._ends: dict[int, int] = {}  # end -> offset

    def take(self, size: int) -> int:
        """The offset of `size` bytes: in the smallest sufficient gap, or at the top."""
        at = bisect_left(self._sizes, (size, 0))
        if at == len(self._sizes):
            self.top += size
            return self.top - size
        offset = self._sizes[at][1]
        end = self._remove(offset)
        if offset + size < end:
            self._add(offset + size, end)
        return offset

    def give(self, offset: int, size: int) -> None:
        """These bytes are free again."""
        end = offset + size
        if end in self._starts:
            end = self._remove(end)
        if offset in self._ends:
            offset = self._ends[offset]
            self._remove(offset)
        if end == self.top:
            self.top = offset
        else:
            self._add(offset, end)

    def _add(self, offset: int, end: int) -> None:
        self._starts[offset], self._ends[end] = end, offset
        insort(self._sizes, (end - offset, offset))

    def _remove(self, offset: int) -> int:
        end = self._starts.pop(offset)
        del self._ends[end]
        del self._sizes[bisect_left(self._sizes, (end - offset, offset))]
        return end


# --- the largest first ----------------------------------------------------------


def _by_size(spans: Sequence[Span]) -> Layout:
    order = sorted(range(len(spans)), key=lambda i: -spans[i].size)
    offsets = [0] * len(spans)
    placed: list[tuple[int, Span]] = []
    total = 0
    for i in order[:FEW]:
        offsets[i] = _lowest(placed, spans[i])
        insort(placed, (offsets[i], spans[i]))
        total = max(total, offsets[i] + spans[i].size)
    rest = order[FEW:]
    height, inside = _in_time([spans[i] for i in rest])
    for i, offset in zip(rest, inside, strict=True):
        offsets[i] = total + offset
    return total + height, offsets


def _lowest(placed: Sequence[tuple[int, Span]], span: Span) -> int:
    """The smallest sufficient gap between those it is in use with, else their end."""
    best: tuple[int, int] | None = None
    start = 0
    for offset, other in placed:
        if other.first > span.last or span.first > other.last:
            continue
        free = offset - start
        if free >= span.size and (best is None or free < best[0]):
            best = free, start
        start = max(start, offset + other.size)
    return best[1] if best else start
