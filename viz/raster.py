"""SVG as PNG and PDF, by packages that are extras: resvg and Typst."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tapec.viz.theme import SANS

__all__ = ["pdf", "png"]

MISSING = (
    "{what} needs the package {package}: pip install 'tapec[{what}]'. "
    "The SVG opens in any browser, which can print it too."
)
SIZE = re.compile(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"')
GLYPH = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16">'
    f'<text y="14" font-family="{SANS}">{{}}</text></svg>'
)


def png(svg: str, scale: float = 2.0) -> bytes:
    """The picture in its light colours, `scale` pixels per unit."""
    try:
        import resvg_py
    except ImportError as error:
        text = MISSING.format(what="png", package="resvg_py")
        raise ModuleNotFoundError(text) from error
    if not _has_font(resvg_py):
        raise RuntimeError(
            "this system has no font, so the PNG would have no text; install one "
            "(Debian: fonts-dejavu-core), or use .pdf(), which brings its own"
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale))


@cache
def _has_font(resvg: Any) -> bool:
    """Whether a letter leaves a mark."""
    letter, nothing = (
        bytes(resvg.svg_to_bytes(svg_string=GLYPH.format(text))) for text in ("M", "")
    )
    return letter != nothing


def pdf(svg: str) -> bytes:
    """One page of the picture's size."""
    try:
        import typst
    except ImportError as error:
        text = MISSING.format(what="pdf", package="typst")
        raise ModuleNotFoundError(text) from error
    found = SIZE.search(svg)
    if found is None:
        raise ValueError("the SVG does not say its size")
    width, height = found.groups()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "picture.svg").write_text(svg, encoding="utf-8")
        page = Path(folder, "page.typ")
        page.write_text(
            f"#set page(width: {width}pt, height: {height}pt, margin: 0pt)\n"
            f'#image("picture.svg", width: {width}pt)\n',
            encoding="utf-8",
        )
        return bytes(typst.compile(str(page), root=folder))
