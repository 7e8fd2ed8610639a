"""The layout that Graphviz finds: columns and curves; rows and wires are ours.

Graphviz places the values of each row and bends the edges within a phase. The gaps
between its rows are then stretched to the height that our wires need.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from tapec.viz.dot import INCH, dot_of
from tapec.viz.engine import EngineError, graphviz
from tapec.viz.layout import Layout, Point, Route, number
from tapec.viz.scene import Edge, Scene
from tapec.viz.wires import MARGIN, Wiring

__all__ = ["graphviz_layout"]

MOST_PHASES = 6

Curves = dict[tuple[int, int], list[Point]]


def graphviz_layout(scene: Scene, engine: str, timeout: float) -> Layout:
    """Positions and routes; an EngineError if Graphviz does not deliver."""
    if scene.phases > MOST_PHASES:
        raise EngineError(f"{scene.phases} phases are too many for Graphviz")
    wiring = Wiring(scene, [edge for edge in scene.edges if not edge.within])
    widths = [wiring.corridor_width(p) for p in range(scene.phases - 1)]
    source = dot_of(scene, widths).source
    text = graphviz(source, "plain", timeout=timeout, system=engine == "dot")
    try:
        found = Plain(text)
        return assembled(scene, wiring, widths, found)
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise EngineError(f"Graphviz printed something else: {error!r}") from error


class Plain:
    """What the format `plain` says, in pixels, with y downward.

    places: centre of each value; axes: x of the points between phases, by axis.
    """

    def __init__(self, text: str) -> None:
        self.places: dict[int, Point] = {}
        self.axes: dict[int, list[float]] = {}
        self.curves: Curves = {}
        rows = [line.split(" ") for line in text.splitlines()]
        _, _, width, height, *_ = next(row for row in rows if row[0] == "graph")
        self.width, self.height = float(width) * INCH, float(height) * INCH
        for row in rows:
            if row[0] == "node":
                self.add_node(row[1], self.point(row[2], row[3]))
            elif row[0] == "edge" and row[1].startswith("n"):
                self.add_edge(row)

    def point(self, x: str, y: str) -> Point:
        return Point(float(x) * INCH + MARGIN, self.height - float(y) * INCH)

    def add_node(self, name: str, place: Point) -> None:
        if name.startswith("n"):
            self.places[int(name[1:])] = place
        else:
            axis = int(name.removeprefix("axis").split("_")[0])
            self.axes.setdefault(axis, []).append(place.x)

    def add_edge(self, row: list[str]) -> None:
        _, tail, head, count, *numbers = row
        if head.startswith("n"):
            numbers = numbers[: 2 * int(count)]
            curve = list(map(self.point, numbers[::2], numbers[1::2]))
            self.curves[int(tail[1:]), int(head[1:])] = curve


def assembled(
    scene: Scene, wiring: Wiring, widths: list[float], found: Plain
) -> Layout:
    """Rows and wires around what Graphviz found."""
    layout = Layout("graphviz", found.width + 2 * MARGIN, 0.0)
    for phase, width in enumerate(widths):
        xs = found.axes[phase]
        wiring.corridor[phase] = xs[0] - width / 2
        layout.axes.append(xs[0])
    x = {uid: place.x for uid, place in found.places.items()}
    wiring.assign_tracks(x)
    layout.height = wiring.place_rows()
    stretch = Stretch(scene, wiring, found)
    for uid, item in scene.items.items():
        layout.boxes[uid] = wiring.place(x, item.level, uid)
    wiring.settle(layout.boxes)
    for edge in scene.edges:
        if edge.within:
            layout.routes.append(curved(edge, found.curves, stretch))
        else:
            layout.routes.append(wiring.route(edge))
    return layout


class Stretch:
    """Takes the heights of Graphviz's rows to those of ours, and what lies between."""

    def __init__(self, scene: Scene, wiring: Wiring, found: Plain) -> None:
        middle = {item.level: found.places[u].y for u, item in scene.items.items()}
        self.old: list[float] = []
        self.new: list[float] = []
        for level, (top, bottom) in enumerate(
            zip(wiring.top, wiring.bottom, strict=True)
        ):
            half = (bottom - top) / 2
            self.old += [middle[level] - half, middle[level] + half]
            self.new += [top, bottom]

    def __call__(self, point: Point) -> Point:
        k = bisect_right(self.old, point.y)
        if k in (0, len(self.old)):
            k -= k > 0
            return Point(point.x, point.y - self.old[k] + self.new[k])
        span = self.old[k] - self.old[k - 1]
        part = (point.y - self.old[k - 1]) / span if span else 0.0
        return Point(point.x, self.new[k - 1] + part * (self.new[k] - self.new[k - 1]))


def curved(edge: Edge, curves: Curves, stretch: Stretch) -> Route:
    curve = curves.get((edge.src, edge.dst))
    if curve is None:
        curve = curves[edge.dst, edge.src][::-1]
    points = [stretch(point) for point in curve]
    return Route(bezier(points), points[0], points[-1])


def bezier(points: Iterable[Point]) -> str:
    head, *rest = (f"{number(p.x)} {number(p.y)}" for p in points)
    return f"M{head}C{' '.join(rest)}"
