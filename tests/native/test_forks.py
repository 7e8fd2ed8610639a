"""Forks while other threads trace, compile and call: the children do so as well."""

import gc
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec import locks, programs
from tapec.native.ahead import Ahead

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ROOT = Path(__file__).parents[2]
X = np.linspace(0.0, 1.0, 7)


def passes_in_child(check):
    """Whether `check` holds in a forked process, and ends."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Elsewhere:
    """A context in which another thread has entered another context."""

    def __init__(self, inner):
        self.inner, self.inside, self.enough = (
            inner,
            threading.Event(),
            threading.Event(),
        )
        self.thread = threading.Thread(target=self.stay)

    def stay(self):
        with self.inner:
            self.inside.set()
            self.enough.wait()

    def __enter__(self):
        self.thread.start()
        self.inside.wait()
        return self

    def __exit__(self, *exc):
        self.enough.set()
        self.thread.join()


@forks
def test_a_lock_of_another_thread_is_free_in_a_child():
    lock = locks.lock()
    with Elsewhere(lock):
        assert not lock.acquire(blocking=False)
        assert passes_in_child(lambda: lock.acquire(blocking=False))
        assert not lock.acquire(blocking=False)


@forks
def test_a_lock_of_the_forking_thread_stays_its_own():
    lock = locks.lock()

    def check():
        found = []
        ask = threading.Thread(
            target=lambda: found.append(lock.acquire(blocking=False))
        )
        ask.start()
        ask.join()
        lock.release()
        return found == [False] and not lock._is_owned()

    with lock:
        assert passes_in_child(check)


@forks
@pytest.mark.parametrize("patience", [0.05, 60.0])
def test_forks_wait_for_some_locks_but_not_for_ever(patience, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", patience)
    lock, through = locks.waited_for(), []
    with Elsewhere(lock) as other:

        def finish():
            through.append(True)
            other.enough.set()

        timer = threading.Timer(0.3, finish)
        timer.start()
        assert passes_in_child(
            lambda: bool(through) == (patience > 1) and lock.acquire(blocking=False)
        )
        timer.join()
    assert lock.acquire(blocking=False)
    lock.release()
    assert not lock._is_owned()


def test_every_lock_of_the_package_is_such_a_lock():
    made = re.compile(r"threading\.R?Lock\(|Condition\(|functools import .*cached_prop")
    folders = [ROOT / name for name in ("tapec", "passes", "viz")]
    files = [p for folder in folders for p in folder.rglob("*.py")]
    found = [p.name for p in files if made.search(p.read_text(encoding="utf-8"))]
    assert len(files) > 300
    assert set(found) == {"locks.py"}


@forks
def test_the_collector_is_on_in_a_child():
    with Elsewhere(locks.collector_off()):
        assert not gc.isenabled()
        assert passes_in_child(gc.isenabled)
    assert gc.isenabled()
    with locks.collector_off():
        assert passes_in_child(lambda: not gc.isenabled())


@forks
def test_what_a_thread_was_about_to_give_is_made_in_the_child():
    parent, go = os.getpid(), threading.Event()

    def work():
        if os.getpid() == parent:
            go.wait()
        return 7

    ahead = Ahead(work)
    assert passes_in_child(lambda: ahead.result() == 7)
    go.set()
    assert ahead.result() == 7


def test_a_program_half_made_is_not_used():
    """As a fork, an interrupt may come between any two lines."""
    w = tapec.Variable(2.0)

    def gradient(c):
        with tapec.GradientTape() as tape:
            y = np.sin(w * c)
        return float(tape.gradient(y, w))

    assert gradient(1.0) == np.cos(2.0)
    assert gradient(1.0) == np.cos(2.0)
    admit = programs.Varying.admit

    def stopped(self, now):
        admit(self, now)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs.Varying, "admit", stopped)
        with pytest.raises(KeyboardInterrupt):
            gradient(3.0)
    for c in (3.0, 3.0, 1.0, 4.0):
        np.testing.assert_allclose(gradient(c), c * np.cos(2.0 * c), rtol=1e-14)


STRESS = """
import faulthandler, os, signal, threading, time, traceback
import numpy as np, tapec

x, w, over = np.linspace(0.0, 1.0, 7), tapec.Variable(np.ones(7)), threading.Event()
f = tapec.jit(lambda x: np.sum(np.tanh(x) * 3.0))
wanted = f(x)

def work(seed):
    n = 0
    while not over.is_set():
        n += 1
        c = seed + n / 1000
        g = tapec.grad(lambda x: np.sum(np.exp(np.sin(x) * c) + x ** (n % 5)))
        g(x), g(x), f(x), f(np.ones(n % 9))
        with tapec.GradientTape() as tape:
            y = np.sum(w * x * c)
            for _ in range(n % 4):
                y = y * np.cos(y)
        tape.gradient(y, w)
        w.assign(np.ones(7))

def child(k):
    signal.alarm(40)
    faulthandler.dump_traceback_later(30, exit=True)
    assert f(x) == wanted
    g = tapec.grad(lambda x: np.sum(np.log1p(x) * k))
    for _ in range(2):
        np.testing.assert_allclose(g(x), k / (1 + x), rtol=1e-12)
    with tapec.GradientTape() as tape:
        y = np.sum(w * w)
    assert tape.gradient(y, w).numpy().tolist() == [2.0] * 7

threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in (1, 2, 3)]
for t in threads:
    t.start()
for k in range(20):
    time.sleep(0.03)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            child(k + 0.5)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, (k, code)
over.set()
for t in threads:
    t.join()
print("all went well")
"""


@forks
def test_forks_while_threads_compile():
    around = {**os.environ, "TAPEC_CACHE_DIR": "0"}
    command = [sys.executable, "-W", "ignore", "-c", STRESS]
    done = subprocess.run(
        command, check=False, env=around, capture_output=True, text=True, timeout=300
    )
    assert "all went well" in done.stdout, done.stderr


def cubes(x):
    return np.sum(x * x * x)


def slope(x):
    """What a worker runs: it compiles for itself, or has its parent's code."""
    return tapec.grad(cubes)(x)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers(method):
    slope(X)
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(slope, [X, 2 * X, 3 * X]).get(timeout=120)
    for k, ct in enumerate(found, 1):
        np.testing.assert_allclose(ct, 3 * (k * X) ** 2, rtol=1e-14)
