"""The graph as a Mermaid flowchart, which Markdown viewers draw."""

from __future__ import annotations

from tapec.viz.graph import Graph
from tapec.viz.label import Label
from tapec.viz.scene import Edge, Item, scene_of
from tapec.viz.theme import LIGHT

__all__ = ["to_mermaid"]

ARROWS = {"forward": "-->", "gradient": "-->", "update": "-->", "saved": "-.->"}
LOOKS = ("forward", "gradient", "param")


def to_mermaid(graph: Graph) -> str:
    """The text of a flowchart, kernels opened; scopes are subgraphs."""
    scene = scene_of(graph)
    lines = ["flowchart TD"]
    scopes: dict[str, list[Item]] = {}
    for item in scene.items.values():
        scopes.setdefault(item.node["scope"], []).append(item)
    for number, (scope, items) in enumerate(scopes.items()):
        if scope:
            lines.append(f'  subgraph s{number}["{quoted(scope)}"]')
        lines += [f"  {'  ' * bool(scope)}{box(item)}" for item in items]
        lines += ["  end"] * bool(scope)
    lines += [f"  {line(edge)}" for edge in scene.edges]
    lines += [
        f"  classDef {name} fill:{LIGHT[f'{name}-fill']},stroke:{LIGHT[name]},"
        f"color:{LIGHT['text']}"
        for name in LOOKS
    ]
    return "\n".join(lines) + "\n"


def box(item: Item) -> str:
    node = item.node
    param = node["kind"] == "param"
    left, right = ("([", "])") if param else ("[", "]")
    look = "param" if param else node["half"]
    return f'n{node["uid"]}{left}"{words(item.label)}"{right}:::{look}'


def words(label: Label) -> str:
    named = f"{label.name} = {label.title}" if label.name else label.title
    first = " ".join(filter(None, (named, label.detail)))
    lines = filter(None, (label.tag, first, label.more, label.type))
    return "<br/>".join(map(quoted, lines))


def quoted(text: str) -> str:
    """Text inside quotes: entities for what Mermaid or HTML would read as its own."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return "".join(f"#{ord(c)};" if c in '"#&<>;`\\*_[]{}|' else c for c in text)


def line(edge: Edge) -> str:
    return f"n{edge.src} {ARROWS[edge.flow]} n{edge.dst}"
