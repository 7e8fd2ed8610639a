"""Tapes of 10,000 to 100,000 scalar ops: is everything linear in the length?

Each length runs in a process of its own, so the peak of memory is its own too.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np

from benchmarks.report import Table

ABOUT = """\
Seconds to record a loop of scalar Python code of so many ops, to record it with its
gradient, to optimize that, to run it interpreted, to compile it and to run it
compiled; peak memory of the process in MB, before and after compiling. Ops counts the
forward half."""

LENGTHS = (10_000, 20_000, 50_000, 100_000)
LIMIT = 300.0


def wander(x, n):
    """About n scalar ops, none like the one before: a map with three parameters."""
    y = 0.5 * x
    for i in range(n // 6):
        x, y = 0.9 * np.sin(x + y) + 0.01 * i, x - 0.3 * y
    return x + y


def run(quick):
    rows = []
    for length in LENGTHS[:2] if quick else LENGTHS:
        print(f"  {length:,} ops", flush=True)
        rows.append(row_of(length, measured(length)))
    columns = [
        "ops",
        "record",
        "with gradient",
        "optimize",
        "interpret",
        "MB",
        "compile",
        "run",
        "MB",
    ]
    return Table("Long tapes", ABOUT, columns, rows)


def row_of(length, found):
    keys = (
        "record",
        "gradient",
        "optimize",
        "interpret",
        "mb",
        "compile",
        "run",
        "mb2",
    )
    cells = []
    for key in keys:
        value = found.get(key)
        if value is None:
            cells.append("-")
        elif key == "run":
            cells.append(f"{value:.4f}")
        else:
            cells.append(f"{value:.0f}" if key.startswith("mb") else f"{value:.2f}")
    return [f"{found.get('ops', length):,}", *cells]


def measured(length):
    """What the child process printed until it ended, or was ended."""
    command = [sys.executable, "-m", "benchmarks.suites.tape_length", str(length)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        text, trouble = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        text = late.stdout.decode() if late.stdout else ""
        trouble = f"stopped after {LIMIT:.0f} s"
    if trouble.strip():
        print(f"    {trouble.strip().splitlines()[-1]}", flush=True)
    found = {}
    for line in text.splitlines():
        found.update(json.loads(line))
    return found


def child(length):
    import tapec
    from tapec.interpret import evaluate
    from tapec.passes import pipeline

    def note(key, value):
        print(json.dumps({key: value}), flush=True)

    def timed(key, function, *args):
        begin = time.perf_counter()
        result = function(*args)
        note(key, time.perf_counter() - begin)
        return result

    def loss(x):
        return wander(x, length)

    x = np.array(0.3)
    forward = timed("record", tapec.jit(loss).traced, x)
    note("ops", len(forward.ops))
    both = timed("gradient", tapec.grad(loss).traced, x)
    optimized = timed("optimize", pipeline.run, both)
    (wanted,) = timed("interpret", evaluate, both, x)
    note("mb", peak())
    from tapec.native.program import compile as compile_native

    program = timed("compile", compile_native, optimized)
    program(x)
    (got,) = timed("run", program, x)
    note("mb2", peak())
    if not np.allclose(got, wanted, rtol=1e-6):
        raise ValueError(f"compiled {got}, interpreted {wanted}")


def peak():
    """Megabytes; Linux counts in kB, macOS in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    child(int(sys.argv[1]))
