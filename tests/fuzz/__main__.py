"""Long runs: `python -m tests.fuzz programs 1000 --seed 1`. See docs/fuzzing.md."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.fuzz import report, running
from tests.fuzz.checks import CHECKS


def main() -> int:
    """Status 1 if anything failed."""
    faulthandler.enable()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    modes = parser.add_subparsers(dest="mode", required=True)
    for name in ("programs", *SEEDED):
        mode = modes.add_parser(name)
        mode.add_argument("count", type=int, help="how many; 0: until interrupted")
        mode.add_argument("--seed", type=int, default=0, help="of the first")
        mode.add_argument(
            "--stuck", type=float, default=120.0, metavar="SECONDS",
            help="after which the process ends with a traceback",
        )  # fmt: skip
    grown = modes.choices["programs"]
    grown.add_argument("--checks", default=",".join(CHECKS))
    grown.add_argument("--out", default="found", help="folder for failures")
    grown.add_argument("--shrink", type=float, default=60.0, metavar="SECONDS")
    modes.add_parser("abuse")
    modes.add_parser("replay").add_argument("files", nargs="+")
    args = parser.parse_args()
    if args.mode == "programs":
        return programs(args)
    if args.mode == "replay":
        return replay(args.files)
    return abused() if args.mode == "abuse" else seeded(args)


# --- programs -----------------------------------------------------------------------


def programs(args: argparse.Namespace) -> int:
    """Grow and check; failures go to files."""
    from tapec.primitive import PRIMITIVES

    tally = running.Tally()
    with suppress(KeyboardInterrupt):
        grow_all(args, tally)
    print(tally)
    print("times that an op stood in a program:")
    print(" ".join(f"{name}:{count}" for name, count in tally.ops.most_common()))
    never = sorted(set(PRIMITIVES) - set(tally.ops))
    print(f"in none: {' '.join(never) or '-'}")
    return 1 if tally.failures else 0


def grow_all(args: argparse.Namespace, tally: running.Tally) -> None:
    """Seed after seed, with a line of progress now and then."""
    checks, shown = args.checks.split(","), time.monotonic()
    for seed in seeds(args):
        for found, known in running.run(seed, tally, checks, args.shrink):
            if not known:
                path = report.write(args.out, found.case, found.check, found.reason)
                print(f"seed {seed}, {found.check}: {found.reason}")
                print(f"python -m tests.fuzz replay {path}", flush=True)
            faulthandler.dump_traceback_later(args.stuck, exit=True)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(f"\n{tally}", file=sys.stderr, flush=True)


def seeds(args: argparse.Namespace):
    """One after the other; a process that hangs at one ends, and says at which."""
    seed = args.seed
    while not args.count or seed < args.seed + args.count:
        faulthandler.dump_traceback_later(args.stuck, exit=True)
        print(f"\rseed {seed} ", end="", file=sys.stderr, flush=True)
        yield seed
        seed += 1
    faulthandler.cancel_dump_traceback_later()
    print(file=sys.stderr)


def replay(paths: list[str]) -> int:
    """Run the checks that files name."""
    status = 0
    for path in paths:
        case, check = report.read(path)
        said = "nothing wrong"
        for eager in (False, True):
            with running.eager(eager):
                found = running.failure(check, case)
            if isinstance(found, running.Failure):
                said, status = found.reason, 1
                break
        print(f"{path}: {said}")
    return status


# --- what needs no program ----------------------------------------------------------


def _sources(seed: int) -> str:
    from tests.fuzz.sourced import run_source

    return run_source(seed)


def _texts(seed: int) -> str:
    from tests.fuzz.texts import check_text, mutated

    return check_text(mutated(seed))


def _pictures(seed: int) -> str:
    from tests.fuzz.escaping import check_pictures

    check_pictures(seed)
    return "well-formed"


def _files(seed: int) -> str:
    from tests.fuzz.disk import check_disk

    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("TAPEC_CACHE_DIR", "")
        os.environ["TAPEC_CACHE_DIR"] = f"{folder}/cache"
        try:
            check_disk(seed, Path(folder) / "cache")
        finally:
            os.environ["TAPEC_CACHE_DIR"] = before
    return "what was stored, or nothing"


def _calls(seed: int) -> str:
    from tests.fuzz.entering import check_call

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_call(seed)


SEEDED: dict[str, Callable[[int], str]] = {
    "sources": _sources,
    "texts": _texts,
    "pictures": _pictures,
    "files": _files,
    "calls": _calls,
}


def seeded(args: argparse.Namespace) -> int:
    """One check per seed; an error is shown, and the next seed is run."""
    states: Counter = Counter()
    with suppress(KeyboardInterrupt):
        for seed in seeds(args):
            try:
                states[SEEDED[args.mode](seed)] += 1
            except Exception as error:
                states["failed"] += 1
                again = f"python -m tests.fuzz {args.mode} 1 --seed {seed}"
                print(f"{again}: {type(error).__name__}: {error}", flush=True)
    print(", ".join(f"{state}: {count}" for state, count in states.most_common()))
    return 1 if states["failed"] else 0


def abused() -> int:
    """Everything in `abuse`."""
    from tests.fuzz.abuse import ABUSES, check_abuse

    status = 0
    for name in ABUSES:
        print(f"{name}: ", end="", flush=True)
        try:
            print(check_abuse(name), flush=True)
        except Exception as error:
            status = 1
            print(f"wrong: {error!r}")
    return status


if __name__ == "__main__":
    sys.exit(main())
