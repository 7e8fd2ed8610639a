"""From the graph of a function in one stage to its values, kernels laid open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapec.viz.explorer.values import START, Frame, Ref, Value, refs_of
from tapec.viz.graph import Graph, Node
from tapec.viz.kernels import body_of

if TYPE_CHECKING:
    from tapec.viz.explorer.union import Union

__all__ = ["Reader"]


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
        values = self.union.values
        for node in graph["nodes"]:
            uid = node["uid"]
            number = self.alive.get(uid)
            if (
                number is not None
                and values[number].node is node
                and not node.get("bodies")
            ):
                self.met.add(number)  # as it was
                frame.order.append(number)
                frame.place[uid] = number
            elif not self.is_inner(node, frame):
                frame.place[uid] = self.value(uid, node, number, frame)
        refs = [frame.place[uid] for uid in graph["results"]]
        frame.results = [ref for ref in refs if isinstance(ref, int)]
        return frame

    def is_inner(self, node: Node, around: Frame) -> bool:
        """Whether a node is a kernel, which is opened, or a result of one."""
        body, starts = opened_body(node)
        if body is not None:
            self.open(node, body, starts, around)
            return True
        if node["op"] != "item":
            return False
        outputs = around.outputs.get(node["args"][0].get("uid", -1))
        if outputs is None:
            return False
        index = next((int(t) for t in node["attrs"].values() if t.isdigit()), 0)
        around.place[node["uid"]] = outputs[index]
        return True

    def open(self, node: Node, body: Graph, starts: int, around: Frame) -> None:
        """Read a kernel. starts: how many parameters are accumulators."""
        uid = node["uid"]
        operands = iter([START] * starts + refs_of(node, around.place))
        inside = around.inside[uid] = Frame(graph=body)
        members = around.members[uid] = []
        origins = {inner: before for inner, before in node.get("origins", ())}
        for place, each in enumerate(body["nodes"]):
            if each["kind"] == "param":
                inside.place[each["uid"]] = next(operands)
            elif self.is_inner(each, inside):
                members += inside.members.get(each["uid"], ())
            else:
                origin = origins.get(each["uid"])
                ref = self.inner(each, origin, inside, (self.function, uid, place))
                inside.place[each["uid"]] = ref
                if isinstance(ref, int):
                    members.append(ref)
        outputs = around.outputs[uid] = [inside.place[r] for r in body["results"]]
        if node["dtype"] != "tuple":
            around.place[uid] = outputs[0]

    def inner(
        self, node: Node, origin: int | None, inside: Frame, place: tuple[int, ...]
    ) -> Ref:
        """An op of a kernel: the value that it was, or a new one.

        An accumulation stands for what is accumulated.
        """
        refs = refs_of(node, inside.place)
        if START in refs:
            return next((ref for ref in refs if ref != START), START)
        if origin is not None:
            found = self.value(origin, node, self.alive.get(origin), inside)
        else:
            union = self.union
            number = union.known.get(place, union.alike(node, refs))
            found = self.value(None, node, number, inside)
            union.known[place] = found
        self.union.remember(node, refs, found)
        return found

    def value(
        self, uid: int | None, node: Node, number: int | None, inside: Frame
    ) -> int:
        """The value that a node is: one of the stage before, or a new one."""
        values = self.union.values
        if number is not None and not is_same(values[number].node, node):
            number = None
        if number is None:
            number = len(values)
            values.append(Value(uid, node, self.stage, self.function))
        value = values[number]
        refs = refs_of(node, inside.place)
        if not value.operands or value.operands[-1][1] != refs:
            if value.operands and value.operands[-1][0] == self.stage:
                value.operands.pop()
            value.operands.append((self.stage, refs))
        if inside is self.frame:
            value.node = node
        value.bodies = [
            (key, self.union.body(graph, self.stage))
            for key, graph in node.get("bodies", {}).items()
        ]
        if number not in self.met:
            self.met.add(number)
            self.frame.order.append(number)
        return number


def opened_body(node: Node) -> tuple[Graph | None, int]:
    """The body of a kernel or loop over tiles, and how many accumulators it has."""
    if "bodies" not in node:
        return None, 0
    body = node["bodies"].get("body")
    if node["op"] == "tile" and body is not None:
        params = sum(inner["kind"] == "param" for inner in body["nodes"])
        return body, params - len(node["args"])
    return body_of(node), 0


def is_same(before: Node, now: Node) -> bool:
    """Whether a node may be the value that another was. A tile has another extent."""
    if before is now:
        return True
    if before["op"] != now["op"]:
        return False
    return before["type"] == now["type"] or "rows" in now["shape"]
