"""Edges that leave their phase, laid like wires: along the gaps and down a corridor.

A value that the gradient reads leaves its box at the right, runs in the gap below its
row to the corridor beside the axis, there to the gap below its reader, and into it. The
wires of one value share their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tapec.viz.layout import Box, Point, Route, polyline
from tapec.viz.scene import Edge, Item, Scene

__all__ = ["MARGIN", "Wiring"]

MARGIN = 24.0
GAP = 34.0
"""Height between two rows that no wire runs in."""

CORRIDOR = 56.0
LANE = 6.0
TRACK = 6.0
MOST_LANES = 24
MOST_TRACKS = 6
"""More wires than this share lanes and tracks."""

INSET = 12.0


class Wiring:
    """Gap g lies below level g; gap -1 above all.

    lanes: vertical lanes used, by corridor; corridor p lies right of phase p.
    corridor: the left edge of each corridor, set by the layouter.
    """

    def __init__(self, scene: Scene, edges: Sequence[Edge]) -> None:
        self.scene = scene
        self.targets: dict[int, list[int]] = {}
        for edge in edges:
            self.targets.setdefault(edge.src, []).append(edge.dst)
        self.lanes: dict[int, int] = {}
        self.corridor: dict[int, float] = {}
        self.lane: dict[int, int] = {}
        self.track: dict[tuple[int, int], int] = {}
        self.tracks: dict[int, int] = {}
        self.entry: dict[tuple[int, int], float] = {}
        self.top: list[float] = []
        self.bottom: list[float] = []
        self.boxes: Mapping[int, Box] = {}
        self.assign_lanes()

    def corridor_width(self, phase: int) -> float:
        return CORRIDOR + LANE * self.lanes.get(phase, 0)

    # A value leaves with the flow of its phase and enters against it.

    def exit_gap(self, item: Item) -> int:
        return item.level if item.down else item.level - 1

    def entry_gap(self, item: Item) -> int:
        return item.level - 1 if item.down else item.level

    def gaps_of(self, src: int) -> set[int]:
        """All gaps in which the wires of `src` run."""
        items = self.scene.items
        gaps = {self.entry_gap(items[dst]) for dst in self.targets[src]}
        return gaps | {self.exit_gap(items[src])}

    def assign_lanes(self) -> None:
        spans: dict[int, list[tuple[float, float, int]]] = {}
        for src in self.targets:
            gaps = self.gaps_of(src)
            if len(gaps) > 1:
                phase = self.scene.items[src].phase
                spans.setdefault(phase, []).append((min(gaps), max(gaps), src))
        for phase, wires in spans.items():
            lanes = coloured(wires, MOST_LANES)
            self.lane |= lanes
            self.lanes[phase] = 1 + max(lanes.values())

    def lane_x(self, src: int) -> float:
        left = self.corridor[self.scene.items[src].phase]
        return left + CORRIDOR / 2 + LANE * self.lane[src]

    def assign_tracks(self, x: Mapping[int, float]) -> None:
        """Give each stretch along a gap its height, now that the columns stand."""
        items = self.scene.items
        spans: dict[int, list[tuple[float, float, int]]] = {}
        for src, targets in self.targets.items():
            ends: dict[int, list[float]] = {g: [] for g in self.gaps_of(src)}
            ends[self.exit_gap(items[src])].append(x[src])
            for dst in targets:
                ends[self.entry_gap(items[dst])].append(x[dst])
            if len(ends) > 1:
                for xs in ends.values():
                    xs.append(self.lane_x(src))
            for gap, xs in ends.items():
                spans.setdefault(gap, []).append((min(xs), max(xs), src))
        for gap, wires in spans.items():
            tracks = coloured(wires, MOST_TRACKS)
            self.tracks[gap] = 1 + max(tracks.values())
            for src, track in tracks.items():
                self.track[src, gap] = track

    def gap_height(self, gap: int) -> float:
        """What the wires add to the height of a gap."""
        return TRACK * self.tracks[gap] + 6.0 if gap in self.tracks else 0.0

    def place_rows(self) -> float:
        """Set the tops and bottoms of the rows; returns the height of the picture."""
        heights = [0.0] * self.scene.levels
        for item in self.scene.items.values():
            heights[item.level] = max(heights[item.level], item.label.height)
        y = MARGIN + self.gap_height(-1)
        for level, height in enumerate(heights):
            last = level == len(heights) - 1
            self.top.append(y)
            self.bottom.append(y + height)
            y += height + self.gap_height(level) + GAP * (not last)
        return y + MARGIN

    def place(self, x: Mapping[int, float], level: int, uid: int) -> Box:
        """The box of a value, in the middle of its row."""
        label = self.scene.items[uid].label
        y = (self.top[level] + self.bottom[level]) / 2
        return Box(x[uid], y, label.width, label.height)

    def settle(self, boxes: Mapping[int, Box]) -> None:
        """Share out the places where wires enter a box."""
        self.boxes = boxes
        readers: dict[int, list[int]] = {}
        for src, targets in self.targets.items():
            for dst in targets:
                readers.setdefault(dst, []).append(src)
        for dst, sources in readers.items():
            box = boxes[dst]
            step = min(9.0, (box.width / 2 - INSET) / len(sources))
            for k, src in enumerate(sorted(sources, key=lambda s: boxes[s].x)):
                self.entry[src, dst] = box.left + INSET + step * k

    def track_y(self, src: int, gap: int) -> float:
        depth = 12.0 + TRACK * self.track[src, gap]
        return self.bottom[gap] + depth if gap >= 0 else self.top[0] - depth

    def route(self, edge: Edge) -> Route:
        source = self.scene.items[edge.src]
        target = self.scene.items[edge.dst]
        box, goal = self.boxes[edge.src], self.boxes[edge.dst]
        out, into = self.exit_gap(source), self.entry_gap(target)
        start = Point(box.right - INSET, box.bottom if source.down else box.top)
        end_x = self.entry[edge.src, edge.dst]
        end = Point(end_x, goal.top if target.down else goal.bottom)
        y = self.track_y(edge.src, out)
        points = [start, Point(start.x, y)]
        if into != out:
            x = self.lane_x(edge.src)
            points.append(Point(x, y))
            y = self.track_y(edge.src, into)
            points.append(Point(x, y))
        points += [Point(end.x, y), end]
        return Route(polyline(points), start, end)


def coloured(spans: list[tuple[float, float, int]], most: int) -> dict[int, int]:
    """Numbers below `most` for intervals; those that overlap differ if they can."""
    ends: list[float] = []
    colours = {}
    for k, (low, high, key) in enumerate(sorted(spans)):
        free = next((c for c, end in enumerate(ends) if end < low), None)
        if free is None and len(ends) < most:
            free = len(ends)
            ends.append(high)
        elif free is None:
            free = k % most
        ends[free] = max(ends[free], high)
        colours[key] = free
    return colours
