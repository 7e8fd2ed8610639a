"""`tapec-graph/1`: the one form that every picture is made from.

A graph is plain JSON: nodes in schedule order, operands by uid, constants of one number
as literals inside the ops that read them. Nothing here needs the arrays or the tracer,
so a saved file can be drawn, searched and compared on another machine.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, cast

__all__ = ["SCHEMA", "Arg", "Graph", "Node", "Place", "validate"]

SCHEMA = "tapec-graph/1"


class Arg(TypedDict, total=False):
    """An operand: the uid of a node, or the text of a constant of one number."""

    uid: int
    literal: str


class Place(TypedDict):
    """Where the user's code made an op; columns in bytes of the line `text`."""

    file: str
    line: int | None
    end_line: int | None
    col: int | None
    end_col: int | None
    function: str
    text: str


class Node(TypedDict):
    """One value. `bytes` is null when the shape is symbolic.

    type: dtype and shape as the IR prints them; also says what a tuple holds.
    kernel: the fused kernel that computes it, if any.
    bodies: functions in the attributes (kernels, loops, branches) by attribute name.
    origins: of a kernel, pairs of a uid in its body and the one that the value had in
        the whole function.
    measures: what was found out by running it, if anything: `seconds` of its kernel,
        `min`, `max`, `nan`, `inf` of its numbers (the last two are counts).
    """

    uid: int
    op: str
    name: str
    kind: Literal["param", "op", "const", "effect"]
    type: str
    dtype: str
    shape: list[int | str]
    bytes: int | None
    args: list[Arg]
    attrs: dict[str, str]
    primal: int | None
    half: Literal["forward", "gradient"]
    scope: str
    loc: Place | None
    kernel: str | None
    bodies: NotRequired[dict[str, Graph]]
    origins: NotRequired[list[list[int]]]
    measures: NotRequired[dict[str, float]]


class Graph(TypedDict):
    """A function. `result_names` are what a reader calls the results, if known."""

    schema: str
    name: str
    nodes: list[Node]
    results: list[int]
    result_names: NotRequired[list[str]]


def validate(graph: Any) -> Graph:
    """`graph` if it is a graph that this version reads; a ValueError otherwise."""
    schema = graph.get("schema") if isinstance(graph, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"not a {SCHEMA} graph: its schema is {schema!r}")
    known: set[int] = set()
    for node in graph["nodes"]:
        if node["uid"] in known:
            raise ValueError(f"two nodes have the uid {node['uid']}")
        for arg in node["args"]:
            if "uid" in arg and arg["uid"] not in known:
                raise ValueError(
                    f"node {node['uid']} reads {arg['uid']}, which does not precede it"
                )
        known.add(node["uid"])
    for uid in graph["results"]:
        if uid not in known:
            raise ValueError(f"result {uid} is not a node")
    return cast(Graph, graph)
