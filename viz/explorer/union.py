"""The values of all stages as one set: what stays is one value from stage to stage.

A uid names a value only as long as it lives: a later pass may give the number of a dead
value to a new one. Kernels are laid open, so an op that goes into a kernel is still the
value that it was; one that several kernels compute is one value in several kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tapec.viz.graph import Graph, Node
from tapec.viz.kernels import body_of

__all__ = ["Frame", "Function", "Union", "Value"]

Ref = int | str
"""An operand: the number of a value, or the text of a constant."""


@dataclass(slots=True)
class Value:
    """born, died: the first stage that has it, and the first after that without it.

    uid: in the program; None for what is in a kernel or body only.
    node: as it was last. operands: (stage, what it reads from that stage on).
    function: 0 for the program, else the body that it is part of.
    """

    uid: int | None
    node: Node
    born: int
    function: int
    died: int = -1
    operands: list[tuple[int, list[Ref]]] = field(default_factory=list)
    bodies: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Frame:
    """A function in one stage. place: what a uid stands for.

    members, outputs: the values inside a kernel, and its results. inside: for a kernel,
    what the uids of its body stand for.
    """

    place: dict[int, Ref] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    outputs: dict[int, list[Ref]] = field(default_factory=dict)
    inside: dict[int, dict[int, Ref]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    graph: Graph | None = None

    def values_of(self, uid: int) -> list[int]:
        """The values behind a uid of the text: of a kernel all that it computes."""
        if uid in self.members:
            return self.members[uid]
        ref = self.place.get(uid)
        return [ref] if isinstance(ref, int) else []

    def result_of(self, uid: int, index: int) -> int | None:
        """The value behind a result of an op."""
        outputs = self.outputs.get(uid)
        ref = self.place.get(uid) if outputs is None else outputs[index]
        return ref if isinstance(ref, int) else None


@dataclass(slots=True)
class Function:
    """The program, or a body: its values in order. first, last: stages that have it."""

    name: str
    frame: Frame
    order: list[int]
    first: int
    last: int


class Union:
    """All values of the stages of a program.

    frames: the program in each stage.
    """

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self.values: list[Value] = []
        self.frames: list[Frame] = []
        self.functions: list[Function] = []
        self._numbers: dict[int, int] = {}
        self._known: dict[tuple[int, ...], int] = {}
        self._kept: list[Graph] = []
        for stage, graph in enumerate(graphs):
            self._add(stage, graph)

    def function_of(self, graph: Graph) -> Function:
        """The function that was made from a body."""
        return self.functions[self._numbers[id(graph)]]

    # --- stages

    def _add(self, stage: int, graph: Graph) -> None:
        before = self.frames[-1] if self.frames else Frame()
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

    def known(self, *place: int) -> int | None:
        """The value at a place (function, kernel, op) in an earlier stage."""
        return self._known.get(place)

    def remember(self, function: int, kernel: int, op: int, number: int) -> None:
        self._known[function, kernel, op] = number


class Reader:
    """Reads one graph. alive: the values of the stage before by uid."""

    def __init__(
        self, union: Union, stage: int, function: int, alive: dict[int, int]
    ) -> None:
        self.union = union
        self.stage = stage
        self.function = function
        self.alive = alive
        self.frame = Frame()
        self.met: set[int] = set()

    def read(self, graph: Graph) -> Frame:
        frame = self.frame
        frame.graph = graph
        for node in graph["nodes"]:
            body = body_of(node)
            if body is not None:
                self.open(node, body)
            elif not self.is_item(node):
                uid = node["uid"]
                frame.place[uid] = self.value(
                    uid, node, self.alive.get(uid), frame.place
                )
        refs = [frame.place[uid] for uid in graph["results"]]
        frame.results = [ref for ref in refs if isinstance(ref, int)]
        return frame

    def is_item(self, node: Node) -> bool:
        """Whether it reads a result of a kernel; then it is that result."""
        outputs = None
        if node["op"] == "item" and node["args"]:
            outputs = self.frame.outputs.get(node["args"][0].get("uid", -1))
        if outputs is None:
            return False
        index = next((int(t) for t in node["attrs"].values() if t.isdigit()), 0)
        self.frame.place[node["uid"]] = outputs[index]
        return True

    def open(self, node: Node, body: Graph) -> None:
        uid = node["uid"]
        operands = iter(refs_of(node, self.frame.place))
        inside: dict[int, Ref] = {}
        members: list[int] = []
        for place, each in enumerate(body["nodes"]):
            if each["kind"] == "param":
                inside[each["uid"]] = next(operands)
                continue
            origin = each.get("origin")
            if origin is None:
                number = self.union.known(self.function, uid, place)
                found = self.value(None, each, number, inside)
                self.union.remember(self.function, uid, place, found)
            else:
                found = self.value(origin, each, self.alive.get(origin), inside)
            inside[each["uid"]] = found
            members.append(found)
        self.frame.inside[uid] = inside
        self.frame.members[uid] = members
        outputs = [inside[r] for r in body["results"]]
        self.frame.outputs[uid] = outputs
        if node["dtype"] != "tuple":
            self.frame.place[uid] = outputs[0]

    def value(
        self, uid: int | None, node: Node, number: int | None, place: dict[int, Ref]
    ) -> int:
        """The value that a node is: one of the stage before, or a new one."""
        values = self.union.values
        if number is not None:
            before = values[number].node
            same = before is node or (
                before["op"] == node["op"] and before["type"] == node["type"]
            )
            number = number if same else None
        if number is None:
            number = len(values)
            values.append(Value(uid, node, self.stage, self.function))
        value = values[number]
        refs = refs_of(node, place)
        if not value.operands or value.operands[-1][1] != refs:
            if value.operands and value.operands[-1][0] == self.stage:
                value.operands.pop()
            value.operands.append((self.stage, refs))
        if "origin" not in node:
            value.node = node
        value.bodies = [
            (key, self.union.body(graph, self.stage))
            for key, graph in node.get("bodies", {}).items()
        ]
        if number not in self.met:
            self.met.add(number)
            self.frame.order.append(number)
        return number


def refs_of(node: Node, place: dict[int, Ref]) -> list[Ref]:
    return [
        place[arg["uid"]] if "uid" in arg else arg["literal"] for arg in node["args"]
    ]


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
