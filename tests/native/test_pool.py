"""Kernels in chunks: the same bits for any number of threads, wherever they run."""

import os
import subprocess
import sys
import threading
from weakref import WeakValueDictionary

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_programs import programs
from test_random import assert_close

import tapec
from tapec.interpret import evaluate
from tapec.native import accumulate, cache, platform, split
from tapec.native.pool import Pool, _pool, pool
from tapec.native.program import compile
from tapec.passes.fuse import fuse

COUNTS = (1, 2, 3, 5)


@pytest.fixture(autouse=True)
def threads_as_before():
    before = tapec.config.threads
    yield
    tapec.config.threads = before


def rng():
    return np.random.default_rng(0)


def leaves(results):
    return results if isinstance(results, tuple) else (results,)


def bits(results):
    return [np.asarray(leaf).tobytes() for leaf in leaves(results)]


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


WIDE = rng().normal(size=(700, 1300))
TALL = rng().normal(size=(200_001, 3))
LONG = rng().normal(size=1_000_003)
WHICH = rng().integers(0, 1000, size=400_000)

CASES = {
    "elementwise": (lambda x: np.exp(x) * np.sin(x), LONG),
    "sum": (lambda x: np.sum(np.tanh(x)), LONG),
    "sum in f32": (lambda x: np.sum(np.tanh(x)), LONG.astype(np.float32)),
    "complex sum": (lambda x: np.sum(x * x + 1.0), LONG[:500_000] + 0.5j),
    "product": (lambda x: np.prod(1.0 + 1e-6 * x), LONG),
    "extremes": (lambda x: (np.max(x * x), np.min(x)), LONG),
    "truth": (lambda x: (np.any(x > 9.0), np.all(x > -9.0)), LONG),
    "integers": (lambda n: np.sum(n * n % 7), np.arange(1_000_000)),
    "over rows": (lambda x: np.sum(np.exp(x), axis=0), WIDE),
    "over columns": (lambda x: np.sum(np.exp(x), axis=1), WIDE),
    "both and all": (
        lambda x: (np.sum(x * x, axis=0), np.max(x, axis=1), np.sum(x), x + 1.0),
        WIDE,
    ),
    "few columns": (lambda x: np.sum(np.exp(x), axis=0), TALL),
    "short rows": (lambda x: np.sum(np.exp(x), axis=1), TALL),
    "softmax": (softmax, WIDE),
    "gather": (lambda x, i: np.exp(x)[i], LONG[:1000], WHICH),
    "sums along rows": (lambda x: np.cumsum(np.sin(x), axis=1), WIDE),
    "sums down columns": (lambda x: np.cumsum(np.sin(x), axis=0), WIDE),
}


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_number_of_threads(name):
    function, *arrays = CASES[name]
    compiled = compile(fuse(tapec.jit(function).traced(*arrays)))
    found = []
    for count in COUNTS:
        tapec.config.threads = count
        found.append(bits(compiled(*arrays)))
    assert all(one == found[0] for one in found)
    assert max(kernel.chunks for kernel in compiled.kernels) > 1
    narrow = 2e-4 if "f32" in name else 1e-10
    for a, b in zip(leaves(compiled(*arrays)), leaves(function(*arrays)), strict=True):
        np.testing.assert_allclose(a, b, rtol=narrow, atol=narrow)


def test_gradients_too():
    f = tapec.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2), argnums=(0, 1))
    w = rng().normal(size=3)
    found = []
    for count in COUNTS:
        tapec.config.threads = count
        value, (dw, dx) = f(w, TALL)
        found.append(bits((value, dx, dw)))
    assert all(one[:2] == found[0][:2] for one in found)


def loss(w, x, labels):
    """Tiles of examples, with sums, a maximum, rows and a short last tile."""
    z = np.sum(np.tanh(x * w), axis=1)
    value = np.mean(np.log1p(np.exp(-labels * z)))
    return value, (np.max(z), np.exp(z))


def test_loops_over_tiles_are_shared():
    rows = 20_011
    w, x = rng().normal(size=60), rng().normal(size=(rows, 60))
    labels = np.where(rng().normal(size=rows) > 0, 1.0, -1.0)
    f = tapec.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    found = []
    for count in COUNTS:
        tapec.config.threads = count
        (value, (most, each)), (dw, dx) = f(w, x, labels)
        found.append(bits((value, most, each, dw, dx)))
    assert all(one == found[0] for one in found)
    steps = tapec.inspect(f, w, x, labels).program.steps
    (loop,) = [step for step in steps if step.op.prim.name == "tile"]
    assert loop.control.shared.chunks.number > 1
    np.testing.assert_allclose(value, loss(w, x, labels)[0], rtol=1e-12)
    assert most == loss(w, x, labels)[1][0]
    np.testing.assert_allclose(each, loss(w, x, labels)[1][1], rtol=1e-12)
    scale = -labels / (1.0 + np.exp(labels * np.sum(np.tanh(x * w), axis=1))) / rows
    slope = scale[:, None] / np.cosh(x * w) ** 2
    np.testing.assert_allclose(dx, slope * w, rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(dw, np.sum(slope * x, axis=0), rtol=1e-9, atol=1e-12)


def test_small_kernels_stay_whole():
    f = tapec.jit(lambda x: np.sum(np.exp(x)))
    (kernel,) = tapec.inspect(f, LONG[:1000]).kernels
    assert kernel.chunks == 1
    assert not kernel.code.shared


def test_symbolic_extents_are_split_by_their_size():
    f = tapec.jit(
        lambda x: (np.sum(np.exp(x)), np.sum(x, axis=0), np.exp(x)),
        specs=[tapec.spec(("n", 4), np.float64)],
    )
    for rows in (0, 3, 200_000):
        x = rng().normal(size=(rows, 4))
        found = []
        for count in COUNTS:
            tapec.config.threads = count
            found.append(bits(f(x)))
        assert all(one == found[0] for one in found)
        np.testing.assert_allclose(f(x)[1], np.sum(x, axis=0), atol=1e-9)
        program = tapec.inspect(f, x).program.program([x])
        chunks = [kernel.chunks for kernel in program.kernels]
        assert (max(chunks) > 1) == (rows > 100_000)
    assert len(f.signatures) == 1


# --- random programs, with chunks so small that there are many ------------------


@pytest.fixture
def tiny_chunks(monkeypatch):
    """Everything is worth splitting; nothing of that is kept."""
    monkeypatch.setenv("TAPEC_CACHE_DIR", "0")
    monkeypatch.setattr(cache, "_known", WeakValueDictionary())
    for module, name, number in (
        (split, "WORTH", 0),
        (split, "LEAST", 1e-9),
        (split, "SMALLER", 1e-9),
        (split, "BLOCK", 2),
        (accumulate, "BLOCK", 2),
    ):
        monkeypatch.setattr(module, name, number)
    split.split_of.cache_clear()
    yield
    split.split_of.cache_clear()


@given(programs())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
def test_random_programs_in_tiny_chunks(tiny_chunks, case):
    fn, arrays = case
    program = compile(fuse(fn))
    wanted, found = evaluate(fn, *arrays), []
    for count in (1, 3):
        tapec.config.threads = count
        results = program(*arrays)
        found.append(bits(results))
        for a, b in zip(results, wanted, strict=True):
            assert_close(a, b)
    assert found[0] == found[1]


# --- the pool ---------------------------------------------------------------------


def work(x):
    return np.sum(np.exp(x) * np.sin(x))


def test_several_threads_call_at_once():
    tapec.config.threads = 3
    f = tapec.jit(work)
    wanted, found = f(LONG), []

    def call():
        found.extend(f(LONG) for _ in range(20))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [wanted] * 80


def test_workers_are_made_when_needed_and_not_more():
    tapec.config.threads = 2
    tapec.jit(work)(LONG)
    before = pool().workers
    assert before >= 1
    tapec.config.threads = before + 2
    tapec.jit(work)(LONG)
    assert pool().workers == before + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_workers_of_its_own():
    tapec.config.threads = 2
    f = tapec.jit(work)
    wanted = f(LONG)
    child = os.fork()
    if not child:
        fresh = pool().workers == 0
        right = f(LONG) == wanted and pool().workers == 1
        os._exit(0 if fresh and right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert f(LONG) == wanted


def test_more_threads_than_the_process_began_with():
    script = """
import numpy as np, tapec
from tapec.native.pool import pool
f = tapec.jit(lambda x: np.sum(np.exp(x)))
x = np.linspace(0.0, 1.0, 1_000_000)
one = f(x), pool().workers
tapec.config.threads = 3
three = f(x), pool().workers
tapec.config.threads = 1
print(one[0] == three[0] == f(x), one[1], three[1])
"""
    env = {**os.environ, "TAPEC_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    found = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == ["True", "0", "2"], found.stderr


def test_a_system_without_threads(monkeypatch):
    monkeypatch.setattr(platform, "thread_functions", dict)
    alone = Pool()
    monkeypatch.setattr("tapec.native.sharing.pool", lambda: alone)
    tapec.config.threads = 2
    x = LONG + 0.25
    found = tapec.jit(lambda x: np.sum(np.cosh(x)))(x)
    assert alone.workers == 0
    monkeypatch.undo()
    assert _pool() is not alone
    np.testing.assert_allclose(found, np.sum(np.cosh(x)), rtol=1e-12)


SCRIPT = """
import numpy as np, tapec
f = tapec.jit(lambda x: np.sum(np.exp(x)))
x = np.zeros(1_000_000)
print(f(x), tapec.config.threads)
class Late:
    def __del__(self):
        f(x)
late = Late()
"""


def test_a_process_ends_while_its_workers_wait():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "TAPEC_NUM_THREADS": "4"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1000000.0 4\n"), done.stderr


# --- settings -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, 65])
def test_a_number_of_threads_out_of_range(number):
    with pytest.raises(ValueError, match=f"from 1 to 64, not {number}"):
        tapec.config.threads = number


@pytest.mark.parametrize("number", ["2", 2.0, None, True])
def test_no_number_of_threads(number):
    with pytest.raises(TypeError, match="an integer from 1 to 64"):
        tapec.config.threads = number


def test_no_such_setting():
    with pytest.raises(AttributeError, match="no setting 'thread', only threads"):
        tapec.config.thread = 1


@pytest.mark.parametrize("text", ["0", "many", "-2", "1.5"])
def test_a_variable_that_is_no_number(text):
    done = subprocess.run(
        [sys.executable, "-c", "import tapec; tapec.config.threads"],
        env={**os.environ, "TAPEC_NUM_THREADS": text},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    wanted = f"TAPEC_NUM_THREADS is an integer from 1 to 64, not '{text}'"
    assert wanted in done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity")
def test_at_first_as_many_threads_as_cores():
    script = (
        "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]);"
        "import tapec; print(tapec.config)"
    )
    env = {k: v for k, v in os.environ.items() if k != "TAPEC_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "<tapec.config: threads=1>\n"
