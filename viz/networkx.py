"""The graph as a `networkx.DiGraph`, for whatever else one wants to ask of it."""

from __future__ import annotations

from typing import Any

import networkx as nx

from tapec.viz.graph import SCHEMA, Graph, Node, validate

__all__ = ["from_networkx", "to_networkx"]


def to_networkx(graph: Graph) -> nx.DiGraph:
    """Nodes are uids with the fields of the graph; edges run from operand to user.

    Edges carry `operands` (the places in the user's argument list), `dtype`, `shape`,
    `bytes`, and `saved`: whether the gradient reads a forward value.
    """
    validate(graph)
    made = nx.DiGraph(**{key: value for key, value in graph.items() if key != "nodes"})
    for node in graph["nodes"]:
        made.add_node(node["uid"], **node)
        for k, arg in enumerate(node["args"]):
            if "uid" in arg:
                connect(made, arg["uid"], node, k)
    return made


def connect(made: nx.DiGraph, source: int, node: Node, place: int) -> None:
    if made.has_edge(source, node["uid"]):
        made.edges[source, node["uid"]]["operands"].append(place)
        return
    value = made.nodes[source]
    facts: dict[str, Any] = {key: value[key] for key in ("dtype", "shape", "bytes")}
    saved = value["half"] == "forward" and node["half"] == "gradient"
    made.add_edge(source, node["uid"], operands=[place], saved=saved, **facts)


def from_networkx(made: nx.DiGraph) -> Graph:
    """The graph that `to_networkx` was given."""
    fields = {"schema": SCHEMA, **made.graph}
    fields["nodes"] = [dict(data) for _, data in made.nodes(data=True)]
    return validate(fields)
