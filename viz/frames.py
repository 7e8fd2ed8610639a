"""Frames around the values of one name scope, where they stand together."""

from __future__ import annotations

from typing import NamedTuple

from tapec.viz.layout import Box, Layout
from tapec.viz.scene import Scene

__all__ = ["Frame", "frames_of"]

MOST_VALUES = 2000
PAD = 9.0
HEADROOM = 9.0


class Frame(NamedTuple):
    scope: str
    box: Box


def frames_of(scene: Scene, layout: Layout) -> list[Frame]:
    """One frame per scope and phase, outer ones first.

    A frame that would hold a value of another scope says something false, so it is left
    out; so are frames in a drawing too large to read them.
    """
    if len(scene.items) > MOST_VALUES:
        return []
    members: dict[tuple[str, int], set[int]] = {}
    homes = homes_of_params(scene)
    for uid, item in scene.items.items():
        scope = homes.get(uid, item.node["scope"])
        parts = [part for part in scope.split("/") if part]
        for depth in range(1, len(parts) + 1):
            key = "/".join(parts[:depth]), item.phase
            members.setdefault(key, set()).add(uid)
    deepest = max((scope.count("/") for scope, _ in members), default=0)
    frames = []
    for (scope, _), inside in sorted(members.items(), key=lambda kv: kv[0]):
        box = around(
            [layout.boxes[uid] for uid in inside],
            PAD * (deepest - scope.count("/") + 1),
        )
        if not any(
            box.overlaps(other)
            for uid, other in layout.boxes.items()
            if uid not in inside
        ):
            frames.append(Frame(scope, box))
    return frames


def homes_of_params(scene: Scene) -> dict[int, str]:
    """A parameter lives in the scope of its users if they agree."""
    scopes: dict[int, set[str]] = {}
    for edge in scene.edges:
        if edge.within and scene.items[edge.src].node["kind"] in ("param", "const"):
            scopes.setdefault(edge.src, set()).add(scene.items[edge.dst].node["scope"])
    return {uid: next(iter(names)) for uid, names in scopes.items() if len(names) == 1}


def around(boxes: list[Box], pad: float) -> Box:
    left = min(box.left for box in boxes) - pad
    right = max(box.right for box in boxes) + pad
    top = min(box.top for box in boxes) - pad - HEADROOM
    bottom = max(box.bottom for box in boxes) + pad
    return Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
