"""`python -m tapec view`: a page to explore a function."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tapec.cli.command import Command, UsageError, inspection_for, target_arguments

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    target_arguments(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="PATH",
        help="where the page goes (default: FUNCTION.html here)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--values",
        action="store_true",
        help="with the range and the NaN of every value, for these arguments",
    )
    parser.add_argument(
        "--time", action="store_true", help="with the time that each kernel takes"
    )
    parser.add_argument(
        "--no-native",
        action="store_true",
        help="without LLVM, assembly and memory: nothing is compiled",
    )


def _run(args: argparse.Namespace) -> int:
    inspection = inspection_for(args.target, args.args)
    out = Path(args.out or _name(args.target))
    try:
        inspection.html(
            out, native=not args.no_native, values=args.values, time=args.time
        )
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
    sys.stdout.write(f"{out}\n")
    if args.open:
        import webbrowser

        webbrowser.open(out.resolve().as_uri())
    return 0


def _name(target: str) -> str:
    """The page's file: that of the function or of its text."""
    if target == "-" or target.endswith(".tir"):
        return "graph.html" if target == "-" else f"{Path(target).stem}.html"
    return f"{target.rpartition(':')[2]}.html"


COMMAND = Command("view", "write a page to explore a function", _arguments, _run)
