"""`python -m tapec demo` and `doctor`."""

from __future__ import annotations

import argparse
import sys

from tapec.cli.command import Command, UsageError

__all__ = ["DEMO", "DOCTOR"]


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        metavar="DIR",
        default=".",
        help="where digits.svg goes (default: here)",
    )


def _demo(args: argparse.Namespace) -> int:
    from tapec.demo.program import run

    try:
        run(args.out)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from tapec.doctor import examine, table

    rows = list(examine())
    sys.stdout.write(f"{table(rows)}\n")
    return 0 if all(row.fine for row in rows) else 1


DEMO = Command("demo", "learn to read handwritten digits", _demo_arguments, _demo)
DOCTOR = Command("doctor", "check this installation", lambda parser: None, _doctor)
