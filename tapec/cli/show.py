"""`python -m tapec show`: the IR, LLVM or assembly of a function."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tapec.cli.command import Command, UsageError, inspection_for, target_arguments

if TYPE_CHECKING:
    from tapec.inspect import Inspection

__all__ = ["COMMAND"]

FILES = {
    **{f".{kind}": kind for kind in ("svg", "png", "pdf", "dot", "graphml", "json")},
    ".mmd": "mermaid",
}
"""What writes a file, by its end."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    target_arguments(parser)
    parser.add_argument(
        "--stage",
        default="optimized",
        help="recorded, the name of a pass, optimized (the default), llvm or asm",
    )
    parser.add_argument(
        "--source", action="store_true", help="add the line of your code to each op"
    )
    parser.add_argument(
        "--rails", action="store_true", help="draw the flow of values beside the text"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="PATH",
        help=f"write a picture or a file instead: {', '.join(FILES)}",
    )


def _run(args: argparse.Namespace) -> int:
    inspection = inspection_for(args.target, args.args)
    native = {"llvm": inspection.llvm, "asm": inspection.asm}
    if args.out is not None:
        _write(inspection, args.out, args.stage)
        return 0
    if args.stage in native:
        sys.stdout.write(f"{native[args.stage](source=args.source)}\n")
        return 0
    try:
        text = inspection.text(
            args.stage, rails=args.rails, source=args.source, color="auto"
        )
    except KeyError as error:
        raise UsageError(f"--stage: {error.args[0]}, llvm, asm") from None
    encoding = sys.stdout.encoding or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)
    sys.stdout.write(f"{text}\n")
    return 0


def _write(inspection: Inspection, out: str, stage: str) -> None:
    kind = FILES.get(Path(out).suffix)
    if kind is None:
        raise UsageError(f"{out}: its end is none of {', '.join(FILES)}")
    try:
        getattr(inspection, kind)(out, stage=stage)
    except KeyError as error:
        raise UsageError(f"--stage: {error.args[0]}") from None
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
    except ModuleNotFoundError as error:
        raise UsageError(str(error)) from None


COMMAND = Command("show", "print the IR of a function", _arguments, _run)
