"""The layouter of last resort, and of everything large: it is quick and cannot fail.

Rows are the levels of the scene. Each phase is a block of its own, the forward one left
and its gradient right of a straight axis. Within a block: barycentre sweeps put the
values of a row in order, then each value is pulled toward its neighbours as far as the
boxes allow. All of it is near-linear in the size of the graph and deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tapec.viz.label import PAD
from tapec.viz.layout import Box, Layout, Point, Route, smooth
from tapec.viz.rows import Grid, arrange
from tapec.viz.scene import Edge, Scene
from tapec.viz.wires import CORRIDOR, LANE, Wiring

__all__ = ["mirror"]

MARGIN = 24.0
GAP = 34.0
"""Height between two rows that no wire runs in."""


def mirror(scene: Scene) -> Layout:
    """Positions and routes for a scene."""
    grid = Grid.of(scene)
    arrange(grid)
    plan = Plan(scene, grid)
    return plan.draw()


@dataclass(slots=True)
class Plan:
    """From columns and rows to points."""

    scene: Scene
    grid: Grid
    wiring: Wiring = field(init=False)
    boxes: dict[int, Box] = field(default_factory=dict)
    top: list[float] = field(default_factory=list)
    bottom: list[float] = field(default_factory=list)

    def draw(self) -> Layout:
        wired = [e for e in self.scene.edges if (e.src, e.dst) not in self.grid.chains]
        self.wiring = Wiring(self.scene, wired)
        axes, width = self.place_phases()
        self.wiring.assign_tracks(self.grid.x, self.grid.index, self.grid.width)
        height = self.place_rows()
        for uid, i in self.grid.index.items():
            item = self.scene.items[uid]
            y = (self.top[item.level] + self.bottom[item.level]) / 2
            self.boxes[uid] = Box(
                self.grid.x[i], y, item.label.width, item.label.height
            )
        layout = Layout("mirror", width, height, self.boxes, axes=axes)
        self.wiring.settle(self.boxes, self.top, self.bottom)
        ports = self.ports()
        for edge in self.scene.edges:
            layout.routes.append(self.route(edge, ports))
        return layout

    def place_phases(self) -> tuple[list[float], float]:
        """Shift the blocks beside each other; returns the axes and the width."""
        left, axes = MARGIN, []
        grid = self.grid
        for phase in range(self.scene.phases):
            members = [i for i, p in enumerate(grid.phase) if p == phase]
            low = min((grid.x[i] - grid.width[i] / 2 for i in members), default=0.0)
            high = max((grid.x[i] + grid.width[i] / 2 for i in members), default=0.0)
            for i in members:
                grid.x[i] += left - low
            left += high - low
            lanes = self.wiring.lanes.get(phase, 0)
            self.wiring.corridor[phase] = left + CORRIDOR / 2
            if phase < self.scene.phases - 1:
                axes.append(left + (CORRIDOR + LANE * lanes) / 2)
                left += CORRIDOR + LANE * lanes
            elif lanes:
                left += CORRIDOR / 2 + LANE * lanes
        return axes, left + MARGIN

    def place_rows(self) -> float:
        heights = [0.0] * self.scene.levels
        for item in self.scene.items.values():
            heights[item.level] = max(heights[item.level], item.label.height)
        y = MARGIN + self.wiring.gap_height(-1)
        for level, height in enumerate(heights):
            self.top.append(y)
            self.bottom.append(y + height)
            last = level == len(heights) - 1
            y += height + self.wiring.gap_height(level) + GAP * (not last)
        return y + MARGIN

    def ports(self) -> dict[tuple[int, int], float]:
        """Where each edge within a phase meets its user: from left to right."""
        incoming: dict[int, list[tuple[float, int]]] = {}
        for (src, dst), chain in self.grid.chains.items():
            before = chain[-2]
            incoming.setdefault(dst, []).append((self.grid.x[before], src))
        ports = {}
        for dst, sources in incoming.items():
            box = self.boxes[dst]
            step = min(18.0, (box.width - 2 * PAD) / len(sources))
            start = box.x - step * (len(sources) - 1) / 2
            for k, (_, src) in enumerate(sorted(sources)):
                ports[src, dst] = start + step * k
        return ports

    def route(self, edge: Edge, ports: dict[tuple[int, int], float]) -> Route:
        chain = self.grid.chains.get((edge.src, edge.dst))
        if chain is None:
            return self.wiring.route(edge)
        source, target = self.boxes[edge.src], self.boxes[edge.dst]
        down = self.scene.items[edge.dst].down
        first, last = (self.bottom, self.top) if down else (self.top, self.bottom)
        start = Point(source.x, source.bottom if down else source.top)
        end = Point(ports[edge.src, edge.dst], target.top if down else target.bottom)
        points = [start, Point(start.x, first[self.grid.level[chain[0]]])]
        for i in chain[1:-1]:
            level, x = self.grid.level[i], self.grid.x[i]
            points += [Point(x, last[level]), Point(x, first[level])]
        points += [Point(end.x, last[self.grid.level[chain[-1]]]), end]
        return Route(smooth(points), start, end)
