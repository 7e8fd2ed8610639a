"""No memory for results, for what a call needs itself, for what a tape computes.

MemoryError each time, nothing is kept, and the same function works afterwards. (What
loops record is in tests/native/test_no_memory.py.)
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ROOT = Path(__file__).parents[2]

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),  # arrays have pages of their own
}

SCRIPT = """
import gc, resource, numpy as np, tapec
from tapec.recording import state, threads_recording

MB = 1 << 20
x = np.ones(3 * MB)  # 24 MB
OLD = resource.getrlimit(resource.RLIMIT_AS)
after = []

def taken():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def no_room(call, room):
    "Raises MemoryError with `room` bytes left; 64 MB of results may be kept after."
    gc.collect()
    resource.setrlimit(resource.RLIMIT_AS, (taken() + room, OLD[1]))
    try:
        call()
    except MemoryError:
        pass
    else:
        raise AssertionError("there was memory")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, OLD)
    gc.collect()
    after.append(taken())
    assert max(after) - min(after) < 80 * MB, [n // MB for n in after]
    assert state.recording is None and not threads_recording

def again_and_again(f, *args):
    results = []
    while len(results) < 100:
        results.append(f(*args))

def results():
    f = tapec.jit(lambda x: (x + 1.0, x * 2.0, x - 1.0))
    f(x), f(x)
    for _ in range(4):
        no_room(lambda: again_and_again(f, x), 200 * MB)
        a, b, c = f(x)
        assert (a[0], b[0], c[0]) == (2.0, 2.0, 0.0)
        del a, b, c

def arena():
    f, g = (
        tapec.jit(lambda x: np.sum(np.sort(np.sort(x) * np.cumsum(x)))) for _ in "fg"
    )
    wanted = f(x)
    g(np.ones(3))
    for _ in range(3):
        no_room(lambda: g(x), 40 * MB)
        assert g(np.ones(3)) == f(np.ones(3))
    assert g(x) == wanted

def one_per_thread():
    "A call needs 72 MB for itself; those that run at the same time need as much each."
    import threading
    f = tapec.jit(lambda x, w: np.sort(np.sort(np.outer(x, w)) @ w))
    y = np.linspace(0.0, 1.0, 3000)
    wanted, errors, gate = f(y, y), [], threading.Barrier(6)
    def work():
        gate.wait()
        for _ in range(3):
            try:
                np.testing.assert_array_equal(f(y, y), wanted)
            except BaseException as error:
                errors.append(error)
    def calls():
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(isinstance(error, MemoryError) for error in errors), errors
        if errors:
            raise MemoryError
    threading.stack_size(1 << 20)
    no_room(calls, 60 * MB)
    np.testing.assert_array_equal(f(y, y), wanted)

def tapes():
    v = tapec.Variable(x)
    def step():
        with tapec.GradientTape() as tape:
            y = np.sum(np.sin(v) * v)
        return tape.gradient(y, v).numpy()
    wanted = [step()[0] for _ in range(3)][0]
    for _ in range(3):
        no_room(lambda: again_and_again(step), 200 * MB)
        assert step()[0] == wanted
    with tapec.GradientTape() as tape:
        y = np.sum(v * v)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (taken() + 20 * MB, OLD[1]))
            np.concatenate([v * 1.0] * 4).numpy()
        except MemoryError:
            pass
        else:
            raise AssertionError("there was memory")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, OLD)
        z = y + np.sum(v)
    assert tape.gradient(z, v).numpy()[0] == 3.0
"""


@pytest.mark.parametrize("what", ["results", "arena", "one_per_thread", "tapes"])
def test_no_memory(what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{SCRIPT}\n{what}()\nprint('all went well')"],
        env={**os.environ, **ENVIRONMENT},
        check=False, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.stdout == "all went well\n", done.stderr
