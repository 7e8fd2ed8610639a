"""`python -m benchmarks [--quick] [--only NAMES] [--threads N] [--out FILE]`."""

import argparse
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
        "--out", type=Path, help="default benchmarks/RESULTS.md; with --only or --quick"
        " nothing is written unless this is given",
    )  # fmt: skip
    args = parser.parse_args()
    restrict(args.threads)

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
        out.write_text(page(tables, args.threads), encoding="utf-8")
        print(f"wrote {out}")
    return 0


def restrict(threads):
    """As many threads and cores as asked for; before NumPy is imported."""
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
