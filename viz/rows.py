"""Order and horizontal place of the values in their rows, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tapec.viz.scene import Scene

__all__ = ["Grid", "arrange", "spread"]

Pulls = list[tuple[int, float]]
"""Neighbours of an entry, and how strongly each pulls."""

SPACE = 22.0
LANE_WIDTH = 8.0
LARGE = 4000
"""Above this many entries fewer sweeps are made."""


@dataclass(slots=True)
class Grid:
    """Entries are numbered: the values first, then the turning points of long edges.

    rows: entries by (phase, level), from left to right.
    chains: for an edge within a phase, the entries that it passes.
    above, below: neighbours of an entry in the next rows, with the pull of each.
    """

    index: dict[int, int]
    width: list[float]
    phase: list[int]
    level: list[int]
    x: list[float] = field(default_factory=list)
    rows: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    chains: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    above: list[Pulls] = field(default_factory=list)
    below: list[Pulls] = field(default_factory=list)

    @classmethod
    def of(cls, scene: Scene) -> Grid:
        items = scene.items
        grid = cls(
            {uid: i for i, uid in enumerate(items)},
            [item.label.width for item in items.values()],
            [item.phase for item in items.values()],
            [item.level for item in items.values()],
        )
        users: dict[int, list[int]] = {}
        for edge in scene.edges:
            if edge.within:
                users.setdefault(edge.src, []).append(edge.dst)
        grid.add_lanes(users, budget=4000 + 12 * len(items))
        grid.link(scene)
        for i, place in enumerate(zip(grid.phase, grid.level, strict=True)):
            grid.rows.setdefault(place, []).append(i)
        grid.x = [0.0] * len(grid.width)
        return grid

    def add_lanes(self, users: dict[int, list[int]], budget: int) -> None:
        """One lane per value, from which its users branch off; short ones first.

        budget: rows that edges may pass in all. A value with users everywhere would
        make the drawing quadratic; it goes by the corridor.
        """
        level = {uid: self.level[i] for uid, i in self.index.items()}
        far = {u: [abs(level[v] - level[u]) for v in users[u]] for u in users}
        reach = {u: max(steps) for u, steps in far.items()}
        for u in sorted(users, key=lambda u: (reach[u], self.index[u])):
            budget -= sum(far[u]) - len(far[u])
            if budget < 0:
                return
            lane = [self.index[u]]
            step = 1 if self.phase[lane[0]] % 2 == 0 else -1
            for k in range(1, reach[u]):
                lane.append(len(self.width))
                self.width.append(LANE_WIDTH)
                self.phase.append(self.phase[lane[0]])
                self.level.append(level[u] + k * step)
            for v in users[u]:
                self.chains[u, v] = [*lane[: abs(level[v] - level[u])], self.index[v]]

    def link(self, scene: Scene) -> None:
        self.above = [[] for _ in self.width]
        self.below = [[] for _ in self.width]
        count = len(self.index)
        done = set()
        for (src, _), chain in self.chains.items():
            weak = scene.items[src].node["kind"] in ("param", "const")
            for a, b in pairwise(chain):
                if (a, b) in done:
                    continue
                done.add((a, b))
                lane = (a >= count) + (b >= count)
                pull = (2.0, 1.0, 8.0)[lane] * (0.25 if weak else 1.0)
                if self.level[a] > self.level[b]:
                    a, b = b, a
                self.below[a].append((b, pull))
                self.above[b].append((a, pull))


def arrange(grid: Grid) -> None:
    """Order the rows, then set `x`.

    At last each value looks to one side only, which takes the small bends out.
    """
    small = len(grid.width) <= LARGE
    both = [a + b for a, b in zip(grid.above, grid.below, strict=True)]
    above, below = heaviest(grid.above), heaviest(grid.below)
    order(grid, sweeps=8 if small else 2)
    for phase in sorted({p for p, _ in grid.rows}):
        levels = sorted(level for p, level in grid.rows if p == phase)
        rows = [Row.of(grid, grid.rows[phase, level]) for level in levels]
        for _ in range(12 if small else 2):
            for row in (*rows, *reversed(rows)):
                pull(grid, row, both)
        for row in reversed(rows):
            pull(grid, row, below)
        for row in rows:
            pull(grid, row, above)


# --- order ------------------------------------------------------------------


def order(grid: Grid, sweeps: int) -> None:
    """Barycentre sweeps down and up; the best of the orders seen is kept."""
    position = [0.0] * len(grid.width)
    best, fewest = dict(grid.rows), None
    down = sorted(grid.rows)
    for sweep in range(sweeps + 1):
        for place in down if sweep % 2 else reversed(down):
            row = grid.rows[place]
            if sweep:
                toward = grid.above if sweep % 2 else grid.below
                row = sorted_by_neighbours(row, toward, position)
                grid.rows[place] = row
            for k, i in enumerate(row):
                position[i] = (k + 0.5) / len(row)
        crossings = sum(
            row_crossings(grid, row, position) for row in grid.rows.values()
        )
        if fewest is None or crossings < fewest:
            best, fewest = dict(grid.rows), crossings
        if crossings == 0:
            break
    grid.rows = best


def sorted_by_neighbours(
    row: list[int], toward: list[Pulls], position: list[float]
) -> list[int]:
    wanted = {}
    for i in row:
        near = toward[i]
        mean = sum([position[j] for j, _ in near]) / len(near) if near else position[i]
        wanted[i] = (mean, position[i])
    return sorted(row, key=wanted.__getitem__)


def row_crossings(grid: Grid, row: list[int], position: list[float]) -> int:
    """Crossings between a row and the next one, counted by a Fenwick tree."""
    if len(row) == 1:
        return 0
    ends = [p for i in row for p in sorted([position[j] for j, _ in grid.below[i]])]
    ranks = {p: k + 1 for k, p in enumerate(sorted(set(ends)))}
    tree = [0] * (len(ranks) + 1)
    total = 0
    for seen, end in enumerate(ends):
        k, not_right = ranks[end], 0
        while k:
            not_right += tree[k]
            k &= k - 1
        total += seen - not_right
        k = ranks[end]
        while k < len(tree):
            tree[k] += 1
            k += k & -k
    return total


# --- place ------------------------------------------------------------------


class Row(NamedTuple):
    """Entries, and their centres when they stand as close as they may."""

    entries: list[int]
    offsets: list[float]

    @classmethod
    def of(cls, grid: Grid, entries: list[int]) -> Row:
        """The row, put side by side around 0."""
        offsets = [0.0]
        for a, b in pairwise(entries):
            between = (grid.width[a] + grid.width[b]) / 2 + SPACE
            offsets.append(offsets[-1] + between)
        for i, offset in zip(entries, offsets, strict=True):
            grid.x[i] = offset - offsets[-1] / 2
        return cls(entries, offsets)


def heaviest(sides: list[Pulls]) -> list[Pulls]:
    """Of each value's neighbours those that pull most."""
    kept = []
    for near in sides:
        if len(near) > 1:
            most = max(w for _, w in near)
            near = [pair for pair in near if pair[1] == most]
        kept.append(near)
    return kept


def pull(grid: Grid, row: Row, neighbours: list[Pulls]) -> None:
    """Move a row toward its neighbours, in order and without overlaps."""
    x = grid.x
    wanted, weights = [], []
    for i in row.entries:
        total = moment = 0.0
        for j, weight in neighbours[i]:
            total += weight
            moment += weight * x[j]
        wanted.append(moment / total if total else x[i])
        weights.append(total or 0.01)
    if len(wanted) > 1:
        wanted = spread(wanted, weights, row.offsets)
    for i, place in zip(row.entries, wanted, strict=True):
        x[i] = place


def spread(
    wanted: list[float], weights: list[float], offsets: list[float]
) -> list[float]:
    """The places nearest to `wanted` (least squares) that keep the distances.

    Without the offsets this is isotonic regression: pool adjacent violators.
    """
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            m, t, c = pools.pop()
            mean = (mean * total + m * t) / (total + t)
            total, count = total + t, count + c
        pools.append((mean, total, count))
    base = [mean for mean, _, count in pools for _ in range(count)]
    return [b + offset for b, offset in zip(base, offsets, strict=True)]
