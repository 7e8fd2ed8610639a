"""The command line: `python -m tapec <command>`.

Exit status: 0 done; 1 the input is wrong, a pass failed, or a difference was found; 2
the command is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tapec.cli import diff, opt, others, run, show, view
from tapec.cli.command import Command, UsageError
from tapec.errors import TapecError

__all__ = ["COMMANDS", "Command", "UsageError", "main"]

COMMANDS = (
    *(others.DEMO, others.DOCTOR),
    *(show.COMMAND, view.COMMAND, opt.COMMAND, diff.COMMAND, run.COMMAND),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors are one clear message on standard error."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except UsageError as error:
        return _complain(error, 2)
    except TapecError as error:
        return _complain(error, 1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough
        return 0
    return status


def _complain(error: Exception, status: int) -> int:
    notes = [f"({note})" for note in getattr(error, "__notes__", ())]
    sys.stderr.write("\n".join([f"tapec: {error}", *notes]) + "\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tapec", description=_DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.help, description=command.help
        )
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


_DESCRIPTION = "A tape-tracing gradient compiler and visualizer for NumPy code."
