"""Value and gradient of the workloads, by tapec and whoever else is installed."""

from statistics import median

import numpy as np

from benchmarks import peers
from benchmarks.contestant import Contestant, copied, take_turns
from benchmarks.report import Table
from benchmarks.timing import show
from benchmarks.workloads import WORKLOADS

ABOUT = """\
Median time of one call for value and gradient; in brackets the ratio to tapec. *hand
C* is the gradient derived and written in C (`-O3 -march=native -ffast-math`), *by hand*
the same in NumPy with every buffer made beforehand (in plain Python for `rosen2`).
Inputs are NumPy arrays; those of JAX, torch and Dr.Jit are their own already. Each has
a process of its own, and they take turns."""

FIRST = """\
The first call in a new process and what prepares it: trace, differentiate, optimize,
compile, run. Nothing compiled is kept from other processes. Importing comes before: of
tapec, its compiler is part of that, which is otherwise imported when it is needed."""

PATIENCE = 60.0
"""Seconds that a peer has until its first result."""


def run(quick, workloads=(), threads=1):
    """workloads: names; all if there are none."""
    names = [peer.NAME for peer in peers.PEERS]
    rows, first_rows, ratios, imports = [], [], {}, {name: [] for name in names}
    for workload in WORKLOADS:
        if workloads and workload.name not in workloads:
            continue
        print(f"  {workload.name}", flush=True)
        contestants, notes = invited(workload, names, threads)
        try:
            budget = 0.3 if quick else 4.0
            found = take_turns(contestants, budget, threads)
        finally:
            for contestant in contestants.values():
                contestant.leave()
        times = {name: median(each) for name, each in found.items()}
        rows.append([f"`{workload.name}`", *(cell(n, times, notes) for n in names)])
        if "tapec" in times:
            base = times["tapec"]
            others = {n: t / base for n, t in times.items() if n != "tapec"}
            ratios[workload.name] = others
        starts = {n: show(c.first) for n, c in contestants.items()}
        first_rows.append([f"`{workload.name}`", *(starts.get(n, "-") for n in names)])
        for name, contestant in contestants.items():
            imports[name].append(contestant.imported)
    importing = [show(median(i)) if i else "-" for i in imports.values()]
    columns = ["workload", *names]
    return [
        taking_part(Table("Value and gradient", ABOUT, columns, rows, ratios)),
        taking_part(
            Table(
                "The first call", FIRST, columns, [["import", *importing], *first_rows]
            )
        ),
    ]


def invited(workload, names, threads):
    """Those whose result is right, and by name why others do not take part."""
    args = workload.make()
    reference = copied(workload.by_hand(*args)())
    contestants, notes = {}, {}
    for name in names:
        one = Contestant(name, workload.name, PATIENCE, threads)
        why_not = one.why_not
        if not why_not:
            wrong = difference(one.result, reference, workload.rtol)
            if wrong:
                print(f"    {name}: {wrong}", flush=True)
                why_not = "wrong"
        if why_not:
            one.leave()
            notes[name] = why_not
        else:
            contestants[name] = one
    return contestants, notes


def cell(name, times, notes):
    if name not in times:
        return notes.get(name, "-")
    base = times.get("tapec")
    ratio = "" if name == "tapec" or base is None else f" ({times[name] / base:.2f})"
    return show(times[name]) + ratio


def taking_part(table):
    """The table without the columns in which nobody is."""
    kept = [k for k, column in enumerate(zip(*table.rows, strict=True))
            if k == 0 or any(cell != "-" for cell in column)]  # fmt: skip
    rows = [[row[k] for k in kept] for row in table.rows]
    return table._replace(columns=[table.columns[k] for k in kept], rows=rows)


def difference(got, wanted, rtol):
    """What is wrong, relative to the largest number of each array; empty when right."""
    for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if a.size != b.size:
            return f"result {i} has shape {a.shape} instead of {b.shape}"
        scale = np.max(np.abs(b), initial=1e-30)
        error = np.max(np.abs(a.ravel() - b.ravel()), initial=0.0) / scale
        if not error <= rtol:
            return f"result {i} is off by {error:.1e}"
    return ""
