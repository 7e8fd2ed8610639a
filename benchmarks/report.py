"""Tables, and the page that collects them."""

import datetime
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple


class Table(NamedTuple):
    """What one benchmark found."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    ratios: Mapping[str, Mapping[str, float]] = {}
    """What a chart shows, if the table has one: by row, by column."""

    def markdown(self) -> str:
        cells = [list(self.columns), *map(list, self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [row_of(row, widths) for row in cells]
        rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
        lines.insert(1, row_of(rule, widths))
        return "\n".join([f"## {self.title}", "", self.about, "", *lines, ""])


def row_of(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    padded = [first.ljust(widths[0])]
    padded += [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |"


def machine(threads: int) -> str:
    """What was measured on, and when."""
    libraries = (
        *("numpy", "scipy", "llvmlite", "jax", "torch", "pytensor", "numba"),
        *("casadi", "drjit", "autograd"),
    )
    found = [f"{name} {v}" for name in libraries if (v := installed(name))]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return "\n".join(
        [
            f"- {datetime.date.today()}, {threads} thread{'s' * (threads > 1)}{load}, "
            f"{commit()}",
            f"- {processor()}, {os.cpu_count()} cores, {platform.system()}, "
            f"Python {platform.python_version()}",
            f"- {', '.join(found)}",
        ]
    )


OTHERS = (":/", ":!/benchmarks/RESULTS.*")
"""All files but those that a run writes itself."""


def commit() -> str:
    """The commit that was measured, and whether the files were those of the commit."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head, changed = (
            subprocess.run(
                [*git, *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (
                ["rev-parse", "--short", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no", "--", *OTHERS],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return f"commit {head}{' with changes' if changed else ''}"


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def page(tables: Sequence[Table], threads: int, picture: str | None = None) -> str:
    """The whole of RESULTS.md. picture: the file of a chart beside it."""
    chart = [] if picture is None else [f"![The same as a picture]({picture})", ""]
    head = [
        "# Results",
        "",
        "Written by `python -m benchmarks`; this folder says what each benchmark does.",
        "Times move from machine to machine; the ratios are what counts.",
        "",
        machine(threads),
        "",
        *chart,
    ]
    return "\n".join([*head, *(table.markdown() for table in tables)])
