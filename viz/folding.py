"""Repeated blocks, folded: twelve equal layers are drawn as one that says ×12.

A block repeats when the same operations follow each other with operands of the same
kind: values of the block itself, of the block before, of no block, or parameters. Of
forward blocks the first stays, of gradient blocks the last, which belongs to it. Who
read a value of a hidden block reads that of the visible one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tapec.viz.graph import Arg, Graph, Node
from tapec.viz.kernels import opened
from tapec.viz.scene import result_tags

__all__ = ["Folded", "folded"]

LEAST = 3
"""Blocks that are worth folding."""
LONGEST = 256
"""Operations of a block, at most."""
WIDEST = 8
"""Operands of an op that may be in a block."""

Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Run(NamedTuple):
    """`times` blocks of `period` ops from `begin` on; that at position `kept` stays."""

    begin: int
    period: int
    times: int
    kept: int

    @property
    def end(self) -> int:
        return self.begin + self.period * self.times


class Folded(NamedTuple):
    """times: for the values of visible blocks, how many equal ones there are."""

    graph: Graph
    times: dict[int, int]


def folded(graph: Graph) -> Folded:
    """The graph, its kernels opened, with one block for each row of equal ones."""
    graph = opened(graph)
    ops = [node for node in graph["nodes"] if node["kind"] != "param"]
    runs = chosen(Table(graph, ops), ops) if len(ops) >= 2 * LEAST else []
    if not runs:
        return Folded(graph, {})
    return Folding(graph, ops, runs).result()


class Table:
    """The ops in columns. token: what an op is. args: positions of its operands, -1
    for parameters, -2 for none. source: their tokens. outside: whether the operand
    may lie anywhere: a forward value that the gradient reads, a parameter's copy.
    """

    def __init__(self, graph: Graph, ops: list[Node]) -> None:
        place = {node["uid"]: i for i, node in enumerate(ops)}
        tokens: dict[object, int] = {}
        results = set(graph["results"])
        self.token: Ints = np.empty(len(ops), np.int64)
        self.args: Ints = np.full((len(ops), WIDEST), -2, np.int64)
        for i, node in enumerate(ops):
            key: object = token_of(node), node["uid"] in results
            if len(node["args"]) > WIDEST:
                key = i  # unlike any other
            self.token[i] = tokens.setdefault(key, len(tokens))
            for k, arg in enumerate(node["args"][:WIDEST]):
                if "uid" in arg:
                    self.args[i, k] = place.get(arg["uid"], -1)
        gradient = np.array([node["half"] == "gradient" for node in ops], bool)
        there, at = self.args >= 0, np.maximum(self.args, 0)
        first = (self.args[:, 0] == -1) & (self.args[:, 1] == -2)  # of one parameter
        saved = gradient[:, None] & ~gradient[at]
        self.source = np.where(there, self.token[at], self.args)
        self.outside = there & (saved | first[at])

    def runs(self, period: int) -> list[tuple[int, int]]:
        """Stretches, from and to, of ops that are like those `period` before."""
        old, new = self.args[:-period], self.args[period:]
        alike = (new == old) | ((new - old == period) & (old >= 0))
        kind = (self.source[:-period] == self.source[period:]) & self.outside[period:]
        same = self.token[:-period] == self.token[period:]
        same &= np.all(alike | kind, axis=1)
        edges = np.flatnonzero(np.diff(same.astype(np.int8), prepend=0, append=0))
        return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def token_of(node: Node) -> tuple[object, ...]:
    literals = tuple(arg.get("literal") for arg in node["args"])
    attrs = tuple(sorted(node["attrs"].items()))
    if node["op"] == "slice":  # its type says how much, and blocks differ in where
        attrs = ()
    return node["op"], node["type"], node["half"], attrs, literals


def chosen(table: Table, ops: list[Node]) -> list[Run]:
    """Rows of blocks that do not overlap, those that hide most first."""
    found = []
    for period in range(1, min(LONGEST, len(ops) // LEAST) + 1):
        for begin, end in table.runs(period):
            times = (end - begin) // period + 1
            if times >= LEAST and period * times >= 2 * LEAST:
                found.append(placed(ops, begin, end + period, period, times))
    found.sort(key=lambda run: (-run.period * (run.times - 1), run.period))
    taken = np.zeros(len(ops), bool)
    runs = []
    for run in found:
        if not taken[run.begin : run.end].any():
            taken[run.begin : run.end] = True
            runs.append(run)
    return runs


def placed(ops: list[Node], begin: int, end: int, period: int, times: int) -> Run:
    """The blocks within a stretch that is not a multiple of the period."""
    if ops[begin]["half"] == "forward":
        return Run(begin, period, times, begin)
    return Run(end - period * times, period, times, end - period)


def read(nodes: list[Node]) -> set[int]:
    """Uids of the values that some node reads."""
    return {arg["uid"] for node in nodes for arg in node["args"] if "uid" in arg}


def some(names: list[str]) -> str:
    """The first and the last of many."""
    names = list(dict.fromkeys(names))
    return ", ".join(names) if len(names) < LEAST else f"{names[0]} … {names[-1]}"


class Folding:
    """One run of `folded`: `seen` is the visible value that stands for a hidden one."""

    def __init__(self, graph: Graph, ops: list[Node], runs: list[Run]) -> None:
        self.graph = graph
        self.ops = ops
        self.runs = runs
        self.place = {node["uid"]: i for i, node in enumerate(ops)}
        self.seen: dict[int, int] = {}
        self.run_of: dict[int, Run] = {}
        for run in runs:
            for i in range(run.begin, run.end):
                kept = run.kept + (i - run.begin) % run.period
                self.run_of[i] = run
                if i != kept:
                    self.seen[ops[i]["uid"]] = ops[kept]["uid"]

    def result(self) -> Folded:
        every = self.graph["nodes"]
        nodes = [self.moved(node) for node in every if node["uid"] not in self.seen]
        idle = read(every) - read(nodes)
        graph = self.graph.copy()
        graph["nodes"] = [
            node for node in nodes if node["kind"] != "param" or node["uid"] not in idle
        ]
        tags = result_tags(self.graph)
        shown: dict[int, list[str]] = {}
        for uid in self.graph["results"]:
            shown.setdefault(self.seen.get(uid, uid), []).append(tags[uid])
        graph["results"] = list(shown)
        graph["result_names"] = list(map(some, shown.values()))
        times = {
            self.ops[i]["uid"]: run.times
            for run in self.runs
            for i in range(run.kept, run.kept + run.period)
        }
        return Folded(graph, times)

    def moved(self, node: Node) -> Node:
        """A visible node that reads visible values only."""
        copy = node.copy()
        copy["args"] = list(self.args(node))
        if node["primal"] is not None:
            copy["primal"] = self.seen.get(node["primal"], node["primal"])
        return copy

    def args(self, node: Node) -> Iterable[Arg]:
        """What comes from the block before comes from what the first block read."""
        here = self.place.get(node["uid"], -1)
        run = self.run_of.get(here)
        for arg in node["args"]:
            if "uid" not in arg:
                yield arg
                continue
            source = self.place.get(arg["uid"], -1)
            carried = run is not None and run.begin <= source < run.kept
            if carried and run is not None:
                source -= run.kept - run.begin
                if source < 0:
                    continue
                arg = Arg(uid=self.ops[source]["uid"])
            uid = self.seen.get(arg["uid"], arg["uid"])
            if self.place.get(uid, -1) < here or here < 0:
                yield Arg(uid=uid)
