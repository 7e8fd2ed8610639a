"""Many threads trace, call and differentiate the same functions at once."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tapec
from tapec import programs
from tapec.recording import Recording, recording_in
from tests.faults.healthy import X, assert_healthy

THREADS = 8


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)
    assert_healthy()


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """The results of `work(k)` in threads that start together."""
    gate, found, errors = threading.Barrier(THREADS), {}, []

    def run(k: int) -> None:
        gate.wait()
        try:
            found[k] = work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[k] for k in range(THREADS)]


def test_one_signature_is_traced_once() -> None:
    traces: list[int] = []

    @tapec.grad
    def f(x: Any) -> Any:
        traces.append(threading.get_ident())
        return np.sum(np.sin(x) * x)

    def work(k: int) -> Any:
        return [f(X * (k + step)) for step in range(20)]

    for k, found in enumerate(at_once(work)):
        for step, g in enumerate(found):
            x = X * (k + step)
            np.testing.assert_allclose(g, np.cos(x) * x + np.sin(x), rtol=1e-13)
    assert len(traces) == len(f.signatures) == 1


@pytest.mark.parametrize("dynamic", [False, True])
def test_different_signatures(dynamic: bool) -> None:
    f = tapec.value_and_grad(lambda x: np.sum(x**3), dynamic=dynamic)

    def work(k: int) -> None:
        for n in (k + 2, 3, k + 2, 40):
            x = np.linspace(0.0, k, n)
            value, g = f(x)
            np.testing.assert_allclose(value, np.sum(x**3), rtol=1e-13)
            np.testing.assert_allclose(g, 3 * x**2, rtol=1e-13)

    at_once(work)
    assert len(f.signatures) == (1 if dynamic else len({*range(2, 10), 3, 40}))


def test_branches_and_loops() -> None:
    @tapec.grad
    def f(x: Any) -> Any:
        y = np.sum(x * x)
        while y < 100.0:
            y = y * 3.0
        return y if y < 200.0 else y * 2.0

    def work(k: int) -> None:
        for step in range(6):
            x = X * (1.0 + k + 8 * step)
            y, factor = np.sum(x * x), 1.0
            while y * factor < 100.0:
                factor *= 3.0
            factor *= 1.0 if y * factor < 200.0 else 2.0
            np.testing.assert_allclose(f(x), 2 * x * factor, rtol=1e-13)

    at_once(work)


def test_no_gradient_is_lost() -> None:
    """Tapes in some threads, compiled calls of the same function in the others."""
    programs.clear()
    square = tapec.jit(lambda x: np.sum(x * x))
    v = tapec.Variable(X)

    def work(k: int) -> None:
        x = tapec.constant(X * (k + 1))
        for _ in range(25):
            if k % 2:
                np.testing.assert_allclose(square(X), np.sum(X * X), rtol=1e-14)
                continue
            with tapec.GradientTape() as outer:
                with tapec.GradientTape() as tape:
                    y = square(x) + square(v) * (k + 1)
                g = tape.gradient(y, v)
                z = np.sum(g * x)
            np.testing.assert_allclose(g.numpy(), 2 * X * (k + 1), rtol=1e-14)
            a, b = outer.gradient(z, [x, v])
            np.testing.assert_allclose(a.numpy(), 2 * X * (k + 1), rtol=1e-14)
            np.testing.assert_allclose(b.numpy(), 2 * (k + 1) * x.numpy(), rtol=1e-14)

    at_once(work)


def test_the_collector_gets_its_pace_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread begins to record while another one that does looks at the pace."""
    usual, look, begun = gc.get_threshold(), gc.get_threshold, threading.Event()
    enough = threading.Event()

    def other() -> None:
        with recording_in(Recording()):
            begun.set()
            enough.wait(60)

    thread = threading.Thread(target=other)

    def looks() -> tuple[int, int, int]:
        monkeypatch.undo()
        thread.start()
        assert begun.wait(60)
        return look()

    monkeypatch.setattr(gc, "get_threshold", looks)
    with recording_in(Recording()):
        assert gc.get_threshold()[0] > usual[0]
    enough.set()
    thread.join()
    assert gc.get_threshold() == usual


def test_one_thread_fails_while_others_call() -> None:
    @tapec.grad
    def f(x: Any) -> Any:
        if x.shape == (3,):
            raise KeyError("three")
        return np.sum(x * x)

    def work(k: int) -> None:
        for _ in range(10):
            if k % 2:
                with pytest.raises(KeyError):
                    f(np.ones(3))
            else:
                np.testing.assert_array_equal(f(np.ones(4 + k)), np.full(4 + k, 2.0))

    at_once(work)
    assert len(f.signatures) == THREADS // 2
