"""Small arrays as scalars: the same numbers, fewer kernels, results in their places."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native import accumulate
from tapec.native.split import chunks_of
from tapec.native.staging import BLOCK
from tapec.passes.fuse import fuse
from tapec.passes.scalars import choose

RNG = np.random.default_rng(0)


def kernels(fn):
    return sum(op.prim.name in ("fused", "matmul") for op in fuse(fn).ops)


def turned(r, x):
    angle = np.sqrt(r @ r)
    axis = r / angle
    along = axis * (axis @ x)
    return along + np.cos(angle) * (x - along) + np.sin(angle) * np.cross(axis, x)


def power(m, x):
    for _ in range(3):
        m = m @ m.T / np.sum(np.abs(m))
    return m @ x


def normalized(x):
    """Moves of many kinds."""
    x = x - np.max(x, axis=-1, keepdims=True)
    x = np.concatenate([x[..., 1:], x[..., :1] ** 2], axis=-1)
    x = np.exp(x[..., ::-1]) / np.sum(np.exp(x), axis=-1, keepdims=True)
    x = np.roll(x, 1, axis=-1) * np.where(np.arange(3) < 2, x, 0.0)
    return np.tril(x[..., :, None] * x[..., None, :]), np.any(x > 0.2, axis=-1)


def gram(x, m):
    y = np.sin(x @ m.T)
    y = y / np.linalg.norm(y, axis=1, keepdims=True)
    y = np.roll(y, 1, axis=1) * 0.5
    z = np.minimum(y, np.flip(y, 1) + y[:, :1]) / np.sum(y, axis=1, keepdims=True)
    return np.sum(z, axis=0), np.prod(z, axis=1), np.sum(z > 0, axis=1)


def of_rows(f, n, *shapes):
    return tapec.vmap(f), tuple(RNG.uniform(0.5, 1.5, (n, *s)) for s in shapes)


CASES = {
    "a rotation of many": of_rows(turned, 100, (3,), (3,)),
    "a rotation": (turned, (RNG.normal(size=3), RNG.normal(size=3))),
    "its Jacobian, for many": of_rows(
        tapec.jacrev(turned, argnums=(0, 1)), 200, (3,), (3,)
    ),
    "matrices": (power, (RNG.normal(size=(4, 4)), RNG.normal(size=4))),
    "the gradient of matrices": (
        tapec.grad(lambda m, x: np.sum(power(m, x) ** 2)),
        (RNG.normal(size=(3, 3)), RNG.normal(size=3)),
    ),
    "many matrices": of_rows(power, 65, (3, 3), (3,)),
    "moves": (normalized, (RNG.normal(size=3),)),
    "moves of many": of_rows(normalized, 77, (3,)),
    "sums over many": (gram, (RNG.normal(size=(90, 3)), RNG.normal(size=(3, 3)))),
    "single precision": (
        tapec.vmap(turned),
        tuple(RNG.uniform(0.5, 1.5, (2, 130, 3)).astype(np.float32)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    f, args = CASES[name]
    compiled = tapec.jit(f)
    look = compiled.inspect(*args)
    before, after = look.stage("dce"), look.stage("scalarize")
    assert kernels(after) < kernels(before)
    tolerance = 1e-5 if args[0].dtype == np.float32 else 1e-12
    inputs = [*args]
    for x, y in zip(evaluate(before, *inputs), evaluate(after, *inputs), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
    found, wanted = compiled(*args), evaluate(look.recorded, *args)
    found = found if isinstance(found, tuple) else (found,)
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n", [BLOCK, BLOCK + 1, 2 * BLOCK - 1, 1000, 3001])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [9, 11, 16, 22, 25, 41])
def test_rows_of_many_columns_are_turned(n, dtype, columns):
    def f(x):
        x = x / np.sqrt(np.sum(x * x, axis=1, keepdims=True))
        x = x - np.max(x, axis=1, keepdims=True)
        x = np.concatenate([x[:, 3:], x[:, :3]], axis=1)
        return x * np.sum(x, axis=1, keepdims=True), np.sum(x[:, ::-1] * x, axis=0)

    x = RNG.uniform(0.5, 1.5, (n, columns)).astype(dtype)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    for found, wanted in zip(tapec.jit(f)(x), f(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_chunks_for_threads_are_whole_blocks():
    assert accumulate.BLOCK % BLOCK == 0


def test_threads_share_the_rows():
    f, args = of_rows(tapec.jacrev(turned, argnums=(0, 1)), 30_000, (3,), (3,))
    compiled = tapec.jit(f)
    (kernel,) = [
        op for op in compiled.inspect(*args).stage("fuse").ops
        if op.prim.name == "fused"
    ]  # fmt: skip
    assert chunks_of(kernel.attr("body")) is not None
    before = tapec.config.threads
    try:
        tapec.config.threads = 1
        alone = tapec.jit(f)(*args)
        tapec.config.threads = 2
        shared = tapec.jit(f)(*args)
    finally:
        tapec.config.threads = before
    for x, y in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(x, y)


def test_what_is_not_a_number_stays_so():
    def f(x):
        x = x / np.sum(x, axis=1, keepdims=True)
        x = x[:, ::-1] - np.max(x, axis=1, keepdims=True)
        x = np.concatenate([x[:, 1:], x[:, :1]], axis=1)
        return x / np.sum(x * 0.0 + 1.0, axis=1, keepdims=True)

    x = RNG.normal(size=(100, 3))
    x[7, 1], x[8, 0], x[9] = np.nan, np.inf, 0.0
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isnan(tapec.jit(f)(x)), np.isnan(f(x)))


def test_large_groups_stay(monkeypatch):
    args = RNG.normal(size=(4, 4)), RNG.normal(size=4)
    assert "pack" in tapec.jit(power).inspect(*args).text("scalarize")
    monkeypatch.setattr(choose, "LARGEST", 100)
    assert "pack" not in tapec.jit(power).inspect(*args).text("scalarize")


def test_bodies_of_loops():
    def path(y, p):
        for _ in range(20):
            k = np.stack([y[1] * p[0], p[1] * y[2] - y[0], y[0] * y[1] - p[2] * y[2]])
            y = y + 0.01 * k / np.sqrt(1.0 + np.sum(k * k))
        return np.sum(y * y)

    y, p = RNG.normal(size=(2, 100, 3))
    gradients = tapec.jit(tapec.vmap(tapec.grad(path, argnums=(0, 1))))
    assert "= pack" in gradients.inspect(y, p).text("enclose")
    one = tapec.grad(path, argnums=(0, 1))
    for i in (0, 99):
        for found, wanted in zip(gradients(y, p), one(y[i], p[i]), strict=True):
            np.testing.assert_allclose(found[i], wanted, rtol=1e-12)
