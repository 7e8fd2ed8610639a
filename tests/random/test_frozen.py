"""A draw from NumPy's generators in a traced function is noticed, once, at its line."""

import warnings

import numpy as np
import pytest

import tapec

RNG = np.random.default_rng(0)


def helper(x):
    return x + RNG.normal()


class Model:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def drop(self, x):
        kept = tapec.random.bernoulli(tapec.random.key(0), 0.5)
        return x * kept * self.rng.random()


def of_the_module(x):
    kept = tapec.random.bernoulli(tapec.random.key(0), 0.5)
    return x * kept * np.random.rand()


def of_an_argument(x, rng):
    return x * rng.random()


def of_a_legacy_cell():
    state = np.random.RandomState(0)

    def f(x):
        return x + state.rand()

    return f


CASES = {
    "np.random": (tapec.jit(of_the_module), (1.0,), "np.random.rand()"),
    "RNG": (tapec.grad(lambda x: helper(x)), (1.0,), "x + RNG.normal()"),
    "rng": (tapec.jit(Model().drop), (1.0,), "self.rng.random()"),
    "an argument": (tapec.jit(of_an_argument), (1.0, RNG), "rng.random()"),
    "a cell": (tapec.jit(of_a_legacy_cell()), (1.0,), "state.rand()"),
    "vmap": (tapec.vmap(lambda x: helper(x)), (np.ones(2),), "x + RNG.normal()"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_draw_is_noticed_once_with_its_line(name):
    f, args, line = CASES[name]
    with pytest.warns(UserWarning, match=r"draws random numbers from .*rozen") as found:
        f(*args)
    assert len(found) == 1
    with open(__file__, encoding="utf-8") as file:
        assert line in file.readlines()[found[0].lineno - 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(*[np.float32(2.0), *args[1:]] if name != "vmap" else [np.ones(3)])


def test_no_draw_no_warning():
    seeded = np.random.default_rng(1)
    noise = seeded.normal(size=3)
    f = tapec.jit(lambda x: x + noise + 0 * (seeded is None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(np.ones(3))
        with tapec.GradientTape():
            tapec.constant(1.0) * seeded.normal()
