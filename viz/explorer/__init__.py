"""The explorer: one HTML file with everything in it, which loads nothing.

Panes for the source, the graph, the IR, LLVM, assembly, passes, steps and memory, all
of which show the same value. The JavaScript stands beside this module, a file for each
idea; here it is put together.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tapec.viz.explorer.payload import compressed, payload
from tapec.viz.label import short
from tapec.viz.theme import DARK, LIGHT, MONO, SANS

__all__ = ["page"]

SCRIPTS = tuple(
    name
    for line in (
        "program dom state list grid place wires layout groups colours paint camera",
        "looks frames edges view minimap search source texts passes details steps",
        "keys split app main",
    )
    for name in line.split()
)
"""In the order of their imports."""

MORE_LIGHT = {
    "select": "#7a2fb5",
    "lit": "#efe3fa",
    "typed": "#0b6b57",
    "removed": "#b3261e",
    "added": "#0a7a4b",
    "merged": "#8a3ea8",
    "rewritten": "#1769aa",
}
MORE_DARK = {
    "select": "#c58af9",
    "lit": "#362450",
    "typed": "#6fcbb5",
    "removed": "#ff8a80",
    "added": "#5fd39b",
    "merged": "#d9a0f0",
    "rewritten": "#58a9e8",
}


def page(document: Mapping[str, Any]) -> str:
    """The HTML text for a document: the same bytes for the same document."""
    script, style = script_text(), style_text()
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; "
        f"style-src '{digest(style)}'; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(short(str(document["name"]), 120)),
        "style": style,
        "data": compressed(payload(document)),
        "script": script,
    }
    return re.sub(r"\{(\w+)\}", lambda m: parts[m[1]], asset("page.html"))


def digest(text: str) -> str:
    """What the content security policy calls this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def script_text() -> str:
    """All modules as one script: without imports, and in one scope."""
    text = "\n".join(plain(asset(f"{name}.js")) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{text}}})();\n'


def plain(module: str) -> str:
    module = re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE)
    return re.sub(r"^export (?=async |function |class |const )", "", module, flags=re.M)


@cache
def style_text() -> str:
    """The style sheet after the colours of both themes."""
    light = variables({**LIGHT, **MORE_LIGHT, "sans": SANS, "mono": MONO})
    dark = variables({**DARK, **MORE_DARK})
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        "@media (prefers-color-scheme: dark) { :root { color-scheme: dark; "
        f"{dark} }} }}\n"
        f":root[data-theme=light] {{ color-scheme: light; {light} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        f"{asset('page.css')}"
    )


def variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def asset(name: str) -> str:
    return (files("tapec.viz.explorer") / name).read_text(encoding="utf-8")
