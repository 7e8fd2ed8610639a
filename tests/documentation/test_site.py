"""The site is built without a network and without a warning."""

import re
import subprocess
import sys

import pytest

from docs.site.pages import SECTIONS, sources
from tests.documentation.pages import ROOT

pytest.importorskip("furo")
pytest.importorskip("myst_parser")

NO_NETWORK = "import socket, sys; socket.socket.connect = None; import runpy; "
RUN = NO_NETWORK + "runpy.run_module('docs.site', run_name='__main__')"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_every_page_is_there_and_listed(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    for name in sources(ROOT):
        assert (site / f"{name}.html").exists(), name
        assert name == "index" or f'href="{name}.html"' in front, name


def test_every_page_has_its_place():
    listed = [name for names in SECTIONS.values() for name in names]
    assert len(listed) == len(set(listed))
    forgotten = {*sources(ROOT), *GENERATED} - {*listed, "index"}
    assert not forgotten, "give it a place in docs/site/pages.py"


GENERATED = ()


def test_nothing_is_loaded_from_elsewhere(site):
    """A link may lead away; fonts, scripts, styles and pictures are in the folder."""
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"(?:src|srcset)=\"(?:https?:)?//|url\([\"']?(?:https?:)?//", text
        )
        found += re.findall(r"<link[^>]+href=\"(?:https?:)?//[^>]*>|@import[^;]*", text)
        assert not found, path.name
