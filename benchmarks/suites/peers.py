"""Value and gradient of the workloads, by tapec and whoever else is installed."""

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.report import Table
from benchmarks.timing import first, interleaved, show
from benchmarks.workloads import WORKLOADS

ABOUT = """\
Median time of one call for value and gradient; in brackets the ratio to tapec. *hand
C* is the gradient derived and written in C (`-O3 -march=native -ffast-math`), *by hand*
the same in NumPy with every buffer made beforehand (in plain Python for `rosen2`).
Inputs are NumPy arrays; those of JAX, torch and Dr.Jit are their own already."""

FIRST = """\
The first call and what prepares it: trace, differentiate, optimize, compile, run.
Importing comes before."""


def run(quick):
    peers = [peer for peer in PEERS if peer.available()]
    rows, first_rows, ratios = [], [], {}
    for workload in WORKLOADS:
        print(f"  {workload.name}", flush=True)
        times, notes, first_calls = measured(workload, peers, 0.3 if quick else 3.0)
        names = [peer.NAME for peer in peers]
        rows.append([f"`{workload.name}`", *(cell(n, times, notes) for n in names)])
        if "tapec" in times:
            base = times["tapec"]
            others = {n: t / base for n, t in times.items() if n != "tapec"}
            ratios[workload.name] = others
        first_rows.append(
            [f"`{workload.name}`", *(first_calls.get(n, "-") for n in names)]
        )
    columns = ["workload", *(peer.NAME for peer in peers)]
    return [
        Table("Value and gradient", ABOUT, columns, rows, ratios),
        Table("The first call", FIRST, columns, first_rows),
    ]


def measured(workload, peers, budget):
    """By peer: seconds of a call, or a note why not, and the text of the first call."""
    args = workload.make()
    reference = copied(workload.by_hand(*args)())
    calls, notes, first_calls = {}, {}, {}
    for peer in peers:
        try:
            making, call = first(lambda peer=peer: peer.prepare(workload, args))
            if call is None:
                continue
            took, result = first(call)
        except Exception as error:  # one peer's failure is a cell, not the end
            notes[peer.NAME] = type(error).__name__
            print(f"    {peer.NAME}: {type(error).__name__}: {error}", flush=True)
            continue
        wrong = difference(copied(result), reference, workload.rtol)
        if wrong:
            notes[peer.NAME] = "wrong"
            print(f"    {peer.NAME}: {wrong}", flush=True)
            continue
        calls[peer.NAME] = call
        first_calls[peer.NAME] = show(making + took)
    times = {name: m.median for name, m in interleaved(calls, budget).items()}
    return times, notes, first_calls


def cell(name, times, notes):
    if name not in times:
        return notes.get(name, "-")
    base = times.get("tapec")
    ratio = "" if name == "tapec" or base is None else f" ({times[name] / base:.2f})"
    return show(times[name]) + ratio


def copied(result):
    value, gradients = result
    return [np.array(value, float), *(np.array(g, float) for g in gradients)]


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
