"""Every page of docs/ does what it shows.

`pytest --bless tests/documentation` writes outputs and pictures anew.
"""

import re

import pytest

from docs.site.pages import GENERATED
from tests.documentation.pages import (
    FOREIGN,
    ROOT,
    blocks,
    is_foreign,
    labels,
    pictures,
    run,
)

PAGES = sorted((ROOT / "docs").glob("*.md"))
OTHERS = {"tensorflow", "jax", "torch", "autograd", "joblib", "ray", "mpi"}
"""Libraries whose spellings a page may show, as in "```python jax"."""
NOT_OF_A_PAGE = {"f.svg", "loop.svg"}
"""Pictures that the README draws."""

NEEDS = {"distributed": "distributed"}
"""Packages of extras that a page uses."""

by_name = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@by_name
def test_it_shows_what_it_does(path, tmp_path, request):
    pytest.importorskip(NEEDS.get(path.stem, "tapec"))
    ran = run(path, tmp_path)
    if request.config.getoption("--bless"):
        path.write_text(ran.blessed(), encoding="utf-8")
        for name in drawn(ran.text):
            (ROOT / "docs" / name).write_bytes((tmp_path / name).read_bytes())
        return
    assert ran.text == ran.blessed(), (
        "read it, then: pytest --bless tests/documentation"
    )
    for name in drawn(ran.text):
        shown, now = ((at / name).read_text("utf-8") for at in (path.parent, tmp_path))
        assert labels(shown) == labels(now), f"{name} is not what the page draws now"


def drawn(text):
    return [name for name in pictures(text) if name not in NOT_OF_A_PAGE]


@by_name
def test_its_code_stands_in_blocks_that_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "```" not in outside, "a block that is indented or has no language"
    assert not re.search(r"\n\n {4}", outside), "an indented block is not run"
    for block in filter(is_foreign, blocks(text)):
        assert block.kind in FOREIGN or block.tags.strip() in OTHERS, block


@by_name
def test_its_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    for target in targets:
        place = target.partition("#")[0]
        made = place.removesuffix(".md") in GENERATED
        there = made or (path.parent / place).exists()
        assert there or target.startswith("https://"), target
