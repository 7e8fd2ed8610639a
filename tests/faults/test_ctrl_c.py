"""KeyboardInterrupt anywhere: in traces, passes, LLVM, tapes. The next call is right.

Python raises it between two lines of its main thread. Here it is raised at chosen
ones: each scenario is run once to count its lines, then again for each chosen one.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest

import tapec
from tapec import programs
from tapec.native import ahead, cache, engine
from tapec.passes import pipeline
from tests.faults.healthy import X, assert_healthy, ills

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*recordings of different structure"),
    # One that comes in a `__del__` is lost: so is Python.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
V = tapec.Variable(np.ones(5))


# --- scenarios --------------------------------------------------------------------


def plain(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def loops(x: Any) -> Any:
    def step(c: Any, a: Any) -> Any:
        return c * a + np.sum(np.tanh(x)), c

    y, _ = tapec.scan(step, 1.0, x)
    y = tapec.while_loop(lambda t: t < 50.0, lambda t: t * 2.0, y)
    for _ in range(20):
        y = np.sin(y) * 1.1
    return y * np.sum(x)


@tapec.custom_gradient
def ruled(x: Any) -> Any:
    return x * x, lambda ct: ct * 3.0


def nested(x: Any) -> Any:
    z = np.sum(tapec.vmap(lambda a: ruled(a) * a)(x))
    with tapec.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(np.exp(x))
    if z > 0:
        z = z + np.sum(tape.gradient(y, x))
    return z + np.sum(V * x)


def tapes() -> Any:
    for _ in range(2):  # the second one is compiled
        with tapec.GradientTape() as outer:
            with tapec.GradientTape() as tape:
                y = np.sum(V * V * V)
            g = tape.gradient(y, V)
            z = np.sum(g * g)
        found = outer.gradient(z, V)
    return found.numpy()


inlined = tapec.jit(plain)


def function_in_tape() -> Any:
    x = tapec.constant(X)
    with tapec.GradientTape() as tape, tapec.scope("a"):
        z = np.sum(x * x) + inlined(x)
    return tape.gradient(z, x).numpy()


SCENARIOS: dict[str, Callable[[], Any]] = {
    "plain": lambda: tapec.grad(plain)(X),
    "loops": lambda: tapec.grad(loops)(X),
    "nested": lambda: tapec.grad(nested)(X),
    "dynamic": lambda: tapec.grad(plain, dynamic=True)(X),
    "tapes": tapes,
    "function in a tape": function_in_tape,
}


# --- at any line ------------------------------------------------------------------


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that is traced; counts them."""

    def __init__(self, n: int) -> None:
        self.n, self.lines, self.where = n, 0, ""

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event in ("call", "line"):
            self.lines += 1
            if self.lines == self.n:
                code = frame.f_code
                self.where = f"{code.co_filename}:{frame.f_lineno} {code.co_name}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def run(work: Callable[[], Any], n: int) -> Interrupt:
    programs.clear()
    cache._known.clear()
    interrupt, before = Interrupt(n), sys.gettrace()
    sys.settrace(interrupt)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupt


def interrupt_at_lines(name: str, count: int, phase: float) -> None:
    work = SCENARIOS[name]
    wanted = work()
    run(work, -1)
    lines = run(work, -1).lines
    found = []
    for k in range(count):
        where = run(work, int(lines * (k + phase) / count) + 1).where
        bad = ills()
        if bad:
            found.append((where, bad))
        np.testing.assert_allclose(work(), wanted, rtol=1e-12, err_msg=where)
    assert found == []
    assert_healthy()


@pytest.mark.parametrize("name", SCENARIOS)
def test_at_any_line(name: str) -> None:
    interrupt_at_lines(name, 12, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_at_many_lines(name: str) -> None:
    interrupt_at_lines(name, 400, 0.271828)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("name", SCENARIOS)
def test_by_signals(name: str) -> None:
    """The same where Python itself chooses the line."""
    work, ready = SCENARIOS[name], [False]
    wanted = work()

    def handler(*_: object) -> None:
        if ready[0]:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for k in range(100):
            programs.clear()
            cache._known.clear()
            try:
                ready[0] = True
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + k * 3e-4)
                work()
                ready[0] = False
            except KeyboardInterrupt:
                ready[0] = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert ills() == []
            np.testing.assert_allclose(work(), wanted, rtol=1e-12)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert_healthy()


# --- in each pass, in LLVM ----------------------------------------------------------


@pytest.mark.parametrize("name", dict.fromkeys(pipeline.DEFAULT))
def test_in_a_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, f = pipeline.Pass.__call__, tapec.grad(loops)

    def stopped(step: Any, fn: Any) -> Any:
        made = right(step, fn)
        if step.name == name:
            raise KeyboardInterrupt
        return made

    programs.clear()
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.Pass, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            f(X)
    assert f.signatures == []
    np.testing.assert_array_equal(f(X), SCENARIOS["loops"]())
    assert_healthy()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
def test_while_llvm_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised at once, not when LLVM is through, which goes on and is in order."""
    go, main = threading.Event(), threading.main_thread().ident
    right, threads = engine.object_code, []

    def slow(key: Any, make: Callable[[], bytes]) -> bytes:
        def waits() -> bytes:
            threads.append(threading.current_thread())
            signal.pthread_kill(main, signal.SIGINT)
            assert go.wait(60)
            return b""

        return right(key, lambda: ahead.apart(waits) or make())

    f = tapec.grad(lambda x: np.sum(np.cos(x) * 1.2345))
    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "object_code", slow)
        with pytest.raises(KeyboardInterrupt):
            f(X)
    go.set()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(f(X), -1.2345 * np.sin(X), rtol=1e-14)
    assert_healthy()


def test_llvm_is_left_to_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock in llvmlite would stay held where `__exit__` was interrupted."""
    seen: list[threading.Thread] = []
    right = engine.compiler

    def watched() -> Any:
        seen.append(threading.current_thread())
        return right()

    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    monkeypatch.setattr(engine, "compiler", watched)
    tapec.jit(lambda x: np.sum(np.cosh(x) * 5.4321))(X)
    assert seen and threading.main_thread() not in seen
