"""Kernels on a few elements, which have no loop: the numbers, and which they are."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native import platform
from tapec.native.engine import new_module
from tapec.native.loops import emit_kernel
from tapec.native.program import compile as compiled
from tapec.native.short import is_short
from tapec.passes.fuse import fuse

MOST = 2 * platform.vector_width() // 64


def arithmetic(x, y):
    z = 1.0 / (1.0 + np.exp(-x)) * np.tanh(y) - x / 3.0
    return z, np.where(z > y, z, -y) + abs(x) ** 0.5, np.maximum(x, y) > 0.5


def sums(x, y):
    return np.sum(x * y) * 2.0, np.sum(np.log1p(x * x)), x * x[0]


def moved(x, y):
    n = len(x) // 2
    return x[:n] * y[n : 2 * n] + x[1 : n + 1], np.stack([x, y])[1] * 2.0


def narrower(x, y):
    return (x * y).astype(np.float32), np.sign(y) + np.floor(x * 3.0), np.expm1(x) > y


def filled(x, y):
    return np.zeros_like(x), np.full(x.shape, 2.0) * x[0], np.logaddexp(x, y)


FUNCTIONS = [arithmetic, sums, moved, narrower, filled]


def kernels(fn):
    return [op.attr("body") for op in fn.ops if op.prim.name == "fused"]


def values(n, dtype):
    x, y = np.random.default_rng(n).normal(size=(2, n)).astype(dtype)
    if n > 5:
        x[:6] = np.nan, np.inf, -np.inf, -0.0, 800.0, 1e-310
    return x, y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [4, 5, 7, 8, 9, 14, 15, 16, 17, 31, 32])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_numbers_are_the_same(f, n, dtype):
    args = values(n, dtype)
    with np.errstate(all="ignore"):
        fn = tapec.jit(f).inspect(*args).stage("dce")
        wanted = evaluate(fn, *args)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    for got, right in zip(compiled(fuse(fn))(*args), wanted, strict=True):
        assert got.dtype == right.dtype
        np.testing.assert_allclose(got, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [2, 4, MOST, MOST + 1])
def test_they_have_no_loop(n):
    (body,) = kernels(fuse(tapec.jit(arithmetic).inspect(*values(n, "d")).stage("dce")))
    assert is_short(body) == (4 <= n <= MOST)
    module = new_module("m")
    emit_kernel(module, body, "kernel")
    assert (f"load <{n} x double>" in str(module)) == is_short(body)
    assert ("phi" not in str(module)) == is_short(body)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[::2] * 1.5,
        lambda x: np.max(x) + np.cumsum(x),
        lambda x: np.arange(4) * 2,
        lambda x: x.reshape(2, 4) * x[:4],
        lambda x: x[np.array([3, 1, 2, 0])] + 1.0,
        lambda x: np.sum(x.reshape(4, 2), axis=1),
        lambda x: x.reshape(4, 2)[:, 0] * 2.0,
        lambda x: np.concatenate([x[:3], x[2:]]) * 2.0,
        lambda x: (x[:4] + 1j) * 2.0,
        lambda x: x.astype(np.float16) * 2,
    ],
)
def test_what_no_vector_is_read_from_has_one(f):
    x = np.random.default_rng(0).normal(size=8)
    np.testing.assert_allclose(tapec.jit(f)(x), f(x), rtol=1e-12)


def test_a_loop_of_them():
    def f(h, w):
        for _ in range(20):
            h = np.tanh(h * w) + h[0] * np.sum(h * w) / 9.0
        return np.sum(h * h)

    h, w = np.random.default_rng(0).normal(size=(2, 14))
    value, gradient = tapec.value_and_grad(f, argnums=1)(h, w)
    np.testing.assert_allclose(value, f(h, w), rtol=1e-9)
    moved = [f(h, w + s * 1e-6 * np.eye(14)[3]) for s in (1, -1)]
    np.testing.assert_allclose(gradient[3], (moved[0] - moved[1]) / 2e-6, rtol=1e-5)
