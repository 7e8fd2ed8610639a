"""The legend below a picture: what occurs in it, and the scale of an overlay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tapec.viz.layout import number
from tapec.viz.scene import Scene
from tapec.viz.shapes import clean
from tapec.viz.theme import STEPS

MARKS = {"mark": ("kernel", "k0"), "letter": ("letter", "A"), "times": ("letter", "×n")}

__all__ = ["Entry", "drawn", "entries_of", "width_of"]


class Entry(NamedTuple):
    """classes: of the sample; "mark" is a kernel's name, "letter" that of a
    function, "scale" that of an overlay."""

    classes: str
    words: str

    @property
    def width(self) -> float:
        return 33.0 + 7.0 * len(self.words) + 18.0


def entries_of(scenes: Sequence[Scene], times: bool = False) -> list[Entry]:
    """What occurs in the pictures. times: whether blocks are folded."""
    nodes = [item.node for scene in scenes for item in scene.items.values()]
    kinds = {node["kind"] for node in nodes}
    halves = {node["half"] for node in nodes if node["kind"] != "param"}
    flows = {edge.flow for scene in scenes for edge in scene.edges}
    found = {
        Entry("node param", "parameter"): "param" in kinds,
        Entry("node forward", "forward"): "forward" in halves,
        Entry("node gradient", "gradient"): "gradient" in halves,
        Entry("node forward result", "result"): any(s.graph["results"] for s in scenes),
        Entry("edge saved", "saved for the gradient"): "saved" in flows,
        Entry("mark", "fused kernel"): any(node["kernel"] for node in nodes),
        Entry("letter", "runs a function drawn beside"): len(scenes) > 1,
        Entry("times", "as many equal blocks"): times,
    }
    entries = [entry for entry, occurs in found.items() if occurs]
    for overlay in (s.overlay for s in scenes if s.overlay is not None):
        low, high = overlay.ends
        words = f"{overlay.name}: {low} to {high}" if low else high
        entries.append(Entry("scale", words))
    return entries


def width_of(entries: list[Entry]) -> float:
    return 24.0 + sum(entry.width for entry in entries)


def drawn(entries: list[Entry], y: float) -> list[str]:
    """The entries side by side, their middle at `y`."""
    x = 24.0
    parts = []
    for entry in entries:
        parts.append(
            f'<g class="{entry.classes}">{sample(entry.classes, x, y)}</g>'
            f'<text class="about" x="{number(x + 33)}" y="{number(y + 4)}">'
            f"{clean(entry.words)}</text>"
        )
        x += entry.width
    return parts


def sample(classes: str, x: float, y: float) -> str:
    if classes.startswith("edge"):
        return f'<path d="M{number(x)} {number(y)}h26"/>'
    if classes in MARKS:
        kind, text = MARKS[classes]
        at = f'x="{number(x + 11)}" y="{number(y + 4)}"'
        return f'<text class="{kind}" {at}>{text}</text>'
    if classes == "scale":
        wide = 26.0 / STEPS
        return "".join(
            f'<g class="shade-{k}"><rect x="{number(x + wide * k)}" '
            f'y="{number(y - 7)}" width="{number(wide)}" height="14"/></g>'
            for k in range(STEPS)
        )
    radius = 7 if "param" in classes else 4
    return (
        f'<rect x="{number(x)}" y="{number(y - 7)}" width="26" height="14" '
        f'rx="{radius}"/>'
    )
