"""Pages that do what they show: their blocks run, in order, in one program per page.

    ```python      run; what it prints stands in the block `text` below it
    ```sh          commands; their output stands in the block `text` below them
    ```console     a session: `$ command` or `>>> expression`, answers to what the
                   program asks, and all that is printed, in one block
    ```tir         reads back to the same text

The code in a table's column named `tapec` runs at the end, cell by cell.
Every other language is in `FOREIGN`: not ours, and not run.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import linecache
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FILE = "fit.py"  # what errors and listings call the reader's file
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(
    r'!\[[^\]]*\]\((?:docs/)?([\w-]+\.svg)\)|src="(?:docs/)?([\w-]+\.svg)"'
)
PROMPTS = ("(tapec) ", "(Pdb) ")
STOPPED = re.compile(r"^> .*\(\d+\)\w+\(\)\n(?:-> .*\n)?", re.MULTILINE)
"""Where Python's debugger stops: another line in each version."""
FOREIGN = {"c": "C", "ebnf": "a grammar", "cmake": "CMake", "toml": "TOML"}
NOT_RUN = ("pip", "make", ".ci/run")
"""Programs of sessions that are not started."""


class Block(NamedTuple):
    kind: str
    tags: str  # what stands behind the language
    body: str
    begin: int  # of the body, in the text of the page
    end: int


def blocks(text: str) -> list[Block]:
    return [Block(m[1], m[2], m[3], m.start(3), m.end(3)) for m in FENCE.finditer(text)]


class Run(NamedTuple):
    """What a page shows: (block that shows an output, what it would show now)."""

    text: str
    shown: list[tuple[Block, str]]
    folder: Path

    def blessed(self) -> str:
        text = self.text
        for block, output in reversed(self.shown):
            text = text[: block.begin] + output + text[block.end :]
        return text


def run(path: Path, folder: Path) -> Run:
    """Run a page's blocks in `folder`, where its files are written."""
    text = path.read_text(encoding="utf-8")
    program = Program()
    shown: list[tuple[Block, str]] = []
    printed: str | None = None
    (folder / "examples").symlink_to(ROOT / "examples")
    with contextlib.chdir(folder):
        for block in blocks(text):
            if block.kind == "text":
                assert printed is not None, f"{path.name}: an output without code"
                shown.append((block, tidy(printed)))
                printed = None
                continue
            assert not printed, f"{path.name}: output that it does not show: {printed}"
            if is_foreign(block):
                printed = None
            elif block.kind == "console":
                shown.append((block, tidy(program.session(block.body))))
            elif block.kind == "tir":
                shown.append((block, reprinted(block.body)))
            elif block.kind == "sh":
                printed = "".join(map(program.command, block.body.splitlines()))
            else:
                assert block.kind == "python", f"{path.name}: a block of {block.kind}"
                printed = program.run(block.body)
        program.table(path.name, cells(text))
    assert not printed, f"{path.name}: output that it does not show: {printed}"
    return Run(text, shown, folder)


def cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, its pieces of code) of each cell in a column that is named tapec."""
    column = None
    for number, line in enumerate(text.splitlines(), 1):
        parts = [part.strip() for part in line.split(" | ")]
        if not line.startswith("|"):
            column = None
        elif "tapec" in parts:
            column = parts.index("tapec")
        elif column is not None and not line.startswith("|---"):
            yield number, re.findall(r"`([^`]+)`", parts[column])


def is_foreign(block: Block) -> bool:
    """Whether a block is not ours to run: another language, or another library."""
    return bool(block.tags.strip()) or block.kind in FOREIGN


class Program:
    """The Python of a page: all blocks together are one file, known to tracebacks."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "fit"}
        self.lines: list[str] = []

    def run(self, body: str) -> str:
        """What the code prints."""
        above = "\n" * len(self.lines)
        self.lines += body.splitlines(keepends=True)
        linecache.cache[FILE] = (len(self.lines), None, self.lines, FILE)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(above + body, FILE, "exec", dont_inherit=True), self.names)
        return out.getvalue()

    def command(self, line: str, answers: str = "") -> str:
        """What a command prints; `python -m tapec` runs in this process."""
        words = shlex.split(line, comments=True)
        env = {}
        while "=" in words[0]:
            name, _, env[name] = words.pop(0).partition("=")
        if words[0] in NOT_RUN:
            return ""
        assert words[0] == "python", line
        Path(FILE).write_text("".join(self.lines), encoding="utf-8")
        if words[1:3] == ["-m", "tapec"] and not env:
            return command_line(words[3:])
        done = subprocess.run(
            [sys.executable, *words[1:]],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
            input=answers,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def typed(self, line: str, answers: list[str]) -> str:
        """What a line at Python's prompt prints; the file does not get it."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), typing(answers):
            exec(compile(line, "<stdin>", "single", dont_inherit=True), self.names)
        return out.getvalue()

    def table(self, page: str, found: Iterator[tuple[int, list[str]]]) -> None:
        """Run the code of tables' cells: the pieces of one after the other."""
        names = dict(self.names)
        for number, pieces in found:
            assert pieces, f"{page}:{number}: nothing to run"
            for code in pieces:
                with contextlib.redirect_stdout(io.StringIO()):
                    place = f"{page}:{number}"
                    exec(compile(code, place, "exec", dont_inherit=True), names)

    def session(self, body: str) -> str:
        """The session as it would be now."""
        out = ""
        for first, answers in entries(body):
            out += f"{first}\n"
            if first.startswith("$ "):
                out += self.command(first[2:], "".join(f"{a}\n" for a in answers))
            else:
                out += self.typed(first.removeprefix(">>> "), answers)
        return STOPPED.sub("", out)


def entries(body: str) -> Iterator[tuple[str, list[str]]]:
    """(what is typed at `$` or `>>>`, what is typed at the prompts after it)."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith(("$ ", ">>> ")):
            found.append((line, []))
        for prompt in PROMPTS:
            if line.startswith(prompt):
                found[-1][1].append(line.removeprefix(prompt))
    return iter(found)


@contextlib.contextmanager
def typing(answers: list[str]) -> Iterator[None]:
    """A terminal at which the answers are typed."""
    left = iter(answers)

    def answer(prompt: str = "") -> str:
        line = next(left)
        print(f"{prompt}{line}")
        return line

    asked, builtins.input = builtins.input, answer
    try:
        yield
    finally:
        builtins.input = asked
    assert not list(left), "answers that nobody asked for"


def command_line(words: list[str]) -> str:
    from tapec.cli import main

    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main(words)
    assert status == 0, errors.getvalue()
    return out.getvalue()


def reprinted(body: str) -> str:
    from tapec.text import format_module, parse

    return f"{format_module(parse(body))}\n"


def tidy(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def pictures(text: str) -> list[str]:
    """The pictures of docs/ that a page shows."""
    return [a or b for a, b in PICTURE.findall(text)]


def labels(svg: str) -> Counter[str]:
    texts = (e for e in ET.fromstring(svg).iter() if e.tag.endswith("}text"))
    return Counter("".join(e.itertext()) for e in texts)
