"""Sections of small arrays: the same numbers, fewer kernels."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile as compiled
from tapec.passes.enclose import enclose
from tapec.passes.fuse import fuse
from tapec.passes.sections import sections


def gated(x, h, w, b):
    n = x.shape[-1]
    gates = np.concatenate([x, h, x, h], axis=-1) * w + b
    into, out, change = (gates[..., i * n : (i + 1) * n] for i in range(3))
    return np.tanh(into) * np.exp(change) + out * gates[..., 3 * n :]


def recurrent(x, h, w, b):
    total = 0.0
    for t in range(len(x)):
        h = np.tanh(gated(x[t], h, w, b))
        total = total + np.sum(h * h)
    return total


def drawn(n, dtype=np.float64):
    rng, shapes = np.random.default_rng(n), ((n,), (n,), (4 * n,), (4 * n,))
    return [rng.normal(size=s).astype(dtype) for s in shapes]


def kernels(fn):
    return sum(op.prim.name == "fused" for op in fuse(fn).ops)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [8, 14, 16, 100])
def test_the_numbers_are_the_same(n, dtype):
    args = drawn(n, dtype)
    args[0][3:6] = np.nan, np.inf, -0.0
    f = tapec.grad(lambda *a: np.sum(gated(*a)), argnums=(0, 1, 2, 3))
    before = f.inspect(*args).stage("dce")
    after = sections(before)
    assert any(op.prim.name == "stack" for op in after.ops)
    assert kernels(after) < kernels(before)
    wanted = evaluate(before, *args)
    for got, right in zip(evaluate(after, *args), wanted, strict=True):
        np.testing.assert_array_equal(got, right)
    rtol = 1e-3 if dtype is np.float32 else 1e-11
    for got, right in zip(compiled(enclose(fuse(after)))(*args), wanted, strict=True):
        np.testing.assert_allclose(got, right, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("n", [2, 7, 9, 14, 600])
def test_a_recurrence_and_its_gradient(n):
    x, h, w, b = (0.3 * a for a in drawn(n))
    rng = np.random.default_rng(n + 1)
    x = rng.normal(size=(20, n))
    f = tapec.value_and_grad(recurrent, argnums=(0, 1, 2, 3))
    value, gradients = f(x, h, w, b)
    np.testing.assert_allclose(value, recurrent(x, h, w, b), rtol=1e-9)
    direction = [rng.normal(size=a.shape) for a in (x, h, w, b)]
    slope = sum(np.vdot(g, d) for g, d in zip(gradients, direction, strict=True))

    def moved(step):
        args = zip((x, h, w, b), direction, strict=True)
        return recurrent(*[a + step * d for a, d in args])

    wanted = (moved(1e-6) - moved(-1e-6)) / 2e-6
    np.testing.assert_allclose(slope, wanted, rtol=1e-4)


def test_rows_of_a_matrix():
    def f(x, y):
        rows = np.stack([x, y, x * y])
        both = rows * np.arange(24.0).reshape(3, 8)
        return both[0] + both[2], both[1] > 0.0

    x, y = np.random.default_rng(0).normal(size=(2, 8))
    for got, right in zip(tapec.jit(f)(x, y), f(x, y), strict=True):
        np.testing.assert_array_equal(got, right)


def test_a_kernel_that_reads_the_whole_keeps_it():
    def f(x, y):
        both = np.exp(np.concatenate([x, y]))
        return both[:8] * np.sum(both)

    x = np.ones(8)
    assert "stack" not in tapec.jit(f).inspect(x, x).text("sections")
