"""A training loop with a tape: what the second and later rounds cost."""

import time
from statistics import median

import numpy as np

import tapec
from benchmarks.report import Table
from benchmarks.timing import show
from benchmarks.workloads.step import loss, make
from tapec import programs
from tapec.passes import pipeline

ABOUT = """\
The same training step (2-32-32-1, batch 32) in an undecorated loop: a tape, its
gradient, six updates. A structure met for the first time is interpreted, met again it
is compiled, then its program is found. *passes* and *compiled* count what ran."""


def run(quick):
    counts = Counter()
    pipeline_run, pipeline.run = pipeline.run, counts.wrap(pipeline.run)
    try:
        programs.clear()
        rows = measure(counts, 50 if quick else 500)
    finally:
        pipeline.run = pipeline_run
    columns = ["round", "time", "passes", "compiled"]
    return [Table("The second tape", ABOUT, columns, rows)]


class Counter:
    """Counts the runs of the pass pipeline."""

    def __init__(self):
        self.runs = 0

    def wrap(self, function):
        def counted(*args, **kw):
            self.runs += 1
            return function(*args, **kw)

        return counted

    def read(self):
        return self.runs, programs.stats["compiled"]


def measure(counts, later):
    *start, x, y = make()
    parameters = [tapec.Variable(a) for a in start]
    rows = []
    for name, repeats in (("first", 1), ("second", 1), ("third", 1), ("later", later)):
        before, times = counts.read(), []
        for _ in range(repeats):
            begin = time.perf_counter()
            train(parameters, x, y)
            times.append(time.perf_counter() - begin)
        ran = [b - a for a, b in zip(before, counts.read(), strict=True)]
        rows.append([name, show(median(times)), *map(str, ran)])
    assert all(np.isfinite(p.numpy()).all() for p in parameters)
    return rows


def train(parameters, x, y):
    with tapec.GradientTape() as tape:
        value = loss(*parameters, x, y)
    for p, g in zip(parameters, tape.gradient(value, parameters), strict=True):
        p.assign_sub(1e-3 * g)
