"""Where a function repeats: periods, and the runs of ops that keep them.

A fingerprint of each op, free of positions, proposes periods; an exact comparison of
every op with the one a period before finds the runs. Both are a few sweeps over the
columns, so the whole costs well under a microsecond per op.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec.passes.rolling.flat import Flat

__all__ = ["MIN_SAVED", "MIN_TRIPS", "Run", "runs"]

MIN_TRIPS = 4
MIN_SAVED = 24
"""Ops that a loop must take away."""

DEPTH = 3
WINDOW = 4
CANDIDATES = 16
ROUNDS_LEFT = 3
"""Rounds before the steady ones in which carries may still be initial values."""

Words = np.ndarray[Any, np.dtype[np.uint64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_A, _B, _C = (
    np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
)  # xxHash's primes: odd, without pattern


class Run(NamedTuple):
    """Ops `begin:end` repeat with `period`; `steady`: from here on operands do too."""

    begin: int
    end: int
    period: int
    steady: int

    @property
    def length(self) -> int:
        return self.end - self.begin


def runs(flat: Flat) -> list[Run]:
    """Runs worth trying, in order, without overlap."""
    found = [run for p in _periods(flat) for run in _runs_of(flat, p)]
    return _choose(found, flat.count)


# --- periods ------------------------------------------------------------------


def _mix(x: Words) -> Words:
    x = x * _A
    x ^= x >> np.uint64(29)
    x *= _B
    x ^= x >> np.uint64(32)
    return x


def _fingerprints(flat: Flat) -> Words:
    """A hash of the expression above each op to some depth, and of its neighbours.

    It holds no distances: an operand from before the loop is at another one each time.
    """
    own = _mix(flat.tokens.astype(np.uint64))
    place = flat.slot.astype(np.uint64) * _C
    sums = np.zeros(len(flat.args) + 1, dtype=np.uint64)
    h = own
    for _ in range(DEPTH):
        np.cumsum(_mix(h[flat.args] + place), out=sums[1:])  # wraps, exactly
        h = _mix(own ^ (sums[flat.start[1:]] - sums[flat.start[:-1]]))
    h = h[flat.first :]
    w = h.copy()
    for k in range(1, WINDOW):
        w[k:] = w[k:] * _C + h[:-k]
    return w


def _periods(flat: Flat) -> list[int]:
    """Distances between equal fingerprints, those that explain most ops first."""
    w = _fingerprints(flat)
    order = np.argsort(w, kind="stable")
    same = w[order[1:]] == w[order[:-1]]
    distances, counts = np.unique(np.diff(order)[same], return_counts=True)
    n = len(w)
    # outer loops show at the few ops around an inner one: low counts, long distances
    keep = (counts >= 2) & (distances * MIN_TRIPS <= n + distances)
    distances, counts = distances[keep], counts[keep]
    score = np.minimum(counts.astype(float) * distances, 4.0 * n)
    best = np.argsort(-score, kind="stable")[:CANDIDATES]
    return [int(d) for d in distances[best]]


# --- runs ---------------------------------------------------------------------


def _runs_of(flat: Flat, p: int) -> list[Run]:
    """Maximal stretches where each op repeats the one `p` before."""
    least = max((MIN_TRIPS - 2) * p, MIN_SAVED // 2)
    n, first = flat.count, flat.first
    ok = np.zeros(n, dtype=bool)
    ok[first + p :] = flat.tokens[first + p :] == flat.tokens[first : n - p]
    if not _stretches(ok, least):  # most periods: a distance inside of a round
        return []
    return [
        Run(_extended(flat, begin - p, p), end, p, begin - p)
        for begin, end in _stretches(_repeats(flat, p, ok), least)
    ]


def _stretches(ok: Flags, least: int) -> list[tuple[int, int]]:
    """Where `ok` holds for so many in a row, at least."""
    edges = np.flatnonzero(np.diff(ok, prepend=False, append=False))
    long = edges[1::2] - edges[::2] >= least
    begins, ends = edges[::2][long], edges[1::2][long]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _repeats(flat: Flat, p: int, ok: Flags) -> Flags:
    """For each value whether it is the op `p` before it, one round later.

    ok: whether their tokens are equal; this array is changed.
    """
    n, first = flat.count, flat.first
    slots = np.flatnonzero(ok[flat.owner])
    owner, now = flat.owner[slots], flat.args[slots]
    before = flat.args[flat.start[owner - p] + flat.slot[slots]]
    step = now - before
    good = (step == p) | (step == 0) | ((now < first) & (before < first))
    bad = np.flatnonzero(~good)
    if len(bad):  # what is older than the equal tokens is given to each round
        since = np.maximum.accumulate(np.where(ok, 0, np.arange(n) + 1)) - p
        old = since[owner[bad]]
        bad = bad[~((now[bad] < old) & (before[bad] < old))]
    ok[owner[bad]] = False
    return ok


def _extended(flat: Flat, begin: int, p: int) -> int:
    """The first op of the rounds before `begin` that have the same tokens."""
    low = max(flat.first, begin - ROUNDS_LEFT * p - 1)
    if begin <= low:
        return begin
    tokens = flat.tokens
    other = np.flatnonzero(tokens[low:begin] != tokens[low + p : begin + p])
    return low + int(other[-1]) + 1 if len(other) else low


def _choose(found: list[Run], count: int) -> list[Run]:
    """The longest first; of nearly equal ones the shortest period."""
    used = np.zeros(count + 1, dtype=bool)
    chosen = []
    for run in sorted(found, key=lambda r: -r.length):
        if used[run.begin : run.end].mean() > 0.5:
            continue
        run = _simplest(run, found)
        free = _longest_free(used[run.begin : run.end])
        if free is None or free[1] - free[0] < MIN_TRIPS * run.period:
            continue
        begin, end = run.begin + free[0], run.begin + free[1]
        used[begin:end] = True
        chosen.append(Run(begin, end, run.period, max(begin, run.steady)))
    return sorted(chosen)


def _simplest(run: Run, found: list[Run]) -> Run:
    """A run of shorter period that covers nearly as much."""
    enough = 0.9 * run.length
    rivals = (
        r
        for r in found
        if r.period < run.period
        and r.length >= enough
        and r.begin < run.end
        and r.end > run.begin
    )
    return min(rivals, key=lambda r: r.period, default=run)


def _longest_free(used: Flags) -> tuple[int, int] | None:
    return max(_stretches(~used, 1), key=lambda ab: ab[1] - ab[0], default=None)
