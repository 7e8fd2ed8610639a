"""What a command is, and what commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tapec.inspect import Inspection

__all__ = ["Command", "UsageError", "inspection_for", "read", "target_arguments"]


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


class Command(NamedTuple):
    """A subcommand: `arguments` declares its options, `run` gives the exit status."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def read(file: str) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8 text") from None


def target_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look at, and with which arguments."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="FILE.py:FUNCTION, decorated or plain; package.module:FUNCTION; or IR as "
        "text: FILE.tir, - for standard input",
    )
    parser.add_argument(
        "--args",
        metavar="ARGS",
        help='arguments as in a call, for example "np.ones(3), 2.0"; the default is '
        "the tuple FUNCTION_args or example_args of the file",
    )


def inspection_for(target: str, args: str | None) -> Inspection:
    """What tapec makes of a target; UsageError when that says nothing."""
    from tapec.cli.target import TargetError, inspection_of

    if target == "-" or target.endswith(".tir"):
        from tapec.cli.text import inspection_of_text

        return inspection_of_text(read(target), target, args)
    try:
        return inspection_of(target, args)
    except TargetError as error:
        raise UsageError(str(error)) from None
