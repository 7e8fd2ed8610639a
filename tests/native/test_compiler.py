"""Several threads compile at the same time."""

import itertools
import threading

import numpy as np
import pytest

import tapec
from tapec.native import cache
from tapec.native.ahead import Ahead
from tapec.passes import pipeline


@pytest.fixture
def threads():
    """Sets how many threads there are; afterwards it is as before."""
    before = tapec.config.threads

    def use(number):
        tapec.config.threads = number

    yield use
    tapec.config.threads = before


def kernels(count, offset=0.0):
    """Bodies of several functions that differ in a number, to be run whole."""
    x = np.linspace(0.0, 1.0, 100)

    def body(k):
        def f(x):
            return np.sum(np.tanh(x * (k + offset)) + np.cos(x) * x)

        return list(pipeline.run(tapec.grad(f).traced(x)).bodies())

    bodies = dict.fromkeys(itertools.chain.from_iterable(map(body, range(count))))
    return [(body, False) for body in bodies]


def test_every_kernel_is_in_one_part(threads):
    wanted = kernels(8)
    threads(3)
    parts = cache._modules(wanted)
    assert len(parts) == 3
    together = itertools.chain.from_iterable(parts)
    assert sorted(map(id, together)) == sorted(map(id, wanted))
    sizes = [sum(cache._size(body) for body, _ in part) for part in parts]
    assert max(sizes) <= 2 * min(sizes)


def test_few_ops_are_one_part(threads):
    threads(8)
    assert len(cache._modules(kernels(1))) == 1


def test_one_thread_compiles_one_module(threads):
    threads(1)
    assert len(cache._modules(kernels(8))) == 1


def test_the_number_of_threads_does_not_change_the_code(threads):
    wanted = kernels(6, 0.25)
    texts = []
    for number in (1, 3):
        threads(number)
        codes = cache._compiled(wanted)
        assert set(codes) == set(wanted)
        texts.append([codes[each].assembly for each in wanted])
    assert texts[0] == texts[1]


def test_functions_compiled_by_many_threads_at_once():
    found = {}

    def work(k):
        def f(x):
            return np.sum(np.tanh(x * (k + 0.125)) + np.exp(-x * x * k))

        x = np.linspace(-1.0, 1.0, 50)
        found[k] = tapec.grad(f)(x)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    x = np.linspace(-1.0, 1.0, 50)
    for k in range(6):
        c = k + 0.125
        expected = c / np.cosh(c * x) ** 2 - 2 * k * x * np.exp(-x * x * k)
        np.testing.assert_allclose(found[k], expected, rtol=1e-13, atol=1e-15)


def test_an_error_in_another_thread_is_raised_here():
    def work():
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        Ahead(work).result()
