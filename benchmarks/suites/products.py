"""Matrix products by tapec's own code and by BLAS: which is faster, and by how much?"""

import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.report import Table

ABOUT = """\
Products C[m,n] = A[m,k] B[k,n] of a compiled function, {threads} thread(s): billions of
operations per second at best, by tapec's own code and by the BLAS that tapec calls
otherwise; and the time of the first in parts of that of the second. An operand that is
stored transposed is marked so. What tapec leaves to BLAS anyway is in brackets."""

COLUMNS = ["m", "k", "n", "stored", "dtype", "own", "BLAS", "ratio"]
SIZES = (
    (64, 784, 256), (512, 784, 256), (784, 64, 256), (64, 128, 256), (64, 256, 10),
    (16, 64, 64), (32, 32, 32), (64, 64, 64), (100, 100, 100), (128, 128, 128),
    (200, 200, 200), (256, 256, 256), (400, 400, 400), (512, 512, 512),
    (8, 500, 500), (1000, 100, 30),
)  # fmt: skip
STORED = {"A B": (0, 0), "A' B": (1, 0), "A B'": (0, 1)}
ENOUGH = 2e-3
"""Seconds of a round, about: of all sizes several times as many as a turn of others."""


def run(quick):
    tables = []
    for threads in (1, 2):
        code = f"from benchmarks.suites.products import child; child({quick})"
        env = {**os.environ}
        env |= {"OPENBLAS_NUM_THREADS": str(threads), "TAPEC_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=env,
        )  # fmt: skip
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        about = ABOUT.format(threads=threads)
        tables.append(Table(f"Products, threads: {threads}", about, COLUMNS, rows))
    return tables


def child(quick):
    if hasattr(os, "sched_setaffinity"):  # whatever the other benchmarks may use
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    cases = itertools.product(SIZES[::5] if quick else SIZES, STORED.items(), "fd")
    for (m, k, n), (stored, turned), letter in cases:
        cells = [str(m), str(k), str(n), stored, np.dtype(letter).name]
        own, blas, is_left = speeds((m, k, n), turned, letter, 3 if quick else 15)
        shown = f"({own:.0f})" if is_left else f"{own:.0f}"
        print(
            json.dumps([*cells, shown, f"{blas:.0f}", f"{blas / own:.2f}"]), flush=True
        )


def speeds(sizes, turned, letter, rounds):
    """Of tapec's own code and of BLAS; and whether tapec calls BLAS at this size."""
    from tapec.native import gemm, steps

    m, k, n = sizes
    rng = np.random.default_rng(0)
    a = rng.normal(size=(k, m) if turned[0] else (m, k)).astype(letter)
    b = rng.normal(size=(n, k) if turned[1] else (k, n)).astype(letter)
    chosen, is_for_blas = steps.gemm, gemm._is_for_blas
    is_left = []
    calls = []
    try:
        gemm._is_for_blas = lambda shape: is_left.append(is_for_blas(shape))
        calls.append(compiled(sizes, turned, letter))
        steps.gemm = lambda op: None
        calls.append(compiled(sizes, turned, letter))
    finally:
        steps.gemm, gemm._is_for_blas = chosen, is_for_blas
    work = 2e-9 * m * k * n
    times = best(calls, (a, b), max(1, int(ENOUGH * 100 / work)), rounds)
    return *(work / t for t in times), not is_left or is_left[0]


def compiled(sizes, turned, letter):
    """The program of one product, without tapec's passes."""
    from tapec.native.program import compile
    from tapec.text import parse

    m, k, n = sizes
    t = {"f": "f32", "d": "f64"}[letter]
    stored_a, stored_b = (
        (k, m) if turned[0] else (m, k),
        (n, k) if turned[1] else (k, n),
    )
    lines, a, b = [], "%a", "%b"
    if turned[0]:
        lines.append(f"%2: {t}[{m},{k}] = transpose %a perm=(1, 0)")
        a = "%2"
    if turned[1]:
        lines.append(f"%2: {t}[{k},{n}] = transpose %b perm=(1, 0)")
        b = "%2"
    result = f"%{2 + len(lines)}"
    lines += [f"{result}: {t}[{m},{n}] = matmul {a}, {b}", f"return {result}"]
    kinds = [f"{t}[{','.join(map(str, s))}]" for s in (stored_a, stored_b)]
    head = f"func @f(%a: {kinds[0]}, %b: {kinds[1]})"
    return compile(parse(head + " {\n  " + "\n  ".join(lines) + "\n}"))


def best(calls, arguments, repetitions, rounds):
    """Seconds of each call, in turns."""
    times = [float("inf")] * len(calls)
    for _ in range(rounds):
        for number, call in enumerate(calls):
            call(*arguments)
            begin = time.perf_counter()
            for _ in range(repetitions):
                call(*arguments)
            passed = (time.perf_counter() - begin) / repetitions
            times[number] = min(times[number], passed)
    return times
