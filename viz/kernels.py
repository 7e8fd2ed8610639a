"""Fused kernels laid open: their ops stand in the graph, marked with the kernel's name.

%7 = fused %1, %2 body=@k            %4 = mul %1, %2     kernel k0
%8 = item %7 index=0           ->    %5 = tanh %4        kernel k0
return %8                            return %5
"""

from __future__ import annotations

import itertools
import json
from collections import Counter

from tapec.viz.graph import Arg, Graph, Node

__all__ = ["opened"]


def opened(graph: Graph) -> Graph:
    """`graph` with the bodies of its `fused` ops in place of these."""
    if not any(body_of(node) for node in graph["nodes"]):
        return graph
    return Opening(graph).run()


def body_of(node: Node) -> Graph | None:
    """The body of a fused op whose operands fit it."""
    body = node.get("bodies", {}).get("body")
    if node["op"] != "fused" or body is None:
        return None
    params = sum(inner["kind"] == "param" for inner in body["nodes"])
    return body if params == len(node["args"]) else None


def is_local(body: Graph) -> bool:
    """Whether the body numbers its values 0, 1, 2, ... from its parameters on."""
    return body["nodes"][0]["uid"] == 0 and body["nodes"][0]["kind"] == "param"


class Opening:
    """One run of `opened`.

    The ops of a body keep their uids where these are numbers of the whole function, and
    get new ones where the body has its own numbering; primals always are numbers of the
    whole function. Where several kernels share one body, it tells the halves and places
    of the first only; the others take them from the kernel.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.place: dict[int, Arg] = {}
        self.items: dict[int, list[Arg]] = {}
        self.bodies: set[str] = set()
        nodes = graph["nodes"]
        bodies = [body for node in nodes if (body := body_of(node)) is not None]
        every = [*nodes, *itertools.chain.from_iterable(b["nodes"] for b in bodies)]
        uids = Counter(n["uid"] for n in every if n["kind"] != "param")
        self.keep = uids.most_common(1)[0][1] == 1 and not any(map(is_local, bodies))
        taken = [*uids, *(n["uid"] for n in every), *(n["primal"] or 0 for n in every)]
        self.fresh = itertools.count(1 + max(taken))

    def run(self) -> Graph:
        for node in self.graph["nodes"]:
            body = body_of(node)
            if body is not None:
                self.open(node, body)
            elif not self.forward_item(node):
                self.nodes.append(self.moved(node, self.place))
        results = [self.seen(Arg(uid=r), self.place) for r in self.graph["results"]]
        opened = self.graph.copy()
        opened["nodes"] = self.nodes
        opened["results"] = [r["uid"] for r in results if "uid" in r]
        return opened

    def open(self, node: Node, body: Graph) -> None:
        operands = iter(node["args"])
        inner: dict[int, Arg] = {}
        text = json.dumps(body, sort_keys=True)
        again = text in self.bodies
        self.bodies.add(text)
        for each in body["nodes"]:
            if each["kind"] == "param":
                inner[each["uid"]] = self.seen(next(operands), self.place)
                continue
            moved = self.moved(each, inner)
            moved["kernel"] = node["kernel"]
            if "measures" in node:
                moved["measures"] = node["measures"]
            if not self.keep:
                moved["uid"] = next(self.fresh)
            if again:
                moved["primal"], moved["half"] = node["primal"], node["half"]
                moved["scope"], moved["loc"] = node["scope"], node["loc"]
            inner[each["uid"]] = Arg(uid=moved["uid"])
            self.nodes.append(moved)
        results = [self.seen(Arg(uid=r), inner) for r in body["results"]]
        if node["dtype"] == "tuple":
            self.items[node["uid"]] = results
        else:
            self.place[node["uid"]] = results[0]

    def forward_item(self, node: Node) -> bool:
        """Whether `node` read a result of an opened kernel and is no longer needed."""
        found = self.items.get(node["args"][0].get("uid", -1)) if node["args"] else None
        if node["op"] != "item" or found is None:
            return False
        index = next((int(t) for t in node["attrs"].values() if t.isdigit()), 0)
        self.place[node["uid"]] = found[index]
        return True

    def moved(self, node: Node, place: dict[int, Arg]) -> Node:
        copy = node.copy()
        copy["args"] = [self.seen(arg, place) for arg in node["args"]]
        return copy

    def seen(self, arg: Arg, place: dict[int, Arg]) -> Arg:
        return place.get(arg["uid"], arg) if "uid" in arg else arg
