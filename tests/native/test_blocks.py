"""Memory of large results is used again, and never while somebody has it."""

import gc
import pickle
import threading

import numpy as np
import pytest

import tapec
from tapec.native import abi, platform
from tapec.native.blocks import blocks
from tapec.native.blocks_code import KEPT, LARGE, LIMIT
from tapec.native.program import compile
from tapec.passes.fuse import fuse

pytestmark = pytest.mark.skipif(
    not abi.AVAILABLE or not platform.memory_functions(), reason="NumPy's memory alone"
)

LENGTH = LARGE // 8 + 1000
X = np.arange(float(LENGTH))

handler_of = np._core.multiarray.get_handler_name


def twice(x):
    return x * 2.0


def by_entry():
    return tapec.jit(twice)


def by_program():
    program = compile(fuse(tapec.jit(twice).traced(X)))
    return lambda x: program(x)[0]


@pytest.mark.parametrize("way", [by_entry, by_program])
def test_a_block_is_used_again_when_its_array_is_gone(way):
    f = way()
    f(X)
    first = f(X)
    assert handler_of(first) == "tapec"
    assert handler_of(np.empty(LENGTH)) == handler_of() != "tapec"
    assert first.ctypes.data % 64 == 0
    address = first.ctypes.data
    second = f(X + 1.0)
    assert second.ctypes.data != address
    np.testing.assert_array_equal(first, 2.0 * X)
    del first
    assert f(X).ctypes.data == address
    np.testing.assert_array_equal(second, 2.0 * X + 2.0)


def test_a_view_keeps_the_block():
    f = by_entry()
    f(X)
    view = f(X)[1::2]
    for _ in range(5):
        f(X + 1.0)
    np.testing.assert_array_equal(view, 2.0 * X[1::2])


def test_small_results_are_numpys_own():
    assert handler_of(by_entry()(X[:100])) == handler_of()


def test_only_so_much_is_kept():
    gc.collect()
    f = by_entry()
    many = [f(np.zeros(LENGTH + 20_000 * i)) for i in range(3 * KEPT)]
    del many
    kept = blocks().kept
    assert 8 * LENGTH <= kept <= LIMIT
    huge = f(np.zeros(LIMIT // 8 + 1))
    before = blocks().kept
    del huge
    assert blocks().kept == before


def test_such_an_array_is_an_array_like_any_other():
    y = by_entry()(X)
    assert y.flags.owndata
    assert y.flags.writeable
    y.resize(10, refcheck=False)
    np.testing.assert_array_equal(y, 2.0 * X[:10])
    y.resize(LENGTH, refcheck=False)
    assert not y[10:].any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(y)), y)
    assert handler_of(y.copy()) == handler_of()


def test_several_threads_at_once():
    f, wrong = by_entry(), []

    def call(k):
        kept = []
        for i in range(30):
            kept = [*kept[-2:], (f(X + (k + i)), k + i)]
            wrong.extend(n for y, n in kept if y[5] != 2.0 * (5 + n))

    callers = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong
