"""The functions inside a graph that are drawn beside it: of loops, branches, and such.

Each different one is drawn once, under a letter that the ops which run it carry.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from string import ascii_uppercase
from typing import NamedTuple

from tapec.viz.graph import Graph, Node
from tapec.viz.kernels import opened

__all__ = ["Body", "bodies_of"]

MOST = 16
"""Functions that are drawn; a picture with more is read in the explorer."""


class Body(NamedTuple):
    """letter: its mark. marks: of the ops inside that run functions themselves."""

    letter: str
    title: str
    graph: Graph
    marks: dict[int, str]


def bodies_of(graph: Graph) -> tuple[dict[int, str], list[Body]]:
    """The marks of the ops of `graph` by uid, and the functions inside, outer first."""
    letters: dict[str, str] = {}
    names = iter(ascii_uppercase[:MOST])
    waiting: deque[tuple[str, str, Graph]] = deque()

    def marks_of(inside: Graph) -> dict[int, str]:
        marks: dict[int, list[str]] = {}
        for node in opened(inside)["nodes"]:
            for key, body in node.get("bodies", {}).items():
                text = json.dumps(body, sort_keys=True)
                if text not in letters:
                    letter = next(names, "")
                    if not letter:
                        continue
                    letters[text] = letter
                    waiting.append((letter, title_of(node, key), named(node, body)))
                marks.setdefault(node["uid"], []).append(letters[text])
        return {uid: " ".join(dict.fromkeys(found)) for uid, found in marks.items()}

    outer = marks_of(graph)
    bodies = []
    while waiting:
        letter, title, body = waiting.popleft()
        bodies.append(Body(letter, title, body, marks_of(body)))
    return outer, bodies


def title_of(node: Node, key: str) -> str:
    """What the function is to its op."""
    length = node["attrs"].get("length")
    rounds = f", {length} rounds" if length else ""
    return f"{key} of {node['op']}{rounds}"


def named(node: Node, body: Graph) -> Graph:
    """The body of a scan with its parameters and results called what they are."""
    attrs = node["attrs"]
    if node["op"] != "scan" or not {"carries", "invariants"} <= set(attrs):
        return body
    carries, invariants = int(attrs["carries"]), int(attrs["invariants"])
    roles = [f"carry {i}" for i in range(carries)]
    roles += [f"invariant {i}" for i in range(invariants)]
    names = itertools.chain(roles, (f"input {i}" for i in itertools.count()))
    copy = body.copy()
    copy["nodes"] = [
        {**n, "name": next(names)} if n["kind"] == "param" else n for n in body["nodes"]
    ]
    outs = (f"output {i}" for i in itertools.count())
    after = (f"carry {i}" for i in range(carries))
    count = len(body["results"])
    copy["result_names"] = [*itertools.islice(itertools.chain(after, outs), count)]
    return copy
