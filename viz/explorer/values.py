"""A value over all stages, and what a function is in one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapec.viz.graph import Graph, Node

__all__ = ["START", "Frame", "Function", "Ref", "Value", "refs_of"]

Ref = int | str
"""An operand: the number of a value, or the text of a constant."""

START = "start"
"""The operand of an accumulation that holds what was accumulated before."""


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
    """A function in one stage, or the inside of a kernel. place: what a uid stands for.

    members, outputs: by the uid of a kernel, the values inside and its results.
    inside: by the uid of a kernel, its body.
    """

    place: dict[int, Ref] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    outputs: dict[int, list[Ref]] = field(default_factory=dict)
    inside: dict[int, Frame] = field(default_factory=dict)
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


def refs_of(node: Node, place: dict[int, Ref]) -> list[Ref]:
    return [
        place[arg["uid"]] if "uid" in arg else arg["literal"] for arg in node["args"]
    ]
