"""From which size on do two threads pay?

In a process of its own, in which every kernel is split, however small; with chunks of
about the length that tapec gives them otherwise.
"""

import json
import os
import subprocess
import sys
import time
from statistics import median

import numpy as np

from benchmarks.report import Table
from benchmarks.timing import show

ABOUT = """\
One call of a compiled function with one thread and with two (a core for each), medians
and what remains of the time; and the nanoseconds that tapec estimates for its kernel,
which decide: kernels of more than {worth:,} ns are shared. A call right after another
finds the other thread awake; after a pause of a millisecond it has to be woken."""

COLUMNS = ["kernel", "elements", "estimate (ns)", "1 thread", "2 threads", "ratio"]
COLUMNS += ["1 thread, rested", "ratio"]
SIZES = (1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 18, 1 << 20, 1 << 22)
FUNCTIONS = {
    "x + 1": lambda x: x + 1.0,
    "exp(x) * sin(x)": lambda x: np.exp(x) * np.sin(x),
    "sum of tanh(x)": lambda x: np.sum(np.tanh(x)),
}


def run(quick):
    from tapec.native import split

    command = [sys.executable, "-c", "from benchmarks.suites.threads import child"]
    command[-1] += f"; child({quick})"
    env = {**os.environ, "TAPEC_CACHE_DIR": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [Table("Threads", ABOUT.format(worth=split.WORTH), COLUMNS, rows)]


def child(quick):
    import tapec
    from tapec.native import split

    if hasattr(os, "sched_setaffinity"):  # whatever the other benchmarks may use
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    split.WORTH = 0
    split.LEAST /= 4
    for name, function in FUNCTIONS.items():
        for size in SIZES[::3] if quick else SIZES:
            f = tapec.jit(function)
            x = np.random.default_rng(0).normal(size=size)
            (kernel,) = tapec.inspect(f, x).kernels
            cells = [name, f"{size:,}", f"{split.time_of(kernel.body):,.0f}"]
            for pause in (0.0, 1e-3):
                one, two = medians(tapec.config, lambda f=f, x=x: f(x), pause, quick)
                cells += [show(one), show(two)][: 1 if pause else 2]
                cells.append(f"{two / one:.2f}")
            print(json.dumps(cells), flush=True)


def medians(config, call, pause, quick):
    """Seconds of a call with one thread and with two, in turns."""
    times = {1: [], 2: []}
    for _ in range(20 if quick else 400):
        for threads, found in times.items():
            config.threads = threads
            call()
            time.sleep(pause)
            begin = time.perf_counter()
            call()
            found.append(time.perf_counter() - begin)
    return median(times[1]), median(times[2])
