"""From a function to `tapec-graph/1` (`tapec.viz.schema`)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from tapec.ir import Function
from tapec.viz.nodes import Memo, is_literal, literal_text, node_of
from tapec.viz.schema import SCHEMA, Arg, Graph, Node, Place, validate

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
            node = memo.nodes[value] = node_of(value, literals, memo)
        inside = {k: attr for k, attr in value.attrs if isinstance(attr, Function)}
        if inside:
            node = node.copy()
            node["bodies"] = {k: body_graph(fn, memo) for k, fn in inside.items()}
        if placed and value.uid in placed and "body" in inside:
            ops = inside["body"].ops
            lines = placed[value.uid].items()
            node["origins"] = [[ops[line - 1].uid, uid] for line, uid in lines]
        if node["op"] == "fused":
            node["kernel"] = next(kernels)
        nodes.append(node)
    graph = Graph(
        schema=SCHEMA, name=fn.name, nodes=nodes, results=[r.uid for r in fn.results]
    )
    if result_names is not None:
        graph["result_names"] = list(result_names)
    return graph


def body_graph(fn: Function, memo: Memo) -> Graph:
    if fn not in memo.bodies:
        memo.bodies[fn] = from_function(fn, memo=memo)
    return memo.bodies[fn]  # type: ignore[no-any-return]
