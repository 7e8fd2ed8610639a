"""Long bodies are compiled for two vectors at a time; their results are the same."""

import numpy as np
import pytest

import tapec
from tapec.native import kernels


def long(x):
    y = np.exp(-x) + np.tanh(x) * np.log1p(x * x)
    return np.sin(y) + np.cos(y * x) + np.arctan(x)


def short(x):
    return np.exp(-x)


@pytest.mark.parametrize(
    ("function", "n", "wished"),
    [(long, 20_000, True), (long, 100, False), (short, 200_000, False)],
)
def test_which_bodies(function, n, wished):
    (kernel,) = tapec.inspect(tapec.jit(function), np.ones(n)).kernels
    assert kernels.waits(kernel.body) == wished


@pytest.mark.parametrize("n", [8192, 8192 + 64, 8192 + 448, 8208, 8193, 8199, 10_007])
def test_results_are_those_of_one_vector_at_a_time(n, monkeypatch):
    x = np.random.default_rng(0).normal(size=n)
    twice = tapec.value_and_grad(lambda x: np.sum(long(x)))(x)
    monkeypatch.setattr(kernels, "waits", lambda body: False)
    once = tapec.value_and_grad(lambda x: np.sum(long(x) * 1.0))(x)
    np.testing.assert_allclose(twice[0], once[0], rtol=1e-14)
    np.testing.assert_array_equal(twice[1], once[1])


def test_blocks_of_whole_vectors_have_no_loop_for_a_rest():
    sizes = []
    for n in (20_032, 20_031):
        found = tapec.inspect(tapec.jit(lambda x: np.sum(long(x))), np.ones(n))
        (kernel,) = found.kernels
        sizes.append(kernel.llvm.count("\n"))
    assert sizes[0] < 0.8 * sizes[1]
