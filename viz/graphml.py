"""The graph as GraphML."""

from __future__ import annotations

import json
from typing import Any

import networkx as nx

from tapec.viz.graph import Graph
from tapec.viz.networkx import to_networkx

__all__ = ["to_graphml"]


def to_graphml(graph: Graph) -> str:
    """Nodes and edges with their facts; what is no number or text is JSON."""
    whole = to_networkx(graph)
    flat = nx.DiGraph(name=clean(graph["name"]))
    for uid, facts in whole.nodes(data=True):
        flat.add_node(
            uid, **{key: plain(v) for key, v in facts.items() if v is not None}
        )
    for src, dst, facts in whole.edges(data=True):
        flat.add_edge(
            src, dst, **{k: plain(v) for k, v in facts.items() if v is not None}
        )
    return "\n".join(nx.generate_graphml(flat)) + "\n"


def plain_facts(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(value) for key, value in facts.items() if value is not None}


def plain(value: object) -> str | int | float | bool:
    if isinstance(value, (bool, int, float)):
        return value
    return clean(value if isinstance(value, str) else json.dumps(value))


def clean(text: str) -> str:
    """Without what XML cannot hold."""
    text = text.encode(errors="replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
