"""`tapec-graph/1`: the one form that every picture is made from.

A graph is plain JSON: nodes in schedule order, operands by uid, constants of one number
as literals inside the ops that read them. Nothing here needs the arrays or the tracer,
so a saved file can be drawn, searched and compared on another machine.
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict, cast

import numpy as np

from tapec.ir import DTYPE_NAMES, ArrayType, Constant, Function, Location, Type, Value

__all__ = [
    "SCHEMA",
    "Arg",
    "Graph",
    "Memo",
    "Node",
    "Place",
    "from_function",
    "validate",
]

SCHEMA = "tapec-graph/1"
LONGEST = 400
"""Texts of attributes and source lines are cut after this many characters."""


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
    origin: in a kernel, the uid that the value had in the whole function.
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
    origin: NotRequired[int]
    measures: NotRequired[dict[str, float]]


class Graph(TypedDict):
    """A function. `result_names` are what a reader calls the results, if known."""

    schema: str
    name: str
    nodes: list[Node]
    results: list[int]
    result_names: NotRequired[list[str]]


class Memo:
    """What the graphs of one program's stages share: a value that stays is one node."""

    def __init__(self) -> None:
        self.nodes: dict[Value, Node] = {}
        self.bodies: dict[Function, Graph] = {}
        self.places: dict[tuple[Any, int], Place] = {}


def from_function(
    fn: Function,
    result_names: Sequence[str] | None = None,
    *,
    placed: Mapping[int, Mapping[int, int]] | None = None,
    memo: Memo | None = None,
) -> Graph:
    """The graph of a function, kernels and loop bodies inside.

    placed: for the uid of a kernel, the uid that op number n (from 1) of its body had.
    memo: the same for the functions of one program.
    """
    memo = memo or Memo()
    kernels = (f"k{i}" for i in itertools.count())
    literals = {
        op: literal_text(op) for op in fn.ops if is_literal(op) and op not in fn.results
    }
    nodes = []
    for value in (*fn.params, *fn.ops):
        if value in literals:
            continue
        node = memo.nodes.get(value)
        if node is None:
            node = memo.nodes[value] = node_of(value, literals, memo.places)
        bodies = {
            key: body_graph(attr, (placed or {}).get(value.uid), memo)
            for key, attr in value.attrs
            if isinstance(attr, Function)
        }
        if bodies:
            node = node.copy()
            node["bodies"] = bodies
        if node["op"] == "fused":
            node["kernel"] = next(kernels)
        nodes.append(node)
    graph = Graph(
        schema=SCHEMA, name=fn.name, nodes=nodes, results=[r.uid for r in fn.results]
    )
    if result_names is not None:
        graph["result_names"] = list(result_names)
    return graph


def body_graph(fn: Function, origins: Mapping[int, int] | None, memo: Memo) -> Graph:
    if fn not in memo.bodies:
        memo.bodies[fn] = from_function(fn, memo=memo)
    graph = memo.bodies[fn]
    if origins is None:
        return graph
    origin = {fn.ops[line - 1].uid: uid for line, uid in origins.items()}
    own = graph.copy()
    own["nodes"] = [
        cast(Node, {**node, "origin": origin[node["uid"]]})
        if node["uid"] in origin
        else node
        for node in graph["nodes"]
    ]
    return own


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


# --- values -----------------------------------------------------------------


def node_of(
    value: Value,
    literals: dict[Value, str],
    places: dict[tuple[Any, int], Place],
) -> Node:
    """One value without its bodies."""
    meta = value.meta
    dtype, shape, size = type_fields(value.type)
    return Node(
        uid=value.uid,
        op="" if value.prim is None else value.prim.name,
        name=value.name,
        kind=kind_of(value),
        type=repr(value.type),
        dtype=dtype,
        shape=shape,
        bytes=size,
        args=[
            Arg(literal=literals[a]) if a in literals else Arg(uid=a.uid)
            for a in value.args
        ],
        attrs={key: attr_text(attr) for key, attr in value.attrs},
        primal=meta.primal,
        half="forward" if meta.primal is None else "gradient",
        scope=meta.scope,
        loc=place_of(meta.loc, places),
        kernel=None,
    )


def kind_of(value: Value) -> Literal["param", "op", "const", "effect"]:
    if value.prim is None:
        return "param"
    if value.prim.effect:
        return "effect"
    return "const" if value.prim.name == "const" else "op"


def type_fields(type_: Type) -> tuple[str, list[int | str], int | None]:
    """Dtype, shape, bytes."""
    if not isinstance(type_, ArrayType):
        sizes = [type_fields(t)[2] for t in type_.items]
        return "tuple", [], None if None in sizes else sum(s or 0 for s in sizes)
    dtype = repr(type_).split("[")[0]
    shape = [d if isinstance(d, int) else str(d) for d in type_.shape]
    static = all(isinstance(d, int) for d in shape)
    return dtype, shape, type_.nbytes if static else None


def is_literal(op: Value) -> bool:
    """Whether `op` is one number, to be drawn inside its users."""
    if op.prim.name != "const":
        return False
    array = payload(op)
    return array is not None and array.size == 1


def payload(op: Value) -> Any:
    """The number or array of a `const` op."""
    for _, attr in op.attrs:
        if isinstance(attr, Constant):
            return attr.array
        if isinstance(attr, (bool, int, float, complex, np.generic, np.ndarray)):
            return np.asarray(attr)
    return None


def literal_text(op: Value) -> str:
    array = payload(op)
    return f"{'[' * array.ndim}{array.item()!r}{']' * array.ndim}"


def attr_text(attr: Any) -> str:
    """A short, deterministic text of an attribute."""
    if isinstance(attr, Function):
        return f"@{attr.name}"
    if isinstance(attr, Constant):
        attr = attr.array
    if isinstance(attr, np.ndarray):
        body = np.array2string(attr, separator=", ", threshold=8, edgeitems=3)
        return cut(" ".join(body.split()))
    if isinstance(attr, np.dtype):
        return str(DTYPE_NAMES.get(attr, attr))
    if isinstance(attr, slice):
        ends = (attr.start, attr.stop, attr.step)
        start, stop, step = ("" if e is None else str(e) for e in ends)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if type(attr) is tuple:
        items = [attr_text(item) for item in attr[:16]] + ["..."] * (len(attr) > 16)
        return cut(f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})")
    return cut(repr(attr) if not isinstance(attr, str) else attr)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def place_of(
    loc: Location | None, places: dict[tuple[Any, int], Place]
) -> Place | None:
    if loc is None or not loc.frames:
        return None
    frame = loc.frames[0]
    if frame not in places:
        line, end_line, col, end_col = loc.span
        text = linecache.getline(loc.filename, line) if line else ""
        places[frame] = Place(
            file=loc.filename,
            line=line,
            end_line=end_line,
            col=col,
            end_col=end_col,
            function=loc.function,
            text=cut(text.rstrip("\r\n")),
        )
    return places[frame]
