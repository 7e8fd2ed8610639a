"""What it costs to record an op, its place in the user's code included."""

import time
from statistics import median

import numpy as np

import tapec
from benchmarks.report import Table

ABOUT = """\
Median of repetitions on one thread, the collector as Python has it. *ops* counts what
the recording holds: a literal in the text is an op of its own."""


def chain(x, n):
    """Nothing but `x = x * y`."""
    y = tapec.constant(1.0000001)
    for _ in range(n):
        x = x * y
    return x


def numpy_chain(x, n):
    """The same through NumPy: ufuncs that reach the tensor by its protocol."""
    for _ in range(n):
        x = np.tanh(x)
    return x


def mix(x, n):
    """What losses are made of: products, broadcasting, sums, indexing, literals."""
    w = tapec.constant(np.ones((8, 8)))
    b = tapec.constant(np.ones(8))
    for _ in range(n // 10):
        h = np.tanh(x @ w + b)
        top = np.max(h, axis=1, keepdims=True)
        p = np.exp(h - top)
        p = p / np.sum(p, axis=1, keepdims=True)
        x = np.where(p > 0.5, p, 0.1 * h)
    return x


CASES = (
    ("x = x * y", chain, 1.0),
    ("x = np.tanh(x)", numpy_chain, 1.0),
    ("a mix of 8 × 8 arrays", mix, np.ones((8, 8))),
)


def run(quick):
    rows = [
        row_of(name, body, start, 3 if quick else 15) for name, body, start in CASES
    ]
    columns = ["recorded", "ops", "µs per op", "fastest"]
    return [Table("Recording", ABOUT, columns, rows)]


def row_of(name, body, start, repetitions):
    found = []
    for _ in range(repetitions):
        x = tapec.constant(start)
        with tapec.GradientTape() as tape:
            begin = time.perf_counter()
            body(x, 10_000)
            took = time.perf_counter() - begin
            ops = len(tape._rec.values)
        found.append(1e6 * took / ops)
    return [name, f"{ops:,}", f"{median(found):.2f}", f"{min(found):.2f}"]
