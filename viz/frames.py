"""Frames around values that belong together: of one scope, function or kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tapec.viz.graph import Node
from tapec.viz.layout import Box, Layout
from tapec.viz.scene import Scene

__all__ = ["CLUSTERS", "Frame", "frames_of"]

MOST_VALUES = 2000
PAD = 9.0
HEADROOM = 9.0

CLUSTERS: dict[str, Callable[[Node], str]] = {
    "scope": lambda node: node["scope"],
    "function": lambda node: node["loc"]["function"] if node["loc"] else "",
    "kernel": lambda node: node["kernel"] or "",
}
"""What the values of a frame have in common; a path where frames hold others."""


class Frame(NamedTuple):
    """A box with the path of what it is around; the last part is its name."""

    path: str
    box: Box


def frames_of(scene: Scene, layout: Layout, cluster: str = "scope") -> list[Frame]:
    """Frames by `cluster` and phase, outer ones first.

    A frame that held a value of another cluster would say something false: values that
    do not stand together get several frames. A drawing too large to read has none.
    """
    if cluster not in CLUSTERS:
        names = ", ".join(CLUSTERS)
        raise ValueError(f"no cluster {cluster!r}; there are {names}")
    if len(scene.items) > MOST_VALUES:
        return []
    members: dict[tuple[str, int], list[int]] = {}
    of = CLUSTERS[cluster]
    homes = homes_of_params(scene, of)
    for uid, item in scene.items.items():
        parts = [part for part in homes.get(uid, of(item.node)).split("/") if part]
        for depth in range(1, len(parts) + 1):
            key = "/".join(parts[:depth]), item.phase
            members.setdefault(key, []).append(uid)
    deepest = max((path.count("/") for path, _ in members), default=0)
    frames = []
    for (path, _), inside in sorted(members.items(), key=lambda kv: kv[0]):
        pad = PAD * (deepest - path.count("/") + 1)
        frames += [Frame(path, box) for box in together(inside, layout, pad)]
    return frames


def together(inside: list[int], layout: Layout, pad: float) -> Iterator[Box]:
    """The fewest boxes around neighbours that hold no other value; of two or more."""
    whole = around([layout.boxes[uid] for uid in inside], pad)
    others = [box for uid, box in layout.boxes.items() if uid not in set(inside)]
    if not any(whole.overlaps(other) for other in others):
        yield whole
        return
    near = [box for box in others if box.overlaps(whole)]
    group: list[Box] = []
    for box in sorted(
        (layout.boxes[uid] for uid in inside), key=lambda box: (box.y, box.x)
    ):
        wider = around([*group, box], pad)
        if any(wider.overlaps(other) for other in near):
            if len(group) > 1:
                yield around(group, pad)
            group = []
        group.append(box)
    if len(group) > 1 and not any(around(group, pad).overlaps(o) for o in near):
        yield around(group, pad)


def homes_of_params(scene: Scene, of: Callable[[Node], str]) -> dict[int, str]:
    """A parameter lives in the cluster of its users if they agree."""
    found: dict[int, set[str]] = {}
    for edge in scene.edges:
        if edge.within and scene.items[edge.src].node["kind"] in ("param", "const"):
            found.setdefault(edge.src, set()).add(of(scene.items[edge.dst].node))
    return {uid: next(iter(names)) for uid, names in found.items() if len(names) == 1}


def around(boxes: list[Box], pad: float) -> Box:
    left = min(box.left for box in boxes) - pad
    right = max(box.right for box in boxes) + pad
    top = min(box.top for box in boxes) - pad - HEADROOM
    bottom = max(box.bottom for box in boxes) + pad
    return Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
