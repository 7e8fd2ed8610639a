"""`python -m tapec run`: the results of a program."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from tapec.cli.command import Command, UsageError, inspection_for, target_arguments

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    target_arguments(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--interpret", action="store_true", help="op by op in NumPy, not native"
    )
    how.add_argument(
        "--compare", action="store_true", help="native code and passes against NumPy"
    )


def _run(args: argparse.Namespace) -> int:
    """The status is 1 if the comparison finds a difference."""
    from tapec.interpret import evaluate

    inspection = inspection_for(args.target, args.args)
    fn = inspection.recorded
    if len(inspection.inputs) != len(fn.params):
        listed = ", ".join(f"%{p.name or p.uid}: {p.type!r}" for p in fn.params)
        raise UsageError(f"--args: the program has the parameters {listed}")
    if args.compare:
        found = inspection.compare()
        sys.stdout.write(f"{found}\n")
        return 0 if found.ok else 1
    if args.interpret:
        results = evaluate(fn, *inspection.inputs)
    else:
        results = inspection.program(*inspection.inputs)
    for value, array in zip(fn.results, results, strict=False):
        text = np.array2string(np.asarray(array), separator=", ")
        sys.stdout.write(f"%{value.name or value.uid}: {value.type!r} = {text}\n")
    return 0


COMMAND = Command("run", "run a program and print its results", _arguments, _run)
