"""The site is built without a network and without a warning."""

import inspect
import os
import re
import subprocess
import sys

import pytest

import tapec
from docs.site.pages import GENERATED, SECTIONS, linked, sources
from tests.documentation.pages import ROOT

pytest.importorskip("furo")
pytest.importorskip("myst_parser")
pytestmark = pytest.mark.xdist_group("site")  # built once

NO_NETWORK = "import socket, sys; socket.socket.connect = None; import runpy; "
RUN = NO_NETWORK + "runpy.run_module('docs.site', run_name='__main__')"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(out)],
        cwd=ROOT,
        env=os.environ | {"TAPEC_VERIFY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_every_page_is_there_and_listed(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    for name in [*sources(ROOT), *GENERATED]:
        assert (site / f"{name}.html").exists(), name
        assert name == "index" or f'href="{name}.html"' in front, name


def test_every_page_has_its_place():
    listed = [name for names in SECTIONS.values() for name in names]
    assert len(listed) == len(set(listed))
    forgotten = {*sources(ROOT), *GENERATED} - {*listed, "index"}
    assert not forgotten, "give it a place in docs/site/pages.py"


ROWS = {
    "tanh": ("any order", "native", ""),
    "mean": ("any order", "native", "`sum`, `divide`"),
    "floor": ("none: constant between jumps", "native", ""),
    "argmax": ("none: whole numbers", "native", ""),
    "isnan": ("none: a truth value", "native", ""),
    "zeros": ("none: the numbers do not matter", "native", "`const`, `broadcast_to`"),
    "matmul": ("any order", "native, BLAS and LAPACK", ""),
    "svd": ("any order", "host: `svd`", ""),
    "erfinv": ("any order", "host: `erfinv`", ""),
    "jv": ("any order, not by `v`", "host: `jv`", ""),
    "betainc": ("any order, not by `a`, not by `b`", "host: `betainc`, `betaln`", ""),
}


def test_what_works_is_what_the_records_say(site):
    text = (site.parent / "source" / "coverage.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines()]
    found = {row[0].strip("|` "): tuple(row[1:4]) for row in rows if len(row) == 5}
    assert {name: found.get(name) for name in ROWS} == ROWS
    assert len(found) > 350
    assert "| `np.histogram` | use np.searchsorted" in text


def test_every_public_name_is_in_the_reference(site):
    text = (site / "api-tapec.html").read_text(encoding="utf-8")
    for name in tapec.__all__:
        if inspect.ismodule(getattr(tapec, name)):
            assert (site / f"api-{name}.html").exists(), name
        else:
            assert f'id="tapec.{name}"' in text, name


def test_links_hold_in_the_site_and_code_is_left_alone(tmp_path):
    text = """[a](ir.md#b) [`c`](../viz/svg.py) `f[1](x)` [d](https://e.org)
```python
back[0](ct)
```
"""
    places = {(ROOT / "docs/ir.md").resolve(): "ir.md"}
    assert linked(text, ROOT / "docs", places, tmp_path) == text.replace(
        "[`c`](../viz/svg.py)", "`c`"
    )


def test_nothing_is_loaded_from_elsewhere(site):
    """A link may lead away; fonts, scripts, styles and pictures are in the folder."""
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"(?:src|srcset)=\"(?:https?:)?//|url\([\"']?(?:https?:)?//", text
        )
        found += re.findall(r"<link[^>]+href=\"(?:https?:)?//[^>]*>|@import[^;]*", text)
        assert not found, path.name
