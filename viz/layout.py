"""Geometry: what a layouter returns and what the renderer draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Box", "Layout", "Point", "Route", "polyline", "smooth"]


class Point(NamedTuple):
    x: float
    y: float


class Box(NamedTuple):
    """Centre and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Route(NamedTuple):
    """An edge: the path data from the operand to its user, and its two ends."""

    path: str
    start: Point
    end: Point


@dataclass(slots=True)
class Layout:
    """engine: "graphviz" or "mirror". axes: x of the lines between the phases."""

    engine: str
    width: float
    height: float
    boxes: dict[int, Box] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    axes: list[float] = field(default_factory=list)


def number(x: float) -> str:
    """At most one decimal: the same text everywhere."""
    return f"{x:.1f}".removesuffix(".0")


def smooth(points: list[Point]) -> str:
    """A curve through the points that leaves and enters each of them vertically."""
    path = [f"M{number(points[0].x)} {number(points[0].y)}"]
    for a, b in pairwise(points):
        if abs(a.x - b.x) < 0.5:
            path.append(f"V{number(b.y)}")
            continue
        middle = (a.y + b.y) / 2
        path.append(
            f"C{number(a.x)} {number(middle)} {number(b.x)} {number(middle)} "
            f"{number(b.x)} {number(b.y)}"
        )
    return "".join(path)


def polyline(points: list[Point], radius: float = 7.0) -> str:
    """Straight pieces with rounded corners."""
    path = [f"M{number(points[0].x)} {number(points[0].y)}"]
    for a, b, c in zip(points, points[1:], points[2:], strict=False):
        before, after = distance(a, b), distance(b, c)
        r = min(radius, before / 2, after / 2)
        if r < 0.5:
            path.append(f"L{number(b.x)} {number(b.y)}")
            continue
        p, q = toward(b, a, r / before), toward(b, c, r / after)
        path.append(
            f"L{number(p.x)} {number(p.y)}"
            f"Q{number(b.x)} {number(b.y)} {number(q.x)} {number(q.y)}"
        )
    path.append(f"L{number(points[-1].x)} {number(points[-1].y)}")
    return "".join(path)


def distance(a: Point, b: Point) -> float:
    return max(abs(a.x - b.x), abs(a.y - b.y))


def toward(a: Point, b: Point, part: float) -> Point:
    return Point(a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part)
