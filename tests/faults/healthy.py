"""What must hold after any fault: nothing records, is locked, or stays switched off."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import tapec
from tapec import locks
from tapec.ir import asked
from tapec.ir.rewriting import logged
from tapec.recording import state, threads_recording

X = np.linspace(0.5, 1.0, 5)
USUAL = gc.get_threshold()


def ills() -> list[str]:
    """What a fault has left behind in this thread."""
    held = [ref() for ref in locks._known]
    checks = {
        "a recording is half open": state.recording is not None,
        "calls look for a recording": bool(threads_recording),
        "the collector is off": not gc.isenabled() or bool(locks._without),
        "the collector is slow": gc.get_threshold() != USUAL,
        "sizes are asked for": asked.get() is not None,
        "a lock is held": any(x is not None and x._is_owned() for x in held),
    }
    with logged() as log:
        checks["a log is kept"] = bool(log.replaced)
    return [what for what, found in checks.items() if found]


def assert_healthy() -> None:
    """And that a new trace and a new tape give what they should."""
    assert ills() == []
    np.testing.assert_array_equal(tapec.grad(lambda x: np.sum(x * x))(X), 2 * X)
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        y = np.sum(x * x * x)
    np.testing.assert_allclose(tape.gradient(y, x), 3 * X**2, rtol=1e-14)
    assert ills() == []


@contextmanager
def outer_tape() -> Iterator[Any]:
    """A tape around a fault: it goes on, and its gradient is whole."""
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        y = np.sum(x * x)
        yield x
        z = y + np.sum(x * x * x)
    np.testing.assert_allclose(tape.gradient(z, x), 2 * X + 3 * X**2, rtol=1e-14)
