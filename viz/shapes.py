"""Small pieces of SVG text."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from tapec.viz.frames import Frame
from tapec.viz.label import Label, short
from tapec.viz.layout import Box, number

__all__ = ["clean", "frame", "lines_of", "mark"]


def clean(text: str) -> str:
    """`text` without the characters that XML does not allow, escaped."""
    kept = re.sub(
        r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text
    )
    return escape(kept)


def frame(frame: Frame) -> str:
    box = frame.box
    return (
        f'<g class="scope"><rect x="{number(box.left)}" y="{number(box.top)}" '
        f'width="{number(box.width)}" height="{number(box.height)}" rx="8"/>'
        f'<text x="{number(box.left + 8)}" y="{number(box.top + 12)}">'
        f"{clean(short(frame.path.rpartition('/')[2], 20))}</text></g>"
    )


def lines_of(label: Label, box: Box) -> list[str]:
    """The texts of a box, from top to bottom."""
    x, y = number(box.x), box.top + 17.0
    spans = ""
    if label.name:
        spans += f'<tspan class="with">{clean(label.name)} =</tspan>'
    space = ' dx="7"' * bool(label.name)
    spans += f"<tspan{space}>{clean(label.title)}</tspan>"
    if label.detail:
        spans += f'<tspan class="with" dx="7">{clean(label.detail)}</tspan>'
    lines = []
    if label.tag:
        lines.append(f'<text class="title" x="{x}" y="{{}}">{clean(label.tag)}</text>')
    lines.append(f'<text class="title" x="{x}" y="{{}}">{spans}</text>')
    for text in (label.more, label.type, label.note):
        if text:
            lines.append(f'<text class="type" x="{x}" y="{{}}">{clean(text)}</text>')
    return [line.replace("{}", number(y + 16.0 * k), 1) for k, line in enumerate(lines)]


def mark(kind: str, text: str, box: Box) -> str:
    """A few letters beside a box."""
    if not text:
        return ""
    x, y = number(box.right + 4.0), number(box.top + 10.0)
    return f'<text class="{kind}" x="{x}" y="{y}">{clean(text)}</text>'
