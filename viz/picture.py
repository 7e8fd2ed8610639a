"""One drawing as SVG: its title, boxes and lines, without the document around it."""

from __future__ import annotations

from collections.abc import Mapping

from tapec.viz.frames import frames_of
from tapec.viz.graph import Node
from tapec.viz.label import short, size_text, tooltip_of
from tapec.viz.layout import Box, Layout, number
from tapec.viz.scene import Edge, Item, Scene
from tapec.viz.shapes import clean, frame, lines_of, mark

__all__ = ["Picture"]

HEAD, SIDES = 56.0, 18.0


class Picture:
    """One drawing. The scene says what, the layout where, the theme how.

    title: above it. ids: begins the ids of its nodes, markers: those of the arrow tips.
    marks: beside the boxes, by uid. cluster: what frames are around. The place `x`, `y`
    is for the sheet to choose.
    """

    x = y = 0.0

    def __init__(
        self, scene: Scene, layout: Layout, title: str, ids: str, markers: str,
        marks: Mapping[int, str], cluster: str,
    ) -> None:  # fmt: skip
        self.scene = scene
        self.layout = layout
        self.title = title
        self.ids = ids
        self.markers = markers
        self.marks = marks
        self.cluster = cluster
        self.results = set(scene.graph["results"])
        self.overlay = scene.overlay
        title_width = 48.0 + 10.0 * len(title)
        about_width = 48.0 + 7.0 * len(self.about())
        self.width = max(layout.width, title_width, about_width)
        self.head = HEAD + SIDES * bool(layout.axes)
        self.height = layout.height + self.head

    def drawn(self) -> list[str]:
        """Title, frames, lines and boxes."""
        shift = (self.width - self.layout.width) / 2
        return [
            *self.header(),
            f'<g transform="translate({number(self.x + shift)} '
            f'{number(self.y + self.head)})">',
            *map(frame, frames_of(self.scene, self.layout, self.cluster)),
            *self.axes(),
            *map(self.edge, range(len(self.scene.edges))),
            *map(self.node, self.scene.items.values()),
            "</g>",
        ]

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
        x = number(self.x + 24)
        return [
            f'<text class="name" x="{x}" y="{number(self.y + 32)}">'
            f"{clean(short(self.title, 80))}</text>",
            f'<text class="about" x="{x}" y="{number(self.y + 50)}">{self.about()}'
            "</text>",
        ]

    # --- shapes -------------------------------------------------------------

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
            f'marker-end="url(#{self.markers}-{tip})"/></g>'
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

    def mark(self, node: Node, box: Box) -> str:
        """The name of the kernel, or of the functions that the op runs."""
        letters = self.marks.get(node["uid"])
        if letters:
            return mark("letter", letters, box)
        return mark("kernel", node["kernel"] or "", box)

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
            f'<g class="{" ".join(classes)}" id="{self.ids}-n{node["uid"]}">'
            f"<title>{clean(tooltip_of(node))}</title>{rect}"
            f"{''.join(lines_of(label, box))}{self.mark(node, box)}</g>"
        )


def called(node: Node) -> str:
    return node["name"] or f"%{node['uid']} {node['op']}"
