"""Jupyter: what a notebook shows of an inspection, and the cell magic `%%tapec`.

%load_ext tapec

%%tapec --overlay time
loss(w, x)          # the last line is a call: its graph is shown below the result
"""

from __future__ import annotations

import argparse
import ast
import html
import itertools
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapec.inspect import Inspection

__all__ = ["Frame", "bundle", "load_ipython_extension"]

LARGEST = 1_000_000
"""Characters of one output; a notebook that holds more becomes unusable."""

MOST = 300
"""Ops of a graph that is drawn without being asked for."""

_outputs = itertools.count(1)


def bundle(inspection: Inspection) -> dict[str, str]:
    """The picture as HTML next to the text; the text alone for what is too large."""
    shown = {"text/plain": repr(inspection)}
    if len(inspection.stage("dce").ops) <= MOST:
        svg = picture(inspection)
        if len(svg) <= LARGEST:
            shown["text/html"] = svg
    return shown


def picture(inspection: Inspection, **options: Any) -> str:
    """The SVG with ids that no other output of this process has."""
    return inspection.svg(prefix=f"tapec{next(_outputs)}", **options)


class Frame:
    """A page inside an output, without access to the notebook around it."""

    def __init__(self, page: str, height: int = 640) -> None:
        self.page = page
        self.height = height

    def _repr_html_(self) -> str:
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(self.page)}" '
            f'style="width:100%;height:{self.height}px;border:1px solid #d5dbe3" '
            'title="tapec explorer"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<page of {len(self.page)} characters>"


# --- the magic ----------------------------------------------------------------------


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext tapec` calls."""
    shell.register_magic_function(
        lambda line, cell: _magic(shell, line, cell), "cell", "tapec"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="%%tapec", add_help=False)
    parser.add_argument("--stage", default=None, help="recorded, or a pass")
    parser.add_argument(
        "--overlay", default=None, help="time, bytes, range, nan or path"
    )
    parser.add_argument("--text", action="store_true", help="the IR, no picture")
    parser.add_argument("--explore", action="store_true", help="the explorer")
    return parser


def _magic(shell: Any, line: str, cell: str) -> Any:
    """Run the cell; show the graph of the call that its last line is."""
    show: Any = import_module("IPython.display")
    usage_error: Any = import_module("IPython.core.error").UsageError
    from tapec.inspect import inspect

    try:
        options = _parser().parse_args(line.split())
    except SystemExit:
        raise usage_error(_parser().format_usage().strip()) from None
    body, call = _split(cell)
    if call is None:
        raise usage_error("%%tapec: the last line of the cell is no call f(x, ...)")
    done = shell.run_cell(body)
    if not done.success:
        return None
    fun = shell.ev(ast.unparse(call.func))
    args, kw = shell.ev(ast.unparse(_collected(call)))
    inspection = inspect(fun, *args, **kw)
    if options.text:
        text = inspection.text(options.stage or "optimized", source=True)
        sys.stdout.write(f"{text}\n")
    elif options.explore:
        show.display(Frame(inspection.html()))
    else:
        svg = picture(inspection, stage=options.stage, overlay=options.overlay)
        show.display(show.HTML(svg))
    return fun(*args, **kw)


def _split(cell: str) -> tuple[str, ast.Call | None]:
    """All lines but the last statement, and that if it is a call."""
    tree = ast.parse(cell)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
        return cell, None
    lines = cell.splitlines(keepends=True)[: last.lineno - 1]
    return "".join(lines), last.value


def _collected(call: ast.Call) -> ast.expr:
    """An expression for the arguments: `(lambda *a, **k: (a, k))(...)`."""
    collect = ast.parse("(lambda *a, **k: (a, k))", mode="eval").body
    return ast.Call(collect, call.args, call.keywords)
