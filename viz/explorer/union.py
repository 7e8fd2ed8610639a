"""The values of all stages as one set: what stays is one value from stage to stage.

A uid names a value only as long as it lives: a later pass may give the number of a dead
value to a new one. Kernels are laid open, so an op that goes into a kernel is still the
value that it was; one that several kernels compute is one value in several kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tapec.viz.explorer.reader import Reader
from tapec.viz.explorer.values import Frame, Function, Ref, Value
from tapec.viz.graph import Graph, Node

__all__ = ["Union"]

VIEWS = ("broadcast_to", "reshape")


class Union:
    """All values of the stages of a program.

    frames: the program in each stage. known: values of kernels that no other stage
    has, by place (function, kernel, op).
    """

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self.values: list[Value] = []
        self.frames: list[Frame] = []
        self.functions: list[Function] = []
        self._numbers: dict[int, int] = {}
        self.known: dict[tuple[int, ...], int] = {}
        self._alike: dict[Any, int] = {}
        self._kept: list[Graph] = []
        for stage, graph in enumerate(graphs):
            self._add(stage, graph)

    def function_of(self, graph: Graph) -> Function:
        """The function that was made from a body."""
        return self.functions[self._numbers[id(graph)]]

    # --- stages

    def _add(self, stage: int, graph: Graph) -> None:
        before = self.frames[-1] if self.frames else Frame()
        if graph is before.graph:
            self.frames.append(before)
            for function in self.functions:
                function.last += function.last == stage - 1
            return
        if stage == 0:
            self.functions.append(Function(graph["name"], Frame(), [], 0, 0))
        program = self.functions[0]
        program.last = stage
        alive = self._alive(before)
        frame = Reader(self, stage, 0, alive).read(graph)
        now = set(frame.order)
        for number in before.order:
            if number not in now:
                self.values[number].died = stage
        self.frames.append(frame)
        program.frame = frame
        program.order = merged(program.order, frame.order)

    def _alive(self, frame: Frame) -> dict[int, int]:
        """The values of a stage by their own uid, those inside of kernels too."""
        uids = ((self.values[number].uid, number) for number in frame.order)
        return {uid: number for uid, number in uids if uid is not None}

    def body(self, graph: Graph, stage: int) -> int:
        """The number of the function that a body is."""
        number = self._numbers.get(id(graph))
        if number is None:
            number = self._numbers[id(graph)] = len(self.functions)
            self._kept.append(graph)  # else another may get its id
            made = Function(graph["name"], Frame(), [], stage, stage)
            self.functions.append(made)
            made.frame = Reader(self, stage, number, {}).read(graph)
            made.order = made.frame.order
        function = self.functions[number]
        function.last = stage
        for value in function.order:
            for _, inner in self.values[value].bodies:
                self.functions[inner].last = stage
        return number

    def remember(self, node: Node, refs: list[Ref], number: int) -> None:
        """A value inside a kernel, to be found by what it does."""
        self._alike[self._key(node, refs)] = number

    def alike(self, node: Node, refs: list[Ref]) -> int | None:
        """The value inside a kernel that did the same with the same operands."""
        return self._alike.get(self._key(node, refs))

    def _key(self, node: Node, refs: list[Ref]) -> Any:
        """Operands are seen through views: kernels do without them, or with others."""
        sources = []
        for ref in refs:
            while type(ref) is int and self.values[ref].node["op"] in VIEWS:
                ref = self.values[ref].operands[-1][1][0]
            sources.append(ref)
        return node["op"], tuple(node["attrs"].items()), tuple(sources)


def merged(order: list[int], later: list[int]) -> list[int]:
    """`order` with the new values of `later`, each after what precedes it there."""
    known = set(order)
    after: dict[int, list[int]] = {}
    anchor = -1
    for number in later:
        if number in known:
            anchor = number
        else:
            after.setdefault(anchor, []).append(number)
    return list(_spliced(order, after)) if after else order


def _spliced(order: list[int], after: dict[int, list[int]]) -> Iterator[int]:
    yield from after.get(-1, ())
    for number in order:
        yield number
        yield from after.get(number, ())
