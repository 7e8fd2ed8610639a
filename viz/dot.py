"""The mirror as Graphviz text.

Rows are given, so Graphviz need not search for them, which is most of its work: all
nodes of a level are of one rank, gradient edges are written from their user to their
operand, and edges between the halves put no order on the rows. Invisible columns
of points, one point per row, keep the phases apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

import graphviz as writer

from tapec.viz.graph import Graph, validate
from tapec.viz.label import Label, tooltip_of
from tapec.viz.scene import Edge, Item, Scene, scene_of
from tapec.viz.theme import LIGHT

__all__ = ["dot_of", "to_dot"]

INCH = 72.0


def to_dot(graph: Graph) -> str:
    """DOT text of a graph, complete with labels and colours, for any Graphviz tool."""
    scene = scene_of(validate(graph))
    return str(dot_of(scene).source)


def dot_of(scene: Scene, widths: Sequence[float] | None = None) -> writer.Digraph:
    """widths: of the corridors between the phases; then without labels, clusters and
    what runs in the corridors, for a layout only.
    """
    finished = widths is None
    if widths is None:
        widths = [1.0] * max(scene.phases - 1, 1)
    dot = writer.Digraph(
        name=re.sub(r"[^\w .-]", "_", printable(scene.graph["name"])),
        graph_attr={"newrank": "true", "nodesep": "0.3", "ranksep": "0.45"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={} if finished else {"arrowhead": "none", "arrowtail": "none"},
    )
    if finished:
        dot.attr("node", style="filled,rounded", fontname="Helvetica", fontsize="11")
        dot.attr("edge", arrowsize="0.6")
        dot.attr(label=plain(scene.graph["name"]), labelloc="t")
    for uid, item in scene.items.items():
        looks = look(item, uid in scene.graph["results"]) if finished else {}
        dot.node(f"n{uid}", width=inches(item.label.width),
                 height=inches(item.label.height), **looks)  # fmt: skip
    add_rows(dot, scene, widths)
    if finished:
        add_clusters(dot, scene)
    for edge in scene.edges:
        if finished or edge.within:
            add_edge(dot, scene, edge, finished)
    return dot


def inches(pixels: float) -> str:
    return f"{pixels / INCH:.3f}"


def add_rows(dot: writer.Digraph, scene: Scene, widths: Sequence[float]) -> None:
    """One rank per level, in which the points of the axes keep the phases apart."""
    rows: list[list[int]] = [[] for _ in range(scene.levels)]
    for uid, item in scene.items.items():
        rows[item.level].append(uid)
    for level, row in enumerate(rows):
        with dot.subgraph() as same:
            same.attr(rank="same")
            for axis, width in enumerate(widths):
                size = {"width": inches(width), "height": "0.01"}
                same.node(f"axis{axis}_{level}", style="invis", **size)
            for uid in row:
                same.node(f"n{uid}")
        for uid in row:
            phase = scene.items[uid].phase
            if phase < len(widths):
                dot.edge(f"n{uid}", f"axis{phase}_{level}", style="invis")
            if phase > 0:
                dot.edge(f"axis{phase - 1}_{level}", f"n{uid}", style="invis")
        for axis in range(1, len(widths)):
            dot.edge(f"axis{axis - 1}_{level}", f"axis{axis}_{level}", style="invis")
    for level in range(1, len(rows)):
        for axis in range(len(widths)):
            ends = f"axis{axis}_{level - 1}", f"axis{axis}_{level}"
            dot.edge(*ends, style="invis", weight="100")


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
    elif scene.items[edge.src].node["kind"] == "op":
        looks["weight"] = "4"
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
                label=plain(scope),
                color=LIGHT["line"],
                fontcolor=LIGHT["quiet"],
                fontsize="10",
                style="rounded",
            )
            for uid in members:
                cluster.node(f"n{uid}")
