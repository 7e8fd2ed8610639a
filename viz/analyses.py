"""Questions to the graph as a graph: paths, dominators, what depends on what.

`graph` is a `networkx.DiGraph` as `to_networkx` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx

__all__ = ["critical_path", "dominators", "downstream", "upstream"]

Weight = Callable[[dict[str, Any]], float]


def critical_path(graph: nx.DiGraph, weight: Weight = lambda node: 1.0) -> list[int]:
    """The values that no schedule can compute at the same time: the longest chain.

    weight: what the fields of a node cost; by default each op counts as one.
    """
    best: dict[int, tuple[float, int | None]] = {}
    for uid in nx.topological_sort(graph):
        fields = graph.nodes[uid]
        own = weight(fields) if fields["kind"] != "param" else 0.0
        before = [(best[p][0], p) for p in graph.predecessors(uid)]
        longest, via = max(before, default=(0.0, None))
        best[uid] = (longest + own, via)
    if not best:
        return []
    at: int | None = max(best, key=lambda uid: best[uid][0])
    path = []
    while at is not None:
        path.append(at)
        at = best[at][1]
    return path[::-1]


def dominators(graph: nx.DiGraph, uid: int) -> list[int]:
    """The values that every path from the parameters to `uid` goes through, in order.

    Where one of these is wrong, everything after it is; where they are right, the
    fault lies between the last of them and `uid`.
    """
    sources = [n for n in graph if graph.in_degree(n) == 0]
    rooted = nx.DiGraph(graph.edges)
    rooted.add_edges_from(("root", source) for source in sources)
    immediate = nx.immediate_dominators(rooted, "root")
    found: list[int] = []
    at: Any = uid
    while at != "root":
        found.append(at)
        at = immediate[at]
    return found[::-1]


def upstream(graph: nx.DiGraph, uid: int) -> set[int]:
    """What `uid` was computed from, itself included."""
    return {uid, *nx.ancestors(graph, uid)}


def downstream(graph: nx.DiGraph, uid: int) -> set[int]:
    """What is computed from `uid`, itself included."""
    return {uid, *nx.descendants(graph, uid)}
