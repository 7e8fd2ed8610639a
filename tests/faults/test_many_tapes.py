"""A million tapes need no more memory than some thousands."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tapec

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
V = tapec.Variable(np.ones(10))
square = tapec.grad(lambda x: np.sum(x * x))


def taken() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def a_step() -> None:
    with tapec.GradientTape() as tape:
        loss = np.sum(V * V)
    V.assign_sub(tape.gradient(loss, V) * 1e-9)


def a_lost_tape() -> None:
    with tapec.GradientTape(persistent=True):
        np.sum(V * V)


def nested_tapes() -> None:
    with tapec.GradientTape() as outer:
        with tapec.GradientTape() as tape:
            y = np.sum(V * V * V)
        g = tape.gradient(y, V)
    outer.gradient(g, V)


def a_failing_tape() -> None:
    try:
        with tapec.GradientTape():
            np.sum(V * V) @ V
    except ValueError:
        return


def a_changing_number() -> None:
    a_changing_number.n += 1  # type: ignore[attr-defined]
    with tapec.GradientTape() as tape:
        y = np.sum(V * a_changing_number.n)  # type: ignore[attr-defined]
    tape.gradient(y, V)


a_changing_number.n = 0.5  # type: ignore[attr-defined]


def grown(work: Callable[[], None], first: int, then: int) -> int:
    """Bytes by which the process grew in the second stretch."""
    for _ in range(first):
        work()
    gc.collect()
    before = taken()
    for _ in range(then):
        work()
    gc.collect()
    return taken() - before


@pytest.mark.parametrize(
    "work", [a_step, a_lost_tape, nested_tapes, a_failing_tape, a_changing_number]
)
def test_thousands_of_tapes(work: Callable[[], None]) -> None:
    assert grown(work, 600, 2_000) < 2_000 * 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "work", [a_step, a_lost_tape, nested_tapes, a_failing_tape, a_changing_number]
)
def test_tens_of_thousands(work: Callable[[], None]) -> None:
    assert grown(work, 2_000, 30_000) < 30_000 * 10


@pytest.mark.slow
def test_a_million_tapes() -> None:
    assert grown(a_step, 10_000, 1_000_000) < 1 << 20
