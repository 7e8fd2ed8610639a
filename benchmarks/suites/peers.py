"""Value and gradient of the workloads, by tapec and whoever else is installed."""

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.report import Table
from benchmarks.timing import first, interleaved, show
from benchmarks.workloads import WORKLOADS

ABOUT = """\
Median time of one call for value and gradient; in brackets the ratio to tapec. *by
hand* is the gradient derived and written in NumPy with every buffer made beforehand (in
plain Python for `rosen2`). Inputs are NumPy arrays; JAX's are on its device already."""

FIRST = """\
The first call: trace, differentiate, optimize, compile, run. Importing comes before."""


def run(quick):
    peers = [peer for peer in PEERS if peer.available()]
    rows, first_rows = [], []
    for workload in WORKLOADS:
        print(f"  {workload.name}", flush=True)
        cells, first_calls = row_of(workload, peers, 0.3 if quick else 3.0)
        rows.append([f"`{workload.name}`", *cells])
        first_rows.append([f"`{workload.name}`", *first_calls])
    columns = ["workload", *(peer.NAME for peer in peers)]
    return [
        Table("Value and gradient", ABOUT, columns, rows),
        Table("The first call", FIRST, columns, first_rows),
    ]


def row_of(workload, peers, budget):
    """A cell for each peer: its time, and that of its first call."""
    args = workload.make()
    reference = copied(workload.by_hand(*args)())
    calls, notes, first_calls = {}, {}, {}
    for peer in peers:
        try:
            call = peer.prepare(workload, args)
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
        first_calls[peer.NAME] = show(took)
    times = {name: m.median for name, m in interleaved(calls, budget).items()}
    names = [peer.NAME for peer in peers]
    return (
        [cell(name, times, notes) for name in names],
        [first_calls.get(name, "-") for name in names],
    )


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
