"""The README does what it shows: its blocks run, in order, and print what stands there.

`pytest --bless tests/test_readme.py` writes the outputs and the pictures anew.
"""

import re

import pytest

from tests.documentation.pages import ROOT, labels, pictures, run

README = ROOT / "README.md"
DRAWN = ("f.svg", "loop.svg")


@pytest.fixture(scope="module")
def ran(tmp_path_factory, request):
    ran = run(README, tmp_path_factory.mktemp("readme"))
    if request.config.getoption("--bless"):
        README.write_text(ran.blessed(), encoding="utf-8")
        for name in DRAWN:
            (ROOT / "docs" / name).write_bytes((ran.folder / name).read_bytes())
        ran = ran._replace(text=ran.blessed(), shown=[])
    return ran


def test_outputs(ran):
    assert ran.text == ran.blessed(), (
        "read the difference, then: pytest --bless tests/test_readme.py"
    )


@pytest.mark.parametrize("name", DRAWN)
def test_picture_shows_what_the_code_draws_now(ran, name):
    assert name in pictures(ran.text)
    shown, now = (at / name for at in (ROOT / "docs", ran.folder))
    assert labels(shown.read_text("utf-8")) == labels(now.read_text("utf-8"))


def test_links_lead_somewhere():
    text = README.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text)
    assert targets
    for target in (a or b for a, b in targets):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([\w-]+)", README.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
