"""The site: pages are staged into a folder of their own, then Sphinx runs on it.

Nothing is written into `docs/`, whose pages stay plain Markdown, and what is generated
(the reference, the coverage) never lies beside them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from docs.site import pages

__all__ = ["ROOT", "build"]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def build(out: Path) -> int:
    """Write the site to `out/html`; the exit status of Sphinx, warnings are errors."""
    from sphinx.cmd.build import main

    source = out / "source"
    shutil.rmtree(out, ignore_errors=True)
    pages.stage(ROOT, source)
    options = ["-q", "-W", "--keep-going", "-b", "html", "-c", str(HERE)]
    options += ["-d", str(out / "doctrees")]
    return int(main([*options, str(source), str(out / "html")]))
