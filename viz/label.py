"""What is written in a box, how large that is, and what its tooltip says."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from tapec.ir import shown
from tapec.viz.graph import Arg, Node

__all__ = ["Label", "label_of", "tooltip_of"]

INFIX = {
    "add": "+",
    "sub": "−",
    "subtract": "−",
    "mul": "×",
    "multiply": "×",
    "div": "÷",
    "divide": "÷",
    "true_divide": "÷",
    "matmul": "@",
    "dot": "@",
    "pow": "**",
    "power": "**",
    "float_power": "**",
    "less": "<",
    "lt": "<",
    "less_equal": "≤",
    "le": "≤",
    "greater": ">",
    "gt": ">",
    "greater_equal": "≥",
    "ge": "≥",
    "equal": "=",
    "eq": "=",
    "not_equal": "≠",
    "ne": "≠",
}

BOLD, MONO, SMALL = 8.3, 7.3, 6.7
"""Widths of a character: title (13 px bold), detail (12 px), type (11 px)."""
LINE = 16.0
PAD = 11.0
WIDEST = 30


@dataclass(frozen=True, slots=True)
class Label:
    """Lines of text. `name = title detail` is the first, `more` and `type` follow.

    tag: what the reader calls the result, when the value is one. note: of an overlay.
    """

    name: str
    title: str
    detail: str
    more: str
    type: str
    tag: str
    note: str
    width: float
    height: float


def label_of(node: Node, tag: str = "", note: str = "") -> Label:
    title = node["op"] or node["name"] or f"%{node['uid']}"
    name = node["name"] if node["op"] else ""
    type_ = "" if node["kind"] == "effect" else node["type"]
    parameter = node["kind"] == "param"
    operands, attrs = operands_text(node), attrs_text(node)
    return fitted(name, title, operands, attrs, type_, tag, note, parameter)


@lru_cache(maxsize=8192)
def fitted(
    name: str,
    title: str,
    operands: str,
    attrs: str,
    type_: str,
    tag: str,
    note: str,
    parameter: bool,
) -> Label:
    """The lines cut to what fits, and their size; the same again for the same texts."""
    title, name = short(title, WIDEST), short(name, 14)
    detail = " ".join(filter(None, (operands, attrs)))
    more = ""
    if columns(detail) > WIDEST - columns(name) - columns(title):
        detail, more = operands, attrs
    if columns(detail) > WIDEST - columns(name) - columns(title):
        detail, more = "", " ".join(filter(None, (operands, attrs)))
    more = short(more, WIDEST + 4)
    type_ = short(type_, WIDEST + 4)
    tag, note = short(tag, WIDEST), short(note, WIDEST + 4)
    first = columns(title) * BOLD + (columns(detail) + 1) * MONO * bool(detail)
    first += (columns(name) + 3) * MONO * bool(name)
    small = [columns(text) * SMALL for text in (more, type_, note)]
    width = max(first, columns(tag) * BOLD + 18, *small)
    lines = 1 + sum(map(bool, (more, type_, tag, note)))
    width = max(56.0, width + 2 * PAD + 4 * parameter)
    return Label(
        name, title, detail, more, type_, tag, note, round(width), lines * LINE + 10.0
    )


def operands_text(node: Node) -> str:
    """The place of the literals among the operands; empty when there are none."""
    args = node["args"]
    if not any("literal" in arg for arg in args):
        return ""
    texts = [literal(arg) for arg in args]
    if len(texts) == 2 and node["op"] in INFIX:
        return f"{texts[0]} {INFIX[node['op']]} {texts[1]}"
    return f"({', '.join(texts)})" if len(texts) > 1 else texts[0]


def literal(arg: Arg) -> str:
    text = arg.get("literal")
    if text is None:
        return "·"
    try:
        number = float(text)
    except ValueError:
        return short(text, 16)
    compact = f"{number:.6g}"
    return text if len(text) <= len(compact) + 2 else compact


def attrs_text(node: Node) -> str:
    """The attributes that say something: not false, absent, or seen in the type."""
    told = {"dtype": node["dtype"], "shape": ",".join(map(str, node["shape"]))}
    parts = []
    for key, text in node["attrs"].items():
        if text in ("False", "None", "()") or key in node.get("bodies", {}):
            continue
        if bare(text) == told.get(key):
            continue
        if node["kind"] == "const":
            parts.append(text)
        elif text == "True":
            parts.append(key)
        else:
            parts.append(f"{key}={bare(text)}")
    return " ".join(parts)


def bare(text: str) -> str:
    """`(0,)` as `0`, `(64, 10)` as `64,10`."""
    if text.startswith("(") and text.endswith(")") and "(" not in text[1:]:
        text = text[1:-1].rstrip(",").replace(", ", ",")
    return text


def short(text: str, limit: int) -> str:
    """`text` on one line and at most `limit` columns wide."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if columns(text) <= limit:
        return text
    kept, used = [], 0
    for c in text:
        used += columns(c)
        if used > limit - 1:
            break
        kept.append(c)
    return "".join(kept) + "…"


def columns(text: str) -> int:
    """Width in characters; East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c)
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def tooltip_of(node: Node) -> str:
    """The op as the IR prints it, its size, and the user's line."""
    args = ", ".join(
        f"%{arg['uid']}" if "uid" in arg else arg["literal"] for arg in node["args"]
    )
    attrs = " ".join(f"{key}={short(text, 120)}" for key, text in node["attrs"].items())
    head = f"%{node['uid']}"
    if node["name"]:
        head += f" ({node['name']})"
    lines = [" ".join(filter(None, (f"{head}: {node['type']}",
             "= " + node["op"] if node["op"] else "", args, attrs)))]  # fmt: skip
    if node["primal"] is not None:
        lines.append(f"gradient of %{node['primal']}")
    facts = [] if node["bytes"] is None else [size_text(node["bytes"])]
    facts += [f"scope {node['scope']}"] if node["scope"] else []
    facts += [f"kernel {node['kernel']}"] if node["kernel"] else []
    lines.append(", ".join(facts))
    if node["loc"] is not None:
        loc = node["loc"]
        lines.append(f"{shown(loc['file'])}:{loc['line']}, in {loc['function']}")
        lines.append(loc["text"].strip() and f"    {loc['text'].strip()}")
    return "\n".join(filter(None, lines))


def size_text(size: int) -> str:
    """`size` bytes for people: three digits and a unit."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
