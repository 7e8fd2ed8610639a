"""Interleaved rounds, medians."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

ROUND = 5e-3
"""Seconds that one contestant runs in one round, at least one call."""


class Measured(NamedTuple):
    """Seconds of one call: median of the rounds, and the fastest one."""

    median: float
    fastest: float
    rounds: int


def interleaved(
    calls: Mapping[str, Callable[[], Any]], budget: float = 2.0, least: int = 5
) -> dict[str, Measured]:
    """All calls in turns for `budget` seconds, at least `least` rounds."""
    repeats = {name: max(1, int(ROUND / once(call))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    end = time.perf_counter() + budget
    rounds = 0
    while rounds < least or time.perf_counter() < end:
        for name, call in calls.items():
            times[name].append(per_call(call, repeats[name]))
        rounds += 1
    return {n: Measured(median(t), min(t), rounds) for n, t in times.items()}


def per_call(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def once(call: Callable[[], Any]) -> float:
    """Seconds of a warm call."""
    call()
    return max(min(per_call(call, 1) for _ in range(3)), 1e-8)


def first(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of a call that was never made before, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def show(t: float) -> str:
    """A duration with three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
        if t * scale >= 0.9995 or unit == "ns":
            value = t * scale
            return (
                f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
            )
    raise AssertionError
