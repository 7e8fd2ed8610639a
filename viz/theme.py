"""Colours and type, in a light and a dark version.

Blue and orange stay apart under every common colour blindness; dashes say again what
the colour of a saved value says. Texts keep a contrast of 4.5 to 1 and more.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DARK", "LIGHT", "STEPS", "style"]

STEPS = 6
"""Shades of an overlay, the lightest first."""

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "text": "#1b2430",
    "quiet": "#5a6675",
    "line": "#d5dbe3",
    "forward": "#1769aa",
    "forward-fill": "#e9f3fb",
    "forward-text": "#0d3a5f",
    "gradient": "#b4500b",
    "gradient-fill": "#fdf1e5",
    "gradient-text": "#6a2e05",
    "result-text": "#ffffff",
    "param": "#6b7887",
    "param-fill": "#ffffff",
    "saved": "#7d8998",
    "scope-fill": "#f5f7f9",
    "shade-0": "#f4eefa",
    "shade-text-0": "#1b2430",
    "shade-1": "#e3d3f1",
    "shade-text-1": "#1b2430",
    "shade-2": "#caaee5",
    "shade-text-2": "#1b2430",
    "shade-3": "#a97fd2",
    "shade-text-3": "#1b2430",
    "shade-4": "#7e4cb5",
    "shade-text-4": "#ffffff",
    "shade-5": "#552586",
    "shade-text-5": "#ffffff",
}

DARK: Mapping[str, str] = {
    "ground": "#10151c",
    "text": "#e6ebf1",
    "quiet": "#9aa7b6",
    "line": "#2d3744",
    "forward": "#58a9e8",
    "forward-fill": "#12293d",
    "forward-text": "#d3e9fb",
    "gradient": "#f0a060",
    "gradient-fill": "#3a2412",
    "gradient-text": "#fde3cb",
    "result-text": "#0c1117",
    "param": "#8b98a8",
    "param-fill": "#171e27",
    "saved": "#75839a",
    "scope-fill": "#161c25",
    "shade-0": "#1d1528",
    "shade-text-0": "#e6ebf1",
    "shade-1": "#33204c",
    "shade-text-1": "#e6ebf1",
    "shade-2": "#4d2f73",
    "shade-text-2": "#e6ebf1",
    "shade-3": "#7147a3",
    "shade-text-3": "#e6ebf1",
    "shade-4": "#a67fd6",
    "shade-text-4": "#0c1117",
    "shade-5": "#dcc4f7",
    "shade-text-5": "#0c1117",
}

RULES = """
{id} text {{ font-family: {sans}; text-anchor: middle; fill: {text}; }}
{id} .ground {{ fill: {ground}; }}
{id} .name {{ font-size: 17px; font-weight: 600; text-anchor: start; }}
{id} .about {{ font-size: 12px; text-anchor: start; fill: {quiet}; }}
{id} .axis {{ stroke: {line}; stroke-width: 1; }}
{id} .side {{ font-size: 11px; fill: {quiet}; }}
{id} .start {{ text-anchor: start; }}
{id} .end {{ text-anchor: end; }}
{id} .scope rect {{ fill: {scope-fill}; stroke: {line}; }}
{id} .scope text {{ font-size: 11px; text-anchor: start; fill: {quiet}; }}
{id} .title {{ font-size: 13px; font-weight: 600; }}
{id} .with {{ font-family: {mono}; font-size: 12px; font-weight: 400; }}
{id} .type {{ font-family: {mono}; font-size: 11px; fill: {quiet}; }}
{id} rect {{ stroke-width: 1.25; }}
{id} .forward rect {{ fill: {forward-fill}; stroke: {forward}; }}
{id} .forward text {{ fill: {forward-text}; }}
{id} .gradient rect {{ fill: {gradient-fill}; stroke: {gradient}; }}
{id} .gradient text {{ fill: {gradient-text}; }}
{id} .param rect {{ fill: {param-fill}; stroke: {param}; }}
{id} .param text {{ fill: {text}; }}
{id} .node text.type {{ fill: {quiet}; }}
{id} .result.forward rect {{ fill: {forward}; }}
{id} .result.gradient rect {{ fill: {gradient}; }}
{id} .result text, {id} .result text.type {{ fill: {result-text}; }}
{id} .kernel {{ font-family: {mono}; font-size: 10px; fill: {quiet}; }}
{id} .letter {{ font-size: 13px; font-weight: 600; }}
{id} text.kernel, {id} text.letter {{ text-anchor: start; }}
{id} path {{ fill: none; stroke-width: 1.4; stroke-linejoin: round; }}
{id} .edge.forward path {{ stroke: {forward}; }}
{id} .edge.gradient path, {id} .edge.update path {{ stroke: {gradient}; }}
{id} .edge.saved path {{ stroke: {saved}; stroke-width: 1.2; stroke-dasharray: 4 3; }}
{id} marker path {{ stroke: none; }}
{id} .tip-forward {{ fill: {forward}; }}
{id} .tip-gradient {{ fill: {gradient}; }}
{id} .tip-saved {{ fill: {saved}; }}
{id} .edge:hover path {{ stroke-width: 3; }}
{id} .node:hover rect {{ stroke-width: 2.5; }}
"""

SHADE = """
{id} g.shade-{k}[class] rect {{ fill: {shade-{k}}; }}
{id} g.shade-{k}[class] text {{ fill: {shade-text-{k}}; }}
{id} g.shade-{k}[class] text.kernel {{ fill: {quiet}; }}
{id} g.shade-{k}[class] text.letter {{ fill: {text}; }}
"""
"""The attribute makes these rules stronger than those of results."""

SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def style(root: str) -> str:
    """The style sheet for the picture whose `svg` element has the id `root`."""
    light, dark = (rules(f"#{root}", colours) for colours in (LIGHT, DARK))
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def rules(selector: str, colours: Mapping[str, str]) -> str:
    filled = (
        RULES.rstrip("\n")
        + "".join(SHADE.replace("{k}", str(k)).rstrip("\n") for k in range(STEPS))
        + "\n"
    )
    for name, colour in {**colours, "sans": SANS, "mono": MONO, "id": selector}.items():
        filled = filled.replace(f"{{{name}}}", colour)
    return filled.replace("{{", "{").replace("}}", "}").lstrip("\n")
