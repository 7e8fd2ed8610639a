"""The mirror as Graphviz text, and the layout that Graphviz makes of it.

Rows are given, so Graphviz need not search for them, which is most of its work: all
nodes of a level are of one rank, gradient edges are written from their user to their
operand, and edges between the halves put no order on the rows. An invisible column of
points, one per row, keeps the halves apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

import graphviz as writer

from tapec.viz.engine import EngineError, graphviz
from tapec.viz.graph import Graph, validate
from tapec.viz.label import Label, tooltip_of
from tapec.viz.layout import Box, Layout, Point, Route, number
from tapec.viz.scene import Edge, Item, Scene, scene_of
from tapec.viz.theme import LIGHT

__all__ = ["graphviz_layout", "to_dot"]

INCH = 72.0
MARGIN = 24.0
TALL = 8.0
"""Space kept above and below a box besides the distance of the rows."""


def to_dot(graph: Graph) -> str:
    """DOT text of a graph, complete with labels and colours, for any Graphviz tool."""
    scene = scene_of(validate(graph))
    return str(dot_of(scene, finished=True).source)


def dot_of(scene: Scene, *, finished: bool) -> writer.Digraph:
    """finished: with labels, clusters and colours; without them only for a layout."""
    dot = writer.Digraph(
        name=scene.graph["name"],
        graph_attr={"newrank": "true", "nodesep": "0.3", "ranksep": "0.45"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={} if finished else {"arrowhead": "none", "arrowtail": "none"},
    )
    if finished:
        dot.attr("node", style="filled,rounded", fontname="Helvetica", fontsize="11")
        dot.attr("edge", arrowsize="0.6")
        dot.attr(label=writer.escape(scene.graph["name"]), labelloc="t")
    for uid, item in scene.items.items():
        looks = look(item, uid in scene.graph["results"]) if finished else {}
        dot.node(f"n{uid}", width=inches(item.label.width),
                 height=inches(item.label.height), **looks)  # fmt: skip
    add_rows(dot, scene)
    if finished:
        add_clusters(dot, scene)
    for edge in scene.edges:
        add_edge(dot, scene, edge, finished)
    return dot


def inches(pixels: float) -> str:
    return f"{pixels / INCH:.3f}"


def add_rows(dot: writer.Digraph, scene: Scene) -> None:
    """One rank per level; the point of the axis stands between the halves."""
    rows: list[list[int]] = [[] for _ in range(scene.levels)]
    for uid, item in scene.items.items():
        rows[item.level].append(uid)
    mirrored = scene.phases > 1
    for level, row in enumerate(rows):
        with dot.subgraph() as same:
            same.attr(rank="same")
            if mirrored or level < len(rows):
                same.node(f"axis{level}", style="invis", width="0.01", height="0.01")
            for uid in row:
                same.node(f"n{uid}")
    for level in range(1, len(rows)):
        dot.edge(f"axis{level - 1}", f"axis{level}", style="invis", weight="100")
    for level, row in enumerate(rows if mirrored else ()):
        for uid in row:
            ends = [f"n{uid}", f"axis{level}"]
            if scene.items[uid].phase:
                ends.reverse()
            dot.edge(*ends, style="invis", weight="0")


def add_edge(dot: writer.Digraph, scene: Scene, edge: Edge, finished: bool) -> None:
    looks: dict[str, str] = {}
    if finished:
        name = "gradient" if edge.flow == "update" else edge.flow
        looks["color"] = LIGHT[name]
        looks["tooltip"] = plain(scene.items[edge.src].node["type"])
        if edge.flow == "saved":
            looks["style"] = "dashed"
    if not edge.within:
        looks["constraint"] = "false"
    if edge.within and not scene.items[edge.dst].down:
        dot.edge(f"n{edge.dst}", f"n{edge.src}", dir="back", **looks)
    else:
        dot.edge(f"n{edge.src}", f"n{edge.dst}", **looks)


# --- looks ------------------------------------------------------------------


def look(item: Item, result: bool) -> dict[str, str]:
    half = item.node["half"]
    param = item.node["kind"] == "param" and not result
    fill = "param-fill" if param else half if result else f"{half}-fill"
    ink = LIGHT["result-text" if result else "text" if param else f"{half}-text"]
    return {
        "label": html(item.label),
        "tooltip": plain(tooltip_of(item.node)),
        "fillcolor": LIGHT[fill],
        "color": LIGHT["param" if param else half],
        "fontcolor": ink,
    }


def html(label: Label) -> str:
    first = f"<b>{markup(label.title)}</b>"
    if label.name:
        first = f"{markup(label.name)} = {first}"
    if label.detail:
        first += f" {markup(label.detail)}"
    lines = [f"<b>{markup(label.tag)}</b>"] if label.tag else []
    lines += [first, *(markup(text) for text in (label.more, label.type) if text)]
    return f"<{'<br/>'.join(lines)}>"


def markup(text: str) -> str:
    return escape(printable(text), {'"': "&quot;"})


def plain(text: str) -> str:
    return str(writer.escape(escape(printable(text))))


def printable(text: str) -> str:
    text = text.encode(errors="replace").decode()
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def add_clusters(dot: writer.Digraph, scene: Scene) -> None:
    """A frame for each name scope and half."""
    groups: dict[tuple[str, int], list[int]] = {}
    for uid, item in scene.items.items():
        if item.node["scope"]:
            groups.setdefault((item.node["scope"], item.phase), []).append(uid)
    for k, ((scope, _), members) in enumerate(groups.items()):
        with dot.subgraph(name=f"cluster_{k}") as cluster:
            cluster.attr(
                label=writer.escape(printable(scope)),
                color=LIGHT["line"],
                fontcolor=LIGHT["quiet"],
                fontsize="10",
                style="rounded",
            )
            for uid in members:
                cluster.node(f"n{uid}")


# --- layout -----------------------------------------------------------------


def graphviz_layout(scene: Scene, engine: str, timeout: float) -> Layout:
    """Positions and curves as Graphviz finds them."""
    source = dot_of(scene, finished=False).source
    text = graphviz(source, "plain", timeout=timeout, system=engine == "dot")
    try:
        return parse_plain(text, scene)
    except (KeyError, ValueError, IndexError) as error:
        raise EngineError(f"Graphviz printed something else: {error!r}") from error


def parse_plain(text: str, scene: Scene) -> Layout:
    rows = [line.split(" ") for line in text.replace("\\\n", "").splitlines()]
    _, _, width, height, *_ = next(row for row in rows if row[0] == "graph")
    high = float(height) * INCH
    layout = Layout("graphviz", float(width) * INCH + 2 * MARGIN, high + 2 * MARGIN)

    def point(x: str, y: str) -> Point:
        return Point(float(x) * INCH + MARGIN, high - float(y) * INCH + MARGIN)

    axis = []
    curves = {}
    for row in rows:
        if row[0] == "node" and row[1].startswith("n"):
            uid = int(row[1][1:])
            label = scene.items[uid].label
            layout.boxes[uid] = Box(*point(row[2], row[3]), label.width, label.height)
        elif row[0] == "node":
            axis.append(point(row[2], row[3]).x)
        elif row[0] == "edge" and row[1].startswith("n") and row[2].startswith("n"):
            numbers = row[4 : 4 + 2 * int(row[3])]
            curve = list(map(point, numbers[::2], numbers[1::2]))
            curves[int(row[1][1:]), int(row[2][1:])] = curve
    layout.routes = [route(edge, curves) for edge in scene.edges]
    if scene.phases > 1 and max(axis) - min(axis) < 1:
        layout.axes = [axis[0]]
    return layout


def route(edge: Edge, curves: dict[tuple[int, int], list[Point]]) -> Route:
    curve = curves.get((edge.src, edge.dst))
    if curve is None:
        curve = curves[edge.dst, edge.src][::-1]
    return Route(bezier(curve), curve[0], curve[-1])


def bezier(points: list[Point]) -> str:
    head, *rest = (f"{number(p.x)} {number(p.y)}" for p in points)
    return f"M{head}C{' '.join(rest)}"
