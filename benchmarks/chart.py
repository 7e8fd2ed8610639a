"""The times of the peers against tapec's, as a picture."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["draw"]

COLOURS = ("#1769aa", "#b4500b", "#552586", "#2e7d4f", "#8c6d00", "#a3336b")
MARKERS = "osD^vP"


def draw(ratios: Mapping[str, Mapping[str, float]], path: Path, about: str) -> None:
    """An SVG: a row per workload, a mark per peer, how many times tapec's time it took.

    ratios: by workload, by peer. Needs matplotlib, which the extra `bench` brings.
    """
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tapec"
    from matplotlib import pyplot

    names = list(dict.fromkeys(peer for row in ratios.values() for peer in row))
    figure, axes = pyplot.subplots(figsize=(9.0, 1.2 + 0.36 * len(ratios)))
    for k, peer in enumerate(names):
        points = [
            (row[peer], y) for y, row in enumerate(ratios.values()) if peer in row
        ]
        axes.scatter(
            *zip(*points, strict=True), label=peer, s=34, zorder=3,
            color=COLOURS[k % len(COLOURS)],
            marker=MARKERS[(k + k // len(COLOURS)) % len(MARKERS)],
            facecolors="none" if k >= len(COLOURS) else None,
        )  # fmt: skip
    axes.axvline(1.0, color="#1b2430", linewidth=1.5, zorder=2)
    axes.set_xscale("log")
    axes.set_xlabel(
        "time of a call, as a multiple of tapec's (right of the line: slower)"
    )
    axes.set_yticks(range(len(ratios)), list(ratios))
    axes.invert_yaxis()
    axes.grid(axis="x", color="#d5dbe3", zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(about, fontsize=9, loc="left", color="#5a6675")
    axes.legend(bbox_to_anchor=(1.0, 1.0), loc="upper left", frameon=False, fontsize=9)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
