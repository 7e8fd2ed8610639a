"""What is drawn where, as far as no geometry is needed: phases, levels, edges.

The mirror. Values without a primal flow down in the first phase; gradient ops flow up
in the second, beside the forward op that each belongs to. Where a program goes on after
its gradient (an update, a second derivative) further phases follow to the right, down
and up in turn.

A *rank* is a row of forward ops. It is split into *levels* when the gradient of one op
takes several ops: the last of them stands on the first level, beside its primal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from tapec.viz.graph import Graph, Node
from tapec.viz.kernels import opened
from tapec.viz.label import Label, label_of
from tapec.viz.overlay import Overlay, overlay_of

__all__ = ["Edge", "Item", "Scene", "scene_of"]

Flow = Literal["forward", "gradient", "saved", "update"]


@dataclass(slots=True)
class Item:
    """A visible node and its row."""

    node: Node
    label: Label
    phase: int
    level: int = 0
    rank: int = 0

    @property
    def down(self) -> bool:
        return self.phase % 2 == 0


@dataclass(frozen=True, slots=True)
class Edge:
    """`dst` reads `src`. Edges between phases put no order on the levels.

    flow: "saved" is a forward value read by the gradient, "update" the other way round.
    """

    src: int
    dst: int
    flow: Flow
    within: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """items: by uid, in schedule order."""

    graph: Graph
    items: dict[int, Item]
    edges: list[Edge]
    phases: int
    levels: int
    overlay: Overlay | None = None


def scene_of(
    graph: Graph,
    overlay: str | None = None,
    labels: Mapping[int, Label] | None = None,
) -> Scene:
    """The scene of a graph, its kernels opened.

    overlay: one of `OVERLAYS`. labels: if they are known; by default they are made.
    """
    graph = opened(graph)
    laid = None if overlay is None else overlay_of(overlay, graph)
    notes = {} if laid is None else laid.text
    tags = result_tags(graph)
    nodes = {node["uid"]: node for node in graph["nodes"]}
    phase = phases_of(nodes)
    if labels is None:
        labels = {
            uid: label_of(node, tags.get(uid, ""), notes.get(uid, ""))
            for uid, node in nodes.items()
        }
    items = {uid: Item(node, labels[uid], phase[uid]) for uid, node in nodes.items()}
    edges = [
        edge_between(items[src], item, src, dst)
        for dst, item in items.items()
        for src in operands(item.node)
    ]
    set_ranks(items)
    lower_late_params(items, edges)
    set_levels(items)
    return Scene(
        graph,
        items,
        edges,
        phases=1 + max(phase.values(), default=0),
        levels=1 + max((item.level for item in items.values()), default=0),
        overlay=laid,
    )


def operands(node: Node) -> list[int]:
    """Uids that `node` reads, each once."""
    return list(dict.fromkeys(arg["uid"] for arg in node["args"] if "uid" in arg))


def edge_between(source: Item, target: Item, src: int, dst: int) -> Edge:
    halves = source.node["half"], target.node["half"]
    flow = {
        ("forward", "forward"): "forward",
        ("forward", "gradient"): "saved",
        ("gradient", "forward"): "update",
        ("gradient", "gradient"): "gradient",
    }[halves]
    return Edge(src, dst, cast(Flow, flow), source.phase == target.phase)


def result_tags(graph: Graph) -> dict[int, str]:
    """What to call each result: its given name, or `result` and a number."""
    results = graph["results"]
    names = graph.get("result_names") or []
    if len(names) != len(results):
        many = len(results) > 1
        names = [f"result {i}" if many else "result" for i in range(len(results))]
    tags: dict[int, str] = {}
    for uid, name in zip(results, names, strict=True):
        tags[uid] = f"{tags[uid]}, {name}" if uid in tags else name
    return tags


# --- phases -----------------------------------------------------------------


def phases_of(nodes: dict[int, Node]) -> dict[int, int]:
    """Even phases flow down, odd ones up; no operand stands in a later phase."""
    upward: dict[int, bool] = {}
    phase: dict[int, int] = {}
    for uid, node in nodes.items():
        primal = node["primal"]
        upward[uid] = primal is not None and not upward.get(primal, False)
        least = max((phase[a] for a in operands(node)), default=0)
        phase[uid] = least + ((least % 2 == 1) != upward[uid])
    return phase


# --- ranks ------------------------------------------------------------------


def set_ranks(items: dict[int, Item]) -> None:
    forward = [item for item in items.values() if item.phase == 0]
    for item in forward:
        above = [items[a].rank for a in operands(item.node)]
        item.rank = max(above, default=-1) + 1
    lower_loose_ends(items, forward)
    lowest = max((item.rank for item in forward), default=0)
    same_place = {place_key(item.node): item for item in forward if item.node["loc"]}
    for phase in range(1, 1 + max((i.phase for i in items.values()), default=0)):
        for item in items.values():
            if item.phase == phase:
                primal = items.get(cast(int, item.node["primal"]))
                if primal is None and item.node["primal"] is not None:
                    primal = same_place.get(place_key(item.node))
                item.rank = rank_beside(primal, item, items, lowest)


def place_key(node: Node) -> tuple[object, ...] | None:
    """The user's expression; a gradient op has that of its primal."""
    return tuple(node["loc"].values()) if node["loc"] else None


def lower_loose_ends(items: dict[int, Item], forward: list[Item]) -> None:
    """Move values with fewer operands than users down to their users."""
    below: dict[int, list[int]] = {}
    for item in reversed(forward):
        args = operands(item.node)
        ranks = below.get(item.node["uid"], ())
        if ranks and len(args) <= len(ranks):
            item.rank = min(ranks) - 1
        for a in args:
            below.setdefault(a, []).append(item.rank)


def lower_late_params(items: dict[int, Item], edges: list[Edge]) -> None:
    """A parameter that only the gradient reads stands beside its first reader."""
    late: dict[int, int] = {}
    early = {edge.src for edge in edges if edge.within}
    for edge in edges:
        if edge.src not in early and items[edge.src].node["kind"] == "param":
            rank = items[edge.dst].rank
            late[edge.src] = max(late.get(edge.src, 0), rank)
    for uid, rank in late.items():
        items[uid].rank = rank


def rank_beside(
    primal: Item | None, item: Item, items: dict[int, Item], lowest: int
) -> int:
    """The primal's rank, or the nearest one that the flow of the phase allows."""
    args = [items[a] for a in operands(item.node)]
    within = [a.rank for a in args if a.phase == item.phase]
    across = [a.rank for a in args if a.phase != item.phase]
    if primal is not None and primal.phase < item.phase:
        wanted = primal.rank
    elif item.down:
        wanted = max(within or across, default=0)
    else:
        wanted = min(within or across, default=lowest)
    return max([wanted, *within]) if item.down else min([wanted, *within])


# --- levels -----------------------------------------------------------------


def set_levels(items: dict[int, Item]) -> None:
    """Split ranks into levels so that within a phase every edge changes the level."""
    offset = dict.fromkeys(items, 0)
    for uid, item in reversed(items.items()):
        if not item.down:
            raise_operands(item, offset[uid], items, offset)
    for uid, item in items.items():
        if item.down:
            after = [offset[a] + 1 for a in neighbours(item, items)]
            offset[uid] = max(after, default=0)
    height: dict[int, int] = {}
    for uid, item in items.items():
        height[item.rank] = max(height.get(item.rank, 1), offset[uid] + 1)
    base, total = {}, 0
    for rank in sorted(height):
        base[rank] = total
        total += height[rank]
    for uid, item in items.items():
        item.level = base[item.rank] + offset[uid]


def raise_operands(
    item: Item, level: int, items: dict[int, Item], offset: dict[int, int]
) -> None:
    for a in neighbours(item, items):
        offset[a] = max(offset[a], level + 1)


def neighbours(item: Item, items: dict[int, Item]) -> Iterable[int]:
    """Operands of the same phase and rank."""
    for a in operands(item.node):
        if items[a].phase == item.phase and items[a].rank == item.rank:
            yield a
