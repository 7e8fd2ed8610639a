"""The layouter of last resort, and of everything large: it is quick and cannot fail.

Rows are the levels of the scene. Each phase is a block of its own, the forward one left
and its gradient right of a straight axis. Within a block: barycentre sweeps put the
values of a row in order, then each value is pulled toward its neighbours as far as the
boxes allow. All of it is near-linear in the size of the graph and deterministic.
"""

from __future__ import annotations

from tapec.viz.label import PAD
from tapec.viz.layout import Box, Layout, Point, Route, smooth
from tapec.viz.rows import Grid, arrange
from tapec.viz.scene import Edge, Scene
from tapec.viz.wires import MARGIN, Wiring

__all__ = ["mirror"]


def mirror(scene: Scene) -> Layout:
    """Positions and routes for a scene."""
    grid = Grid.of(scene)
    arrange(grid)
    plan = Plan(scene, grid)
    return plan.draw()


class Plan:
    """From columns and rows to points."""

    def __init__(self, scene: Scene, grid: Grid) -> None:
        self.scene = scene
        self.grid = grid
        self.wiring = Wiring(
            scene, [e for e in scene.edges if (e.src, e.dst) not in grid.chains]
        )
        self.boxes: dict[int, Box] = {}

    def draw(self) -> Layout:
        axes, width = self.place_phases()
        x = {uid: self.grid.x[i] for uid, i in self.grid.index.items()}
        self.wiring.assign_tracks(x)
        height = self.wiring.place_rows()
        for uid, item in self.scene.items.items():
            self.boxes[uid] = self.wiring.place(x, item.level, uid)
        self.wiring.settle(self.boxes)
        ports = self.ports()
        routes = [self.route(edge, ports) for edge in self.scene.edges]
        return Layout("mirror", width, height, self.boxes, routes, axes)

    def place_phases(self) -> tuple[list[float], float]:
        """Shift the blocks beside each other; returns the axes and the width."""
        left, axes = MARGIN, []
        grid = self.grid
        members: list[list[int]] = [[] for _ in range(self.scene.phases)]
        for i, phase in enumerate(grid.phase):
            members[phase].append(i)
        for phase, block in enumerate(members):
            low = min((grid.x[i] - grid.width[i] / 2 for i in block), default=0.0)
            high = max((grid.x[i] + grid.width[i] / 2 for i in block), default=0.0)
            for i in block:
                grid.x[i] += left - low
            left += high - low
            corridor = self.wiring.corridor_width(phase)
            self.wiring.corridor[phase] = left
            if phase < self.scene.phases - 1:
                axes.append(left + corridor / 2)
                left += corridor
            elif phase in self.wiring.lanes:
                left += corridor
        return axes, left + MARGIN

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
        top, bottom = self.wiring.top, self.wiring.bottom
        first, last = (bottom, top) if down else (top, bottom)
        start = Point(source.x, source.bottom if down else source.top)
        end = Point(ports[edge.src, edge.dst], target.top if down else target.bottom)
        points = [start, Point(start.x, first[self.grid.level[chain[0]]])]
        for i in chain[1:-1]:
            level, x = self.grid.level[i], self.grid.x[i]
            points += [Point(x, last[level]), Point(x, first[level])]
        points += [Point(end.x, last[self.grid.level[chain[-1]]]), end]
        return Route(smooth(points), start, end)
