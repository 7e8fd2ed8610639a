"""`python -m benchmarks [--quick] [--only NAMES] [--workloads NAMES] [--threads N]
[--skip PEERS] [--out FILE]`."""

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
    parser.add_argument(
        "--workloads", default="", help="of the peers; names separated by commas"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--skip", default="", help="peers to leave out, names separated by commas"
    )
    parser.add_argument(
        "--out", type=Path, help="default benchmarks/RESULTS.md; with --only, --quick"
        " or --workloads nothing is written unless this is given",
    )  # fmt: skip
    args = parser.parse_args()
    restrict(args.threads)

    from benchmarks import peers

    skipped = names_in(args.skip)
    peers.PEERS = tuple(peer for peer in peers.PEERS if peer.NAME not in skipped)

    from benchmarks.report import page
    from benchmarks.suites import SUITES
    from benchmarks.workloads import WORKLOADS

    workloads = names_in(args.workloads)
    chosen = names_in(args.only) or (["peers"] if workloads else list(SUITES))
    for asked, known in (
        (chosen, list(SUITES)), (workloads, [w.name for w in WORKLOADS]),
    ):  # fmt: skip
        if unknown := [name for name in asked if name not in known]:
            parser.error(f"no {', '.join(unknown)}; there are {', '.join(known)}")
    tables = []
    for name in chosen:
        print(f"== {name}", flush=True)
        more = (workloads, args.threads) if name == "peers" else ()
        found = SUITES[name](args.quick, *more)
        tables += found
        for table in found:
            print(f"\n{table.markdown()}", flush=True)
    out = args.out
    if out is None and not (args.only or workloads or args.quick):
        out = HERE / "RESULTS.md"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        picture = chart_beside(out, tables, args.threads)
        out.write_text(page(tables, args.threads, picture), encoding="utf-8")
        print(f"wrote {out}")
    return 0


def names_in(text):
    return [name.strip() for name in text.split(",") if name.strip()]


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

    Nobody keeps compiled code: a first call is the first one.
    """
    os.environ["TAPEC_CACHE_DIR"] = "0"
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
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
