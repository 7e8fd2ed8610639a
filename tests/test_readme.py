"""The README does what it shows: its blocks run, in order, and print what stands there.

`pytest --bless tests/test_readme.py` writes the outputs and the picture anew.
"""

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURES = {name: ROOT / "docs" / name for name in ("f.svg", "loop.svg")}
FILE = "fit.py"  # what errors and listings call the user's file


class Block(NamedTuple):
    kind: str
    body: str
    begin: int  # of the body, in the text of the README
    end: int


def blocks(text: str) -> list[Block]:
    return [Block(m[1], m[2], m.start(2), m.end(2)) for m in FENCE.finditer(text)]


def run_python(body: str, names: dict[str, object], lines: list[str]) -> str:
    """What the code prints. All blocks together are one file, known to tracebacks."""
    above = "\n" * len(lines)
    lines += body.splitlines(keepends=True)
    linecache.cache[FILE] = (len(lines), None, lines, FILE)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(above + body, FILE, "exec"), names)
    return out.getvalue()


def run_shell(body: str) -> str:
    out = ""
    for line in body.splitlines():
        program, *words = line.split()
        assert program == "python", line
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        out += done.stdout
    return out


def tidy(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, request):
    """(block that shows an output, the output), and the folder with the pictures."""
    text = README.read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("readme")
    found: list[tuple[Block, str]] = []
    names: dict[str, object] = {"__name__": "fit"}
    lines: list[str] = []
    printed = None
    with contextlib.chdir(folder):
        for block in blocks(text):
            if block.kind == "text":
                assert printed is not None, "an output without code above it"
                found.append((block, tidy(printed)))
                printed = None
                continue
            assert not printed, f"output that the README does not show: {printed}"
            if block.kind == "sh":
                printed = run_shell(block.body)
            else:
                assert block.kind == "python", block.kind
                printed = run_python(block.body, names, lines)
    if request.config.getoption("--bless"):
        bless(text, found, folder)
    return found, folder


def bless(text: str, found: list[tuple[Block, str]], folder: Path) -> None:
    for block, output in reversed(found):
        text = text[: block.begin] + output + text[block.end :]
    README.write_text(text, encoding="utf-8")
    for name, path in PICTURES.items():
        path.write_text((folder / name).read_text(encoding="utf-8"), encoding="utf-8")


def test_outputs(outputs):
    shown = [b.body for b in blocks(README.read_text("utf-8")) if b.kind == "text"]
    now = [output for _, output in outputs[0]]
    assert shown == now, (
        "read the difference, then: pytest --bless tests/test_readme.py"
    )


@pytest.mark.parametrize("name", PICTURES)
def test_picture_shows_what_the_code_draws_now(outputs, name):
    now = (outputs[1] / name).read_text(encoding="utf-8")
    assert labels(PICTURES[name].read_text(encoding="utf-8")) == labels(now)


def labels(svg: str) -> Counter[str]:
    texts = (e for e in ET.fromstring(svg).iter() if e.tag.endswith("}text"))
    return Counter("".join(e.itertext()) for e in texts)


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
