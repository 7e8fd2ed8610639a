"""How many threads BLAS uses: one for products of middling size, `config.threads` at
most for others, then as before."""

import ctypes
import threading

import numpy as np
import pytest

import tapec
from tapec.native import blas, library, steps
from tapec.native.program import compile
from tapec.text import parse


@pytest.fixture(autouse=True)
def left_to_blas(monkeypatch):
    monkeypatch.setattr(steps, "gemm", lambda op: None)


@pytest.fixture
def counts():
    """The functions that get and set the number of threads, which is two."""
    found = blas.thread_counts()
    if not found:
        pytest.skip("this BLAS has no such functions")
    get = ctypes.CFUNCTYPE(ctypes.c_int)(found["get"])
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(found["set"])
    before = get()
    put(2)
    yield get, put
    put(before)


def product(n):
    return compile(
        parse(f"""
        func @f(%a: f64[{n},{n}], %b: f64[{n},{n}]) {{
          %2: f64[{n},{n}] = matmul %a, %b
          return %2
        }}""")
    )


@pytest.mark.parametrize("n", [1, 64, 65, 128, 256, 257])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_is_what_it_was(counts, n, threads):
    get, put = counts
    put(threads)
    a = np.random.default_rng(0).normal(size=(n, n))
    (found,) = product(n)(a, a)
    np.testing.assert_allclose(found, a @ a, rtol=1e-9, atol=1e-9)
    assert get() == threads


def test_the_number_is_what_it_was_after_calls_at_the_same_time(counts):
    get, _ = counts
    program = product(100)
    a = np.random.default_rng(0).normal(size=(100, 100))
    wrong = []

    def work():
        for _ in range(50):
            if not np.allclose(program(a, a)[0], a @ a):
                wrong.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert get() == 2


@pytest.fixture
def eight(monkeypatch):
    """A BLAS that says it uses eight threads; the numbers that it is told."""
    told = []
    get = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 8)
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(told.append)
    found = {
        name: ctypes.cast(function, ctypes.c_void_p).value
        for name, function in (("get", get), ("set", put))
    }
    monkeypatch.setattr(blas, "thread_counts", lambda: found)
    library._routine.cache_clear()
    before = tapec.config.threads
    yield told
    tapec.config.threads = before
    library._routine.cache_clear()


@pytest.mark.parametrize(
    ("n", "threads", "wanted"),
    [(64, 3, []), (65, 3, [1, 8]), (256, 3, [1, 8]), (257, 3, [3, 8]), (257, 9, [])],
)
def test_a_product_uses_no_more_threads_than_wanted(eight, n, threads, wanted):
    tapec.config.threads = threads
    a = np.random.default_rng(0).normal(size=(n, n))
    (found,) = product(n)(a, a)
    np.testing.assert_allclose(found, a @ a, rtol=1e-9, atol=1e-9)
    assert eight == wanted
