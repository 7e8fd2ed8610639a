"""Several threads that use the compiler and its programs at once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import tapec
from tapec.native import driver

DRIVERS: list[Any] = []
"""Drivers that must not be freed while this process runs."""


def in_threads(work: Any, count: int = 8) -> list[Any]:
    """What `work(k)` gives in each of several threads that start together."""
    together = threading.Barrier(count)
    found: list[Any] = [None] * count

    def run(k: int) -> None:
        together.wait()
        found[k] = work(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return found


def test_there_is_one_driver() -> None:
    kept = driver.driver()
    DRIVERS.append(kept)  # programs of other tests have its addresses
    driver._driver.cache_clear()
    found = in_threads(lambda k: driver.driver())
    assert len({id(d) for d in found}) == 1
    assert kept is not found[0]


def test_one_function_traced_and_called_by_all() -> None:
    f = tapec.value_and_grad(lambda x, n: np.sum(np.sin(x) * n))

    def work(k: int) -> Any:
        x = np.linspace(0.0, 1.0, 3 + k % 3)
        return [f(x, float(i))[1] - np.cos(x) * i for i in range(50)]

    for differences in in_threads(work):
        assert max(abs(d).max() for d in differences) < 1e-12
    assert len(f.signatures) == 3


def test_tapes_of_several_threads_do_not_meet() -> None:
    w = tapec.Variable(np.arange(3.0))

    def work(k: int) -> Any:
        grads = []
        for i in range(30):
            with tapec.GradientTape() as tape:
                y = np.sum(w * w * float(k + i))
            grads.append(tape.gradient(y, w).numpy() - 2 * np.arange(3.0) * (k + i))
        return np.abs(grads).max()

    assert max(in_threads(work)) == 0.0
