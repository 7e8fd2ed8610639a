"""How long one gradient takes: compiled, interpreted, and written by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from tapec.demo.by_hand import HandWritten
from tapec.demo.network import Floats, Weights, loss, loss_and_gradient
from tapec.interpret import evaluate

__all__ = ["Timing", "compare", "contestants", "interleaved"]


class Timing(NamedTuple):
    """Median seconds of one call, for a number of images."""

    images: int
    compiled: float
    interpreted: float
    by_hand: float


def compare(w: Weights, images: Floats, targets: Floats, budget: float) -> Timing:
    """The three ways to the same gradient, timed in turns within `budget` seconds."""
    found = interleaved(contestants(w, images, targets), budget)
    return Timing(len(images), *found.values())


def contestants(
    w: Weights, images: Floats, targets: Floats
) -> dict[str, Callable[[], Any]]:
    """Calls without arguments; ValueError unless their gradients agree."""
    recorded = loss_and_gradient.traced(w, images, targets)
    hand = HandWritten(w, len(images))
    calls: dict[str, Callable[[], Any]] = {
        "compiled": lambda: loss_and_gradient(w, images, targets),
        "interpreted": lambda: evaluate(recorded, *w, images, targets),
        "by hand": lambda: hand(w, images, targets),
    }
    value, gradient = calls["by hand"]()
    wanted = [np.asarray(value), *gradient]
    for name, call in calls.items():
        result = call()
        got = [result[0], *(result[1] if isinstance(result[1], tuple) else result[1:])]
        for a, b in zip(got, wanted, strict=True):
            if not np.allclose(a, b, rtol=1e-9, atol=1e-12):
                raise ValueError(f"the {name} gradient is not that of {loss.__name__}")
    return calls


def interleaved(calls: dict[str, Callable[[], Any]], budget: float) -> dict[str, float]:
    """Median time of each call; rounds of all of them, so that a busy moment of the
    machine meets every one."""
    inner = {name: max(1, int(2e-3 / _once(call))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(times[next(iter(times))]) < 3:
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(inner[name]):
                call()
            times[name].append((time.perf_counter() - start) / inner[name])
    return {name: median(found) for name, found in times.items()}


def _once(call: Callable[[], Any]) -> float:
    call()
    start = time.perf_counter()
    call()
    return max(time.perf_counter() - start, 1e-7)
