"""Loops of few elements, whose last vector is partly empty."""

import numpy as np
import pytest

import tapec


def f(x, y):
    z = np.tanh(x) * np.sin(y * 1e6) + np.sqrt(np.abs(x)) / y
    return z, np.sum(np.exp(-x * x)), np.max(x), np.cumsum(y), z > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 3, 7, 9, 14, 15, 17, 31, 63, 65])
def test_every_element(n, dtype):
    rng = np.random.default_rng(n)
    x, y = rng.uniform(0.5, 2.0, (2, n)).astype(dtype)
    compiled = tapec.jit(f)
    tolerance = {"rtol": 2e-4 if dtype == np.float32 else 1e-12}
    for found, wanted in zip(compiled(x, y), f(x, y), strict=True):
        np.testing.assert_allclose(found, wanted, **tolerance)
