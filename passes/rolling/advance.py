"""Attributes that advance: regions of an array that lie elsewhere in each round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.passes.rolling.flat import Flat, Ints

__all__ = ["Region", "Window", "moving", "table", "windows"]

MOVING = ("slice", "update_slice")


class Region(NamedTuple):
    """Where an op cuts out or puts in: one row of `starts` per round.

    whole: the shape of the array. shape, step: of the region.
    """

    starts: Ints
    shape: tuple[int, ...]
    step: tuple[int, ...]
    whole: tuple[int, ...]

    @property
    def axes(self) -> list[int]:
        """The axes along which it moves."""
        return np.flatnonzero((self.starts != self.starts[0]).any(0)).tolist()

    def full(self, axis: int) -> bool:
        """Whether it is all of the array along this axis."""
        return self.shape[axis] == self.whole[axis]

    def line(self) -> tuple[int, int, int] | None:
        """(axis, first, step) of elements of one axis passed at equal distances."""
        axes = self.axes
        if len(axes) != 1 or self.shape[axes[0]] != 1:
            return None
        places = self.starts[:, axes[0]]
        steps = np.diff(places)
        if (steps != steps[0]).any():
            return None
        return axes[0], int(places[0]), int(steps[0])


class Window(NamedTuple):
    """Neighbouring elements of an array that lines with one step pass together.

    Each round has `step` elements along `axis`, from `first` on.
    """

    axis: int
    first: int
    step: int


def windows(
    lines: Iterable[tuple[int, int, int]], whole: Sequence[int], trips: int
) -> dict[tuple[int, int, int], Window]:
    """For lines through one array, of shape `whole`, the windows they lie in."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for axis, first, step in lines:
        groups[axis, step].append(first)
    found = {}
    for (axis, step), firsts in groups.items():
        low = min(firsts)
        fits = max(firsts) - low < step and low + trips * step <= whole[axis]
        if len(firsts) > 2 and fits:
            for first in firsts:
                found[axis, first, step] = Window(axis, low, step)
    return found


def moving(flat: Flat, begin: int, p: int, trips: int) -> dict[int, Region]:
    """By place in a round: the region of each op that moves."""
    found = {}
    for o in range(p):
        op = flat.values[begin + o]
        if op.prim.name not in MOVING:
            continue
        rows = [flat.values[begin + o + p * t].attr("start") for t in range(trips)]
        if any(row != rows[0] for row in rows):
            found[o] = _region(op, rows)
    return found


def _region(op: Value, rows: Sequence[Any]) -> Region:
    part = op if op.prim.name == "slice" else op.args[1]
    starts = np.array(rows, dtype=np.int64)
    return Region(starts, part.shape, op.attr("step"), op.args[0].shape)


def table(region: Region, axes: range, axis: int) -> Ints:
    """The places along `axis` in each round, shaped to broadcast over `axes`."""
    places = np.arange(region.shape[axis]) * region.step[axis]
    shape = [len(region.starts)] + [-1 if a == axis else 1 for a in axes]
    rows = region.starts[:, axis, None] + places
    return rows.reshape(shape)
