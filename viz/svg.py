"""The picture of a graph: one SVG document, the same bytes every time.

The functions that its ops run (bodies of loops, branches) stand beside it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence

from tapec.viz.bodies import bodies_of
from tapec.viz.folding import Folded, folded
from tapec.viz.graph import Graph, validate
from tapec.viz.layout import Layout, number
from tapec.viz.legend import drawn, entries_of, width_of
from tapec.viz.mirror import mirror
from tapec.viz.picture import Picture
from tapec.viz.scene import Scene, scene_of
from tapec.viz.shapes import clean
from tapec.viz.theme import style

__all__ = ["render"]

MOST_FOR_GRAPHVIZ, MOST_UNFOLDED = 1000, 100
FOOT, GAP = 44.0, 24.0
TIPS = ("forward", "gradient", "saved")


def render(
    graph: Graph,
    engine: str = "auto",
    *,
    overlay: str | None = None,
    fold: bool | None = None,
    cluster: str = "scope",
    timeout: float = 5.0,
    prefix: str = "",
) -> str:
    """The SVG text of a graph.

    engine: "auto" draws up to 1000 nodes with Graphviz and larger graphs with the own
        layouter, as it does when Graphviz fails; "graphviz", "dot" (the program on the
        PATH) and "mirror" insist.
    overlay: facts to shade the values by, see `viz.overlay`.
    fold: draws one of the equal blocks that follow each other, see `viz.folding`; by
        default in graphs of more than 100 values.
    cluster: what frames are around: values of one "scope", "function" or "kernel".
    prefix: begins all ids; by default it is made from the graph.
    """
    prefix = prefix or prefix_of(validate(graph))
    marks, bodies = bodies_of(graph)
    shown, times = maybe_folded(graph, fold)
    marks = {uid: f"×{count}" for uid, count in times.items()} | marks
    scene = scene_of(shown, overlay)
    layout, note = laid_out(scene, engine, timeout)
    pictures = [Picture(scene, layout, graph["name"], prefix, prefix, marks, cluster)]
    for body in bodies:
        inner = scene_of(body.graph)
        layout, more = laid_out(inner, engine, timeout)
        note = note or more
        title, ids = f"{body.letter}: {body.title}", f"{prefix}-{body.letter}"
        pictures.append(Picture(inner, layout, title, ids, prefix, body.marks, cluster))
    return Sheet(pictures, prefix, note).text()


def maybe_folded(graph: Graph, fold: bool | None) -> Folded:
    """The graph to draw, and how many equal blocks a value stands for."""
    if fold or (fold is None and len(graph["nodes"]) > MOST_UNFOLDED):
        return folded(graph)
    return Folded(graph, {})


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


class Sheet:
    """The document: the first picture at the left, the others in columns beside it."""

    def __init__(self, pictures: Sequence[Picture], prefix: str, note: str) -> None:
        self.pictures = pictures
        self.prefix = prefix
        self.note = note
        scenes = [picture.scene for picture in pictures]
        marks = [mark for picture in pictures for mark in picture.marks.values()]
        self.legend = entries_of(scenes, any("×" in mark for mark in marks))
        width, height = self.arrange()
        self.width = max(width, width_of(self.legend))
        self.height = height + FOOT

    def arrange(self) -> tuple[float, float]:
        """Give each picture its place; the size of all."""
        first, *others = self.pictures
        tallest = max([first.height, *(other.height for other in others)])
        x, y, column = first.width + GAP, 0.0, 0.0
        for other in others:
            if y > 0.0 and y + other.height > tallest:
                x, y, column = x + column + GAP, 0.0, 0.0
            other.x, other.y = x, y
            y += other.height
            column = max(column, other.width)
        return x + column if others else first.width, tallest

    def text(self) -> str:
        w, h = number(self.width), number(self.height)
        p = self.prefix
        first, *others = self.pictures
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{p}" class="tapec-graph" '
            f'width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
            f'aria-labelledby="{p}-title {p}-desc" '
            'style="max-width:100%;height:auto">',
            f'<title id="{p}-title">{clean(first.title)}</title>',
            f'<desc id="{p}-desc">{clean(self.description())}</desc>',
            f"<style>{style(p)}</style>",
            self.markers(),
            f'<rect class="ground" width="{w}" height="{h}" stroke="none"/>',
            *first.drawn(),
            *map(self.separated, others),
            *drawn(self.legend, self.height - 22.0),
            "</svg>\n",
        ]
        if self.note:
            parts.insert(0, f"<!-- {clean(self.note).replace('--', '- -')} -->")
        return "\n".join(filter(None, parts))

    def separated(self, picture: Picture) -> str:
        """A picture with a line at its left."""
        x, top = number(picture.x), number(picture.y + 16)
        bottom = number(picture.y + picture.height)
        line = f'<path class="axis" d="M{x} {top}V{bottom}"/>'
        return "\n".join([line, *picture.drawn()])

    def description(self) -> str:
        """The pictures in words."""
        first, *others = self.pictures
        beside = [f"Beside it {picture.title}." for picture in others]
        return " ".join([first.description(), *beside])

    def markers(self) -> str:
        tips = "".join(
            f'<marker id="{self.prefix}-{tip}" viewBox="0 0 8 8" refX="7.5" refY="4" '
            'markerWidth="7.5" markerHeight="7.5" markerUnits="userSpaceOnUse" '
            f'orient="auto"><path class="tip-{tip}" d="M0 .6L8 4L0 7.4Z"/></marker>'
            for tip in TIPS
        )
        return f"<defs>{tips}</defs>"
