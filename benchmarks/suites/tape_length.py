"""Tapes of 10,000 to 100,000 scalar ops: is everything linear in the length?

Each length runs in a process of its own, so the peak of memory is its own too.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import Table

ABOUT = """\
Seconds for a `GradientTape` to record a loop of scalar Python code of so many ops, for
its first `gradient()` (differentiate, interpret), to optimize the program with its
gradient, to interpret that, to compile it, and to run it compiled; peak memory of the
process in MB before and after compiling."""

LENGTHS = (10_000, 20_000, 50_000, 100_000)
LIMIT = 300.0


def wander(x, n):
    """About n scalar ops, literals included: a map in the plane that drifts."""
    y = 0.5 * x
    for i in range(n // 9):
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
        "gradient",
        "optimize",
        "interpret",
        "MB",
        "compile",
        "run",
        "MB",
    ]
    return [Table("Long tapes", ABOUT, columns, rows)]


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
    program = f"from benchmarks.suites.tape_length import child; child({length})"
    command = [sys.executable, "-c", program]
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

    x = tapec.constant(0.3)
    with tapec.GradientTape() as tape:
        y = timed("record", loss, x)
        note("ops", len(tape._rec.values))
    wanted = timed("gradient", tape.gradient, y, x).numpy()
    traced = tapec.grad(loss).traced(x.numpy())
    optimized = timed("optimize", pipeline.run, traced)
    (same,) = timed("interpret", evaluate, optimized, x.numpy())
    agree(same, wanted)
    note("mb", peak())
    from tapec.native.program import compile as compile_native

    program = timed("compile", compile_native, optimized)
    program(x.numpy())
    (got,) = timed("run", program, x.numpy())
    note("mb2", peak())
    agree(got, wanted)


def agree(got, wanted):
    if not np.allclose(got, wanted, rtol=1e-6):
        raise ValueError(f"{got} instead of {wanted}")


def peak():
    """Megabytes. What `getrusage` says on Linux begins with the parent's peak."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if "VmHWM" in x)
        return int(line.split()[1]) / 1e3
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS: bytes
