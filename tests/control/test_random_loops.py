"""Random loops: recorded, interpreted, native and unrolled give the same numbers.

A program is made of steps drawn at random on carries of random shape, with captured
arrays, inputs, outputs, branches and inner loops. The same Python code runs once with
tapec's loops and once with Python's.
"""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes import pipeline

UNARY = (np.sin, np.cos, np.tanh, lambda x: x * x, lambda x: 0.5 * x, np.abs)
BINARY = (np.add, np.subtract, np.multiply, np.maximum)


class Rolled:
    """tapec's own."""

    scan = staticmethod(tapec.scan)
    cond = staticmethod(tapec.cond)
    fori_loop = staticmethod(tapec.fori_loop)


class Unrolled:
    """The same in Python, for values that are traced."""

    @staticmethod
    def scan(f, init, xs, reverse=False):
        rows = {}
        steps = range(len(xs))
        for t in reversed(steps) if reverse else steps:
            init, rows[t] = f(init, xs[t])
        return init, tuple(
            np.stack(y) for y in zip(*[rows[t] for t in steps], strict=True)
        )

    @staticmethod
    def cond(pred, yes, no, *operands):
        y, n = yes(*operands), no(*operands)
        return np.where(pred, y, n)

    @staticmethod
    def fori_loop(lower, upper, body, init):
        for i in range(lower, upper):
            init = body(i, init)
        return init


def program(seed, size):
    """A function of (lib, x, w, xs), reproducible."""

    def f(lib, x, w, xs):
        rng = np.random.default_rng(seed)

        def step_of(depth, pool_size):
            plan = [
                (rng.integers(4 if depth < 2 else 3), *rng.integers(0, 100, 3))
                for _ in range(rng.integers(2, 6))
            ]
            inner = step_of(depth + 1, pool_size) if depth < 2 else None

            def step(c, x):
                a, b = c
                pool = [a, b, x, a * 0.3 + w]
                for kind, i, j, k in plan:
                    p, q = pool[i % len(pool)], pool[j % len(pool)]
                    if kind == 0:
                        made = UNARY[k % len(UNARY)](p)
                    elif kind == 1:
                        made = BINARY[k % len(BINARY)](p, q)
                    elif kind == 2:
                        made = lib.cond(
                            np.sum(p) > 0.1 * k % 3,
                            lambda p, q: np.tanh(p) + q,
                            lambda p, q: p * 0.5,
                            p,
                            q,
                        )
                    else:
                        (made, _), ys = lib.scan(inner, (p * 0.5, q * 0.5), xs[:3])
                        made = made + 0.1 * np.sum(ys[0], axis=0)
                    pool.append(np.tanh(made))
                return (pool[-1], b * 0.7 + 0.1 * pool[-2]), (pool[-2], a)

            return step

        step = step_of(0, 4)
        (a, b), (ys, zs) = lib.scan(step, (x, w), xs, reverse=bool(seed % 2))
        c = lib.fori_loop(0, 3, lambda i, c: np.sin(c) + 0.1 * i, a)
        return np.sum(c * b) + np.sum(ys * 0.3) + np.mean(zs**2)

    return f


def inputs(seed, size):
    rng = np.random.default_rng(1000 + seed)
    shape = () if size is None else (size,)
    return (
        rng.normal(size=shape),
        rng.normal(size=shape),
        rng.normal(size=(int(rng.integers(3, 6)), *shape)),
    )


@pytest.mark.parametrize("size", [None, 3, 40])
@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients(seed, size):
    f, args = program(seed, size), inputs(seed, size)
    rolled = tapec.value_and_grad(lambda *a: f(Rolled, *a), (0, 1, 2))
    unrolled = tapec.value_and_grad(lambda *a: f(Unrolled, *a), (0, 1, 2))
    value, grads = rolled(*args)
    fn = rolled.traced(*args)
    steps = compile(pipeline.run(fn)).steps
    assert not [step for step in steps if step.kind == "host"]
    interpreted = evaluate(fn, *args)
    assert value == pytest.approx(float(interpreted[0]), rel=1e-13)
    for a, b in zip(grads, interpreted[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    wanted, *wanted_grads = evaluate(unrolled.traced(*args), *args)
    assert value == pytest.approx(float(wanted), rel=1e-12)
    for a, b in zip(grads, wanted_grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_second_order(seed):
    f, args = program(seed, 3), inputs(seed, 3)

    def slope_of(lib):
        def slope(*args):
            g = tapec.grad(lambda *a: f(lib, *a))(*args)
            return np.sum(g * np.arange(1.0, 4.0))

        return tapec.grad(slope, (0, 2))

    found = slope_of(Rolled)(*args)
    wanted = evaluate(slope_of(Unrolled).traced(*args), *args)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)
