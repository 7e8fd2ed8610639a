"""Phase, level and label of every value: one arrangement for all stages."""

from __future__ import annotations

from typing import Any, cast

from tapec.viz.explorer.union import Union
from tapec.viz.explorer.values import Function, Value
from tapec.viz.graph import SCHEMA, Arg, Graph, Node
from tapec.viz.label import label_of
from tapec.viz.scene import Item, result_tags, scene_of

__all__ = ["arranged"]


def arranged(union: Union, number: int) -> dict[int, Item]:
    """The values of a function, with what a layouter must know of each."""
    function = union.functions[number]
    graph = union_graph(union, function, number)
    tags = result_tags(graph)
    labels = {}
    for node in graph["nodes"]:
        value = node["uid"]
        shown = cast(Node, {**node, "args": last_operands(union.values[value])})
        labels[value] = label_of(shown, tags.get(value, ""))
    return scene_of(graph, labels=labels).items


def union_graph(union: Union, function: Function, number: int) -> Graph:
    """A graph with every edge of every stage, as far as they agree on an order."""
    own = numbers(union, function)
    program = own if number == 0 else numbers(union, union.functions[0])
    nodes: list[Node] = []
    known: set[int] = set()
    for each in function.order:
        value = union.values[each]
        node: Any = value.node.copy()
        node.pop("bodies", None)
        primal = node["primal"]
        if primal is not None:
            primal = own.get(primal, program.get(primal))
        node.update(uid=each, args=operands(value, known), primal=primal)
        nodes.append(node)
        known.add(each)
    results, names = results_of(union, function, number)
    return Graph(
        schema=SCHEMA,
        name=function.name,
        nodes=nodes,
        results=results,
        result_names=names,
    )


def numbers(union: Union, function: Function) -> dict[int, int]:
    """The value that has a uid; the first one, where several have it in turn."""
    found: dict[int, int] = {}
    for each in function.order:
        uid = union.values[each].uid
        if uid is not None:
            found.setdefault(uid, each)
    return found


def operands(value: Value, known: set[int]) -> list[Arg]:
    refs = [ref for _, refs in value.operands for ref in refs]
    ints = (ref for ref in refs if isinstance(ref, int) and ref in known)
    return [Arg(uid=ref) for ref in dict.fromkeys(ints)]


def last_operands(value: Value) -> list[Arg]:
    """The operands in the last stage, constants among them."""
    return [
        Arg(uid=ref) if isinstance(ref, int) else Arg(literal=ref)
        for ref in value.operands[-1][1]
    ]


def results_of(
    union: Union, function: Function, number: int
) -> tuple[list[int], list[str]]:
    """What is a result in some stage, and what it is called."""
    frames = union.frames if number == 0 else [function.frame]
    names: dict[int, str] = {}
    for frame in frames:
        many = len(frame.results) > 1
        for place, each in enumerate(frame.results):
            names.setdefault(each, f"result {place}" if many else "result")
    return list(names), list(names.values())
