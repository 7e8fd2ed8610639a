"""Order and horizontal place of the values in their rows, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapec.viz.scene import Scene

__all__ = ["Grid", "arrange", "spread"]

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
    above: list[list[tuple[int, float]]] = field(default_factory=list)
    below: list[list[tuple[int, float]]] = field(default_factory=list)

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
        grid.add_lanes(users, budget=1000 + 3 * len(items))
        grid.link(scene)
        for i, place in enumerate(zip(grid.phase, grid.level, strict=True)):
            grid.rows.setdefault(place, []).append(i)
        grid.x = [0.0] * len(grid.width)
        return grid

    def add_lanes(self, users: dict[int, list[int]], budget: int) -> None:
        """One lane per value, from which its users branch off; short ones first."""
        level = {uid: self.level[i] for uid, i in self.index.items()}
        reach = {u: max(abs(level[v] - level[u]) for v in users[u]) for u in users}
        for u in sorted(users, key=lambda u: (reach[u], self.index[u])):
            budget -= reach[u] - 1
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
            for a, b in zip(chain, chain[1:], strict=False):
                if (a, b) in done:
                    continue
                done.add((a, b))
                lane = (a >= count) + (b >= count)
                pull = 8.0 if lane == 2 else 1.0 if lane else 0.5 if weak else 2.0
                if self.level[a] > self.level[b]:
                    a, b = b, a
                self.below[a].append((b, pull))
                self.above[b].append((a, pull))


def arrange(grid: Grid) -> None:
    """Order the rows, then set `x`."""
    small = len(grid.width) <= LARGE
    order(grid, sweeps=8 if small else 2)
    for phase in sorted({p for p, _ in grid.rows}):
        levels = sorted(level for p, level in grid.rows if p == phase)
        rows = [grid.rows[phase, level] for level in levels]
        for row in rows:
            pack(grid, row)
        for _ in range(12 if small else 3):
            for row in rows:
                pull(grid, row, grid.above, grid.below)
            for row in reversed(rows):
                pull(grid, row, grid.above, grid.below)
        straighten(grid, rows)


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
        crossings = sum(row_crossings(grid, row, position) for row in grid.rows.values())
        if fewest is None or crossings < fewest:
            best, fewest = dict(grid.rows), crossings
        if crossings == 0:
            break
    grid.rows = best


def sorted_by_neighbours(
    row: list[int], toward: list[list[tuple[int, float]]], position: list[float]
) -> list[int]:
    wanted = {}
    for i in row:
        near = toward[i]
        mean = sum(position[j] for j, _ in near) / len(near) if near else position[i]
        wanted[i] = (mean, position[i])
    return sorted(row, key=wanted.__getitem__)


def row_crossings(grid: Grid, row: list[int], position: list[float]) -> int:
    """Crossings between a row and the next one, counted by a Fenwick tree."""
    ends = [
        position[j]
        for i in row
        for j in sorted((j for j, _ in grid.below[i]), key=position.__getitem__)
    ]
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


def pack(grid: Grid, row: list[int]) -> None:
    """Side by side around 0."""
    offsets = offsets_of(grid, row)
    middle = (offsets[0] + offsets[-1]) / 2
    for i, offset in zip(row, offsets, strict=True):
        grid.x[i] = offset - middle


def straighten(grid: Grid, rows: list[list[int]]) -> None:
    """Take the small bends out: each value looks to one side only."""
    for row in reversed(rows):
        pull(grid, row, grid.below)
    for row in rows:
        pull(grid, row, grid.above)


def pull(grid: Grid, row: list[int], *sides: list[list[tuple[int, float]]]) -> None:
    """Move a row toward its neighbours, in order and without overlaps."""
    wanted, weights = [], []
    for i in row:
        near = [pair for side in sides for pair in side[i]]
        heaviest = max((w for _, w in near), default=0.0)
        if len(sides) == 1:
            near = [(j, w) for j, w in near if w == heaviest]
        weight = sum(w for _, w in near)
        if weight:
            wanted.append(sum(grid.x[j] * w for j, w in near) / weight)
        else:
            wanted.append(grid.x[i])
        weights.append(weight or 0.01)
    places = spread(wanted, weights, offsets_of(grid, row))
    for i, x in zip(row, places, strict=True):
        grid.x[i] = x


def offsets_of(grid: Grid, row: list[int]) -> list[float]:
    """Centres of the entries when they stand as close as they may."""
    offsets = [0.0]
    for a, b in zip(row, row[1:], strict=False):
        between = (grid.width[a] + grid.width[b]) / 2 + SPACE
        offsets.append(offsets[-1] + between)
    return offsets


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
