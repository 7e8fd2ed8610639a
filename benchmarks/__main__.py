"""`python -m benchmarks [--quick] [--only NAMES] [--threads N] [--skip PEERS]
[--out FILE]`."""

import argparse
import datetime
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "TAPEC")


def main():
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="short rounds, small sizes"
    )
    parser.add_argument("--only", default="", help="names separated by commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--skip", default="", help="peers to leave out, names separated by commas"
    )
    parser.add_argument(
        "--out", type=Path, help="default benchmarks/RESULTS.md; with --only or --quick"
        " nothing is written unless this is given",
    )  # fmt: skip
    args = parser.parse_args()
    restrict(args.threads)

    from benchmarks import peers

    skipped = [name.strip() for name in args.skip.split(",")]
    peers.PEERS = tuple(peer for peer in peers.PEERS if peer.NAME not in skipped)

    from benchmarks.report import page
    from benchmarks.suites import SUITES

    chosen = [name for name in args.only.split(",") if name] or list(SUITES)
    unknown = [name for name in chosen if name not in SUITES]
    if unknown:
        parser.error(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(SUITES)}"
        )
    tables = []
    for name in chosen:
        print(f"== {name}", flush=True)
        found = SUITES[name](args.quick)
        tables += found
        for table in found:
            print(f"\n{table.markdown()}", flush=True)
    out = args.out
    if out is None and not args.only and not args.quick:
        out = HERE / "RESULTS.md"
    if out is not None:
        picture = chart_beside(out, tables, args.threads)
        out.write_text(page(tables, args.threads, picture), encoding="utf-8")
        print(f"wrote {out}")
    return 0


def chart_beside(out, tables, threads):
    """The name of the chart that was written beside `out`, or None."""
    from benchmarks.chart import draw
    from benchmarks.report import processor

    ratios = next((table.ratios for table in tables if table.ratios), None)
    if not ratios:
        return None
    path = out.with_suffix(".svg")
    about = f"{processor()}, {threads} thread{'s' * (threads > 1)}"
    try:
        draw(ratios, path, f"{about}, {datetime.date.today()}")
    except ImportError:
        print("no chart without matplotlib")
        return None
    return path.name


def restrict(threads):
    """As many threads and cores as asked for; before NumPy is imported.

    tapec keeps no compiled code: a first call is the first one.
    """
    os.environ["TAPEC_CACHE_DIR"] = "0"
    for library in LIBRARIES:
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    os.environ["XLA_FLAGS"] = (
        f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} "
        f"intra_op_parallelism_threads={threads}"
    )
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])


if __name__ == "__main__":
    sys.exit(main())
