"""`python -m tapec diff`: what is different about two programs."""

from __future__ import annotations

import argparse
import sys

from tapec.cli.command import Command, UsageError, inspection_for

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("a", "b"):
        parser.add_argument(name, help="as for show; - for standard input, once")
    parser.add_argument("--args", metavar="ARGS", help="for both, as for show")
    parser.add_argument(
        "--stage", default="recorded", help="recorded (the default), or a pass"
    )


def _run(args: argparse.Namespace) -> int:
    """The status is that of `diff`: 0 if there is no difference, else 1."""
    from tapec.debugging.diffs import diff

    if args.a == args.b == "-":
        raise UsageError("standard input can be one of the two programs")
    both = [inspection_for(target, args.args) for target in (args.a, args.b)]
    try:
        found = diff(*both, stage=args.stage)
    except KeyError as error:
        raise UsageError(f"--stage: {error.args[0]}") from None
    if not found:
        return 0
    sys.stdout.write(f"{found}\n")
    return 1


COMMAND = Command("diff", "compare two programs", _arguments, _run)
