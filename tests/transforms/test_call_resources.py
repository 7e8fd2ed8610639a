"""Calls neither lose references nor mind threads, forks, lack of memory, the end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.native.abi import AVAILABLE
from tests.transforms.calling import FORMS, Pair, allocated, answers, same, settled

ROOT = Path(__file__).parents[2]


# --- threads and processes --------------------------------------------------------


@pytest.mark.parametrize("n", [10, 50_000])
def test_threads_call_one_object(n: int) -> None:
    f = settled(tapec.jit(lambda x: (np.sin(x) * 2, np.sum(x))), np.ones(n))
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).random(n)
        wanted = np.sin(x) * 2
        for _ in range(50):
            y, total = f(x)
            if not np.allclose(y, wanted) or not np.isclose(total, x.sum()):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
    child = os.fork()
    if child == 0:
        right = f(np.ones(3)).tolist() == [2, 2, 2] and f(np.ones(2)).tolist() == [2, 2]
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


LATE = """
import threading, sys
import numpy as np, tapec
class Late:
    def __init__(self, f):
        self.f, self.x = f, np.ones(3)
    def __del__(self):
        self.f(self.x)
        try:
            self.f(1.0)
        except BaseException:
            pass
f = tapec.jit(lambda x: (x * 2, np.sum(x)))
for _ in range(4):
    f(np.ones(3))
sys.late, np.late, threading.late = Late(f), Late(f), Late(f)
del f
"""


def test_called_while_the_interpreter_goes() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], cwd=ROOT, check=False)
    assert done.returncode == 0


# --- references -------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_no_reference_is_lost(form: str) -> None:
    fun, args = FORMS[form]
    calls = 300 if "long" in form else 20_000
    f = settled(tapec.jit(fun), *args)
    watched = [*args, None, np.dtype(float), np.ndarray, float, tuple]
    blocks, before = allocated(), list(map(sys.getrefcount, watched))
    for _ in range(calls):
        f(*args)
    more, after = allocated() - blocks, list(map(sys.getrefcount, watched))
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < calls / 2
    assert more < calls / 2


def test_no_reference_is_lost_when_a_check_fails() -> None:
    def f(x: Any, a: Any) -> Any:
        return a * 2 if x > 0 else (a, [a, {"x": x}])

    g, a = tapec.jit(f), np.ones(5)
    for x in (1.0, -1.0) * 3:
        g(x, a)
    before, blocks = sys.getrefcount(a), allocated()
    for _ in range(20_000):
        g(1.0, a)
        g(-1.0, a)
    assert sys.getrefcount(a) - before < 10
    assert allocated() - blocks < 1000


def test_it_is_collected() -> None:
    def make() -> weakref.ref[Any]:
        f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
        return weakref.ref(f)

    reference = make()
    assert reference() is None
    f = settled(tapec.jit(lambda x: x * 2), np.ones(3))
    f.ring = f
    reference = weakref.ref(f)
    del f
    gc.collect()
    assert reference() is None


@pytest.mark.skipif(not AVAILABLE, reason="for emitted calls")
def test_no_memory_for_results() -> None:
    testing = pytest.importorskip("_testcapi")
    args = (2.0, np.ones(300), {"a": [1.0]})
    fun = lambda x, a, d: {"r": [x, (a, a * x), Pair(x, d["a"][0])], "n": None}  # noqa: E731
    f = settled(tapec.jit(fun), *args)
    wanted, a = f(*args), args[1]
    before = sys.getrefcount(a)
    failures = 0
    for start in range(1, 30):
        try:
            testing.set_nomemory(start, start + 1)
            out = f(*args)
        except MemoryError:
            failures += 1
            continue
        finally:
            testing.remove_mem_hooks()
        assert same(out, wanted)
    assert failures > 1
    assert sys.getrefcount(a) == before
    assert same(answers(f, *args), wanted)


# --- without emitted entries ------------------------------------------------------


@pytest.mark.skipif(not AVAILABLE, reason="this is that run")
def test_the_portable_way() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += sorted(map(str, Path(__file__).parent.glob("test_call*.py")))
    command += ["-k", "not lost"]
    environment = {**os.environ, "TAPEC_PORTABLE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
