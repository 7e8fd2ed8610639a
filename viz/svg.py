"""The picture: one SVG document, complete in itself and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import warnings

from tapec.viz.frames import frames_of
from tapec.viz.graph import Graph, Node, validate
from tapec.viz.label import short, size_text, tooltip_of
from tapec.viz.layout import Layout, number
from tapec.viz.legend import drawn, entries_of, width_of
from tapec.viz.mirror import mirror
from tapec.viz.scene import Edge, Item, Scene, scene_of
from tapec.viz.shapes import clean, frame, kernel_mark, lines_of
from tapec.viz.theme import style

__all__ = ["render"]

MOST_FOR_GRAPHVIZ = 1000
HEAD, SIDES, FOOT = 56.0, 18.0, 44.0
TIPS = ("forward", "gradient", "saved")


def render(
    graph: Graph,
    engine: str = "auto",
    *,
    overlay: str | None = None,
    timeout: float = 5.0,
    prefix: str = "",
) -> str:
    """The SVG text of a graph.

    engine: "auto" draws up to 1000 nodes with Graphviz and larger graphs with the own
        layouter, as it does when Graphviz fails; "graphviz", "dot" (the program on the
        PATH) and "mirror" insist.
    overlay: facts to shade the values by, see `viz.overlay`.
    prefix: begins all ids; by default it is made from the graph.
    """
    scene = scene_of(validate(graph), overlay)
    layout, note = laid_out(scene, engine, timeout)
    return Picture(scene, layout, prefix or prefix_of(graph), note).text()


def laid_out(scene: Scene, engine: str, timeout: float) -> tuple[Layout, str]:
    """A layout, and what there is to say about its making."""
    if engine not in ("auto", "graphviz", "dot", "mirror"):
        raise ValueError(f"no layout engine is called {engine!r}")
    large = len(scene.items) > MOST_FOR_GRAPHVIZ
    if engine == "mirror" or (engine == "auto" and large) or not scene.items:
        return mirror(scene), ""
    from tapec.viz.dotlayout import graphviz_layout
    from tapec.viz.engine import EngineError

    try:
        return graphviz_layout(scene, engine, timeout), ""
    except EngineError as error:
        if engine != "auto":
            raise
        note = f"drawn by the built-in layouter: {error}"
        warnings.warn(note, RuntimeWarning, stacklevel=3)
        return mirror(scene), note


def prefix_of(graph: Graph) -> str:
    text = json.dumps(graph, sort_keys=True, default=str)
    return "t" + hashlib.sha256(text.encode()).hexdigest()[:8]


class Picture:
    """One drawing. The scene says what, the layout where, the theme how."""

    def __init__(self, scene: Scene, layout: Layout, prefix: str, note: str) -> None:
        self.scene = scene
        self.layout = layout
        self.prefix = prefix
        self.note = note
        self.results = set(scene.graph["results"])
        self.overlay = scene.overlay
        self.legend = entries_of(scene)
        title_width = 48.0 + 10.0 * len(scene.graph["name"])
        about_width = 48.0 + 7.0 * len(self.about())
        self.width = max(layout.width, width_of(self.legend), title_width, about_width)
        self.head = HEAD + SIDES * bool(layout.axes)
        self.height = layout.height + self.head + FOOT
        self.shift = (self.width - layout.width) / 2

    def text(self) -> str:
        w, h = number(self.width), number(self.height)
        p = self.prefix
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{p}" class="tapec-graph" '
            f'width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
            f'aria-labelledby="{p}-title {p}-desc" '
            'style="max-width:100%;height:auto">',
            f'<title id="{p}-title">{clean(self.scene.graph["name"])}</title>',
            f'<desc id="{p}-desc">{clean(self.description())}</desc>',
            f"<style>{style(p)}</style>",
            self.markers(),
            f'<rect class="ground" width="{w}" height="{h}" stroke="none"/>',
            *self.header(),
            f'<g transform="translate({number(self.shift)} {number(self.head)})">',
            *map(frame, frames_of(self.scene, self.layout)),
            *self.axes(),
            *map(self.edge, range(len(self.scene.edges))),
            *map(self.node, self.scene.items.values()),
            "</g>",
            *drawn(self.legend, self.height - 22.0),
            "</svg>\n",
        ]
        if self.note:
            parts.insert(0, f"<!-- {clean(self.note).replace('--', '- -')} -->")
        return "\n".join(filter(None, parts))

    # --- words --------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        ops = [i.node for i in self.scene.items.values() if i.node["kind"] != "param"]
        backward = sum(node["half"] == "gradient" for node in ops)
        return len(ops) - backward, backward

    def about(self) -> str:
        forward, backward = self.counts()
        if not backward:
            return f"{forward} ops"
        return f"{forward + backward} ops: {forward} forward, {backward} gradient"

    def description(self) -> str:
        """The picture in words, for those who cannot see it."""
        items = self.scene.items.values()
        params = [i.node for i in items if i.node["kind"] == "param"]
        inputs = ", ".join(f"{n['name'] or n['uid']} {n['type']}" for n in params)
        tags = ", ".join(
            f"{i.label.tag} ({i.node['op'] or 'parameter'} {i.node['type']})"
            for i in items
            if i.label.tag
        )
        text = f"Computation graph of {self.scene.graph['name']} with {self.about()}."
        text += f" Parameters: {short(inputs, 600)}." if params else ""
        return text + (f" Results: {short(tags, 600)}." if tags else "")

    def header(self) -> list[str]:
        name = clean(short(self.scene.graph["name"], 80))
        return [
            f'<text class="name" x="24" y="32">{name}</text>',
            f'<text class="about" x="24" y="50">{self.about()}</text>',
        ]

    # --- shapes -------------------------------------------------------------

    def markers(self) -> str:
        tips = "".join(
            f'<marker id="{self.prefix}-{tip}" viewBox="0 0 8 8" refX="7.5" refY="4" '
            'markerWidth="7.5" markerHeight="7.5" markerUnits="userSpaceOnUse" '
            f'orient="auto"><path class="tip-{tip}" d="M0 .6L8 4L0 7.4Z"/></marker>'
            for tip in TIPS
        )
        return f"<defs>{tips}</defs>"

    def axes(self) -> list[str]:
        """The lines between the phases, with the direction of flow beside them."""
        bottom = number(self.layout.height - 6)
        parts = []
        for k, x in enumerate(self.layout.axes):
            parts.append(f'<path class="axis" d="M{number(x)} -12V{bottom}"/>')
            left, right = ("gradient ↑", "forward ↓") if k % 2 else (
                "forward ↓", "gradient ↑")  # fmt: skip
            parts.append(
                f'<text class="side end" x="{number(x - 12)}" y="-4">{left}</text>'
            )
            parts.append(
                f'<text class="side start" x="{number(x + 12)}" y="-4">{right}</text>'
            )
        return parts

    def edge(self, i: int) -> str:
        edge = self.scene.edges[i]
        tip = "gradient" if edge.flow == "update" else edge.flow
        return (
            f'<g class="edge {edge.flow}">'
            f"<title>{clean(self.edge_tooltip(edge))}</title>"
            f'<path d="{self.layout.routes[i].path}" '
            f'marker-end="url(#{self.prefix}-{tip})"/></g>'
        )

    def edge_tooltip(self, edge: Edge) -> str:
        source = self.scene.items[edge.src].node
        target = self.scene.items[edge.dst].node
        places = [
            str(k) for k, arg in enumerate(target["args"]) if arg.get("uid") == edge.src
        ]
        size = "" if source["bytes"] is None else f", {size_text(source['bytes'])}"
        what = "saved for the gradient: " if edge.flow == "saved" else ""
        return (
            f"{what}{called(source)} → {called(target)} (operand {', '.join(places)})\n"
            f"{source['type']}{size}"
        )

    def node(self, item: Item) -> str:
        node, label = item.node, item.label
        box = self.layout.boxes[node["uid"]]
        classes = ["node", node["half"], node["kind"]]
        classes += ["result"] * (node["uid"] in self.results)
        if self.overlay is not None and node["uid"] in self.overlay.shade:
            classes.append(f"shade-{self.overlay.shade[node['uid']]}")
        radius = box.height / 2 if node["kind"] == "param" else 6
        rect = (
            f'<rect x="{number(box.left)}" y="{number(box.top)}" '
            f'width="{number(box.width)}" height="{number(box.height)}" '
            f'rx="{number(radius)}"/>'
        )
        return (
            f'<g class="{" ".join(classes)}" id="{self.prefix}-n{node["uid"]}">'
            f"<title>{clean(tooltip_of(node))}</title>{rect}"
            f"{''.join(lines_of(label, box))}{kernel_mark(node, box)}</g>"
        )


def called(node: Node) -> str:
    return node["name"] or f"%{node['uid']} {node['op']}"
