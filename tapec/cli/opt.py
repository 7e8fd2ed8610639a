"""`python -m tapec opt`: passes on the text of a function."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tapec.cli.command import Command, UsageError, read
from tapec.errors import TapecError

if TYPE_CHECKING:
    from tapec.ir import Function
    from tapec.passes.pipeline import Pass

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="IR as text (.tir); - for standard input")
    parser.add_argument(
        "--passes",
        metavar="LIST",
        help='for example "vjp(wrt=[0]),cse,dce"; the default is what compiling does',
    )
    parser.add_argument("--steps", action="store_true", help="print after each pass")


def _run(args: argparse.Namespace) -> int:
    from tapec.cli.text import function_of
    from tapec.passes.pipeline import DEFAULT, Pass, parse_passes
    from tapec.text import format_module
    from tapec.verify import verify

    try:
        passes = [Pass(p) for p in DEFAULT]
        if args.passes is not None:
            passes = parse_passes(args.passes)
    except ValueError as error:
        raise UsageError(f"--passes: {error}") from None
    fn = function_of(read(args.file), args.file)
    for step in passes:
        fn = _apply(step, fn)
        verify(fn, after=str(step))
        if args.steps:
            sys.stdout.write(f"; after {step}\n{format_module(fn)}\n\n")
    if not args.steps:
        sys.stdout.write(f"{format_module(fn)}\n")
    return 0


def _apply(step: Pass, fn: Function) -> Function:
    try:
        return step(fn)
    except TapecError:
        raise
    except Exception as error:
        if sys.flags.dev_mode:  # python -X dev -m tapec ... shows the traceback
            raise
        kind = type(error).__name__
        raise TapecError(f"{step} failed: {kind}: {error}") from error


COMMAND = Command("opt", "run passes on the text of a function", _arguments, _run)
