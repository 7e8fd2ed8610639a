"""Facts over the picture: a shade and a line of text for each value.

time     how long its kernel takes            (measure `seconds`)
bytes    how large it is
range    how large its numbers are            (measures `min`, `max`)
nan      where NaN or infinity comes from     (measures `nan`, `inf`)
path     the longest chain of operations

and, of the value %7 of the graph: "upstream:7", what it was computed from;
"downstream:7", what is computed from it; "dominators:7", what every path to it goes
through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tapec.viz.analyses import critical_path, dominators, downstream, upstream
from tapec.viz.graph import Graph, Node
from tapec.viz.label import size_text
from tapec.viz.networkx import to_networkx
from tapec.viz.theme import STEPS

__all__ = ["OVERLAYS", "Overlay", "overlay_of"]


class Overlay(NamedTuple):
    """shade: step by uid, none for a value without. text: by uid. ends: of the scale,
    in words."""

    name: str
    shade: Mapping[int, int]
    text: Mapping[int, str]
    ends: tuple[str, str]


def overlay_of(name: str, graph: Graph) -> Overlay:
    """The overlay `name` of a graph whose kernels are opened."""
    kind, colon, uid = name.partition(":")
    if colon and kind in AROUND and uid.isdigit():
        return _around(graph, kind, int(uid))
    if name not in OVERLAYS:
        named = [*OVERLAYS, *(f"{kind}:UID" for kind in AROUND)]
        raise ValueError(f"no overlay {name!r}; there are {', '.join(named)}")
    return OVERLAYS[name](graph)


AROUND = {
    "upstream": upstream,
    "downstream": downstream,
    "dominators": dominators,
}
"""Sets of values around one, by the name before the colon."""


def _around(graph: Graph, kind: str, uid: int) -> Overlay:
    """The value itself has the darkest shade."""
    whole = to_networkx(graph)
    if uid not in whole:
        raise ValueError(f"no value %{uid} in this graph")
    found = AROUND[kind](whole, uid)
    shade = {other: STEPS - 1 if other == uid else STEPS // 2 for other in found}
    ends = "", f"{kind} of %{uid}: {len(shade)} values"
    return Overlay(kind, shade, {}, ends)


def _measured(graph: Graph, *names: str) -> list[Node]:
    found = [n for n in graph["nodes"] if set(names) <= set(n.get("measures", {}))]
    if not found:
        raise ValueError(f"nothing in this graph has the measure {' and '.join(names)}")
    return found


def _scaled(
    name: str, values: Mapping[int, float], words: Callable[[float], str]
) -> Overlay:
    """Shades by the share of the largest value."""
    top = max(values.values(), default=0.0)
    shade = {
        uid: min(STEPS - 1, int(STEPS * value / top)) if top > 0 else 0
        for uid, value in values.items()
    }
    text = {uid: words(value) for uid, value in values.items()}
    return Overlay(name, shade, text, (words(0.0), words(top)))


def _time(graph: Graph) -> Overlay:
    nodes = _measured(graph, "seconds")
    return _scaled("time", {n["uid"]: n["measures"]["seconds"] for n in nodes}, seconds)


def seconds(t: float) -> str:
    """A duration with three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if t * scale >= 1.0:
            return f"{t * scale:.3g} {unit}"
    return f"{t * 1e9:.3g} ns"


def _bytes(graph: Graph) -> Overlay:
    sizes = {
        n["uid"]: float(n["bytes"])
        for n in graph["nodes"]
        if n["bytes"] is not None and n["kind"] != "effect"
    }
    return _scaled("bytes", sizes, lambda size: size_text(int(size)))


def _range(graph: Graph) -> Overlay:
    """The shade is that of the largest magnitude, on a logarithmic scale."""
    nodes = _measured(graph, "min", "max")
    largest = {n["uid"]: largest_of(n["measures"]) for n in nodes}
    finite = [math.log10(v) for v in largest.values() if 0.0 < v < math.inf]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    step = (high - low) / (STEPS - 1) or 1.0

    def shade(value: float) -> int:
        if not 0.0 < value < math.inf:
            return 0 if value == 0.0 else STEPS - 1
        return min(STEPS - 1, int((math.log10(value) - low) / step))

    text = {
        n["uid"]: f"{n['measures']['min']:.3g} … {n['measures']['max']:.3g}"
        for n in nodes
    }
    ends = f"{10**low:.3g}", f"{10**high:.3g}"
    return Overlay("range", {u: shade(v) for u, v in largest.items()}, text, ends)


def largest_of(measures: Mapping[str, float]) -> float:
    """The largest magnitude; `min` and `max` are those of the finite numbers."""
    if measures.get("inf"):
        return math.inf
    return max(abs(measures["min"]), abs(measures["max"]))


def _nan(graph: Graph) -> Overlay:
    """The darkest shade where bad numbers come out and none went in."""
    nodes = _measured(graph, "nan", "inf")
    bad = {n["uid"]: n for n in nodes if n["measures"]["nan"] or n["measures"]["inf"]}
    shade, text = {}, {}
    for uid, node in bad.items():
        inherited = any(arg.get("uid") in bad for arg in node["args"])
        shade[uid] = STEPS // 2 if inherited else STEPS - 1
        counts = [(k, int(node["measures"][k])) for k in ("nan", "inf")]
        text[uid] = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    return Overlay("NaN or infinity", shade, text, ("handed on", "comes from here"))


def _path(graph: Graph) -> Overlay:
    path = critical_path(to_networkx(graph))
    text = {uid: f"step {k}" for k, uid in enumerate(path)}
    ends = "", f"longest chain, {len(path)} values"
    return Overlay("path", dict.fromkeys(path, STEPS // 2), text, ends)


OVERLAYS: dict[str, Callable[[Graph], Overlay]] = {
    "time": _time,
    "bytes": _bytes,
    "range": _range,
    "nan": _nan,
    "path": _path,
}
"""By the name that `svg(overlay=...)` takes."""
