"""The command line: `python -m tapec <command>`.

Exit status: 0 done, 1 the input is wrong or a pass failed, 2 the command is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tapec.errors import TapecError

if TYPE_CHECKING:
    from tapec.inspect import Inspection
    from tapec.ir import Function
    from tapec.passes.pipeline import Pass

__all__ = ["COMMANDS", "Command", "UsageError", "main"]


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


class Command(NamedTuple):
    """A subcommand: `arguments` declares its options, `run` gives the exit status."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


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


# --- opt --------------------------------------------------------------------


def _opt_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="IR as text (.tir); - for standard input")
    parser.add_argument(
        "--passes",
        metavar="LIST",
        help='for example "vjp(wrt=[0]),cse,dce"; the default is what compiling does',
    )
    parser.add_argument("--steps", action="store_true", help="print after each pass")


def _opt(args: argparse.Namespace) -> int:
    from tapec.passes.pipeline import DEFAULT, Pass, parse_passes
    from tapec.text import format_module, parse
    from tapec.verify import verify

    try:
        passes = [Pass(p) for p in DEFAULT]
        if args.passes is not None:
            passes = parse_passes(args.passes)
    except ValueError as error:
        raise UsageError(f"--passes: {error}") from None
    fn = parse(_read(args.file), _name(args.file))
    verify(fn)
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


def _name(file: str) -> str:
    return "<stdin>" if file == "-" else file


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: not UTF-8 text") from None


# --- show -------------------------------------------------------------------


def _target_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="FILE.py:FUNCTION",
        help="a decorated or plain function; also package.module:FUNCTION",
    )
    parser.add_argument(
        "--args",
        metavar="ARGS",
        help='arguments as in a call, for example "np.ones(3), 2.0"; the default is '
        "the tuple FUNCTION_args or example_args of the file",
    )


def _inspection(args: argparse.Namespace) -> Inspection:
    from tapec.show import ShowError, inspection_of

    try:
        return inspection_of(args.target, args.args)
    except ShowError as error:
        raise UsageError(str(error)) from None


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
    parser.add_argument(
        "--stage",
        default="optimized",
        help="recorded, the name of a pass, optimized (the default), llvm or asm",
    )
    parser.add_argument(
        "--source", action="store_true", help="add the line of your code to each op"
    )
    parser.add_argument("--svg", metavar="PATH", help="write a picture of it")


def _show(args: argparse.Namespace) -> int:
    inspection = _inspection(args)
    native = {"llvm": inspection.llvm, "asm": inspection.asm}
    if args.stage in native:
        sys.stdout.write(f"{native[args.stage](source=args.source)}\n")
        return 0
    try:
        text = inspection.text(args.stage, source=args.source)
    except KeyError as error:
        raise UsageError(f"--stage: {error.args[0]}, llvm, asm") from None
    sys.stdout.write(f"{text}\n")
    if args.svg is not None:
        try:
            inspection.svg(args.svg, stage=args.stage)
        except OSError as error:
            raise UsageError(f"{args.svg}: {error.strerror}") from None
    return 0


# --- view -------------------------------------------------------------------


def _view_arguments(parser: argparse.ArgumentParser) -> None:
    _target_arguments(parser)
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


def _view(args: argparse.Namespace) -> int:
    inspection = _inspection(args)
    out = Path(args.out or args.target.rpartition(":")[2] + ".html")
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


# --- demo and doctor --------------------------------------------------------


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


COMMANDS = (
    Command("demo", "learn to read handwritten digits", _demo_arguments, _demo),
    Command("doctor", "check this installation", lambda parser: None, _doctor),
    Command("show", "print the IR of a function in a file", _show_arguments, _show),
    Command("view", "write a page to explore a function", _view_arguments, _view),
    Command("opt", "run passes on the text of a function", _opt_arguments, _opt),
)
