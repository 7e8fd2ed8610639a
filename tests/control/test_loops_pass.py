"""What the pass `loops` leaves, and what the reverse of a loop stores."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.passes import body_vjp, residuals
from tapec.passes.pipeline import run

LEAN = ("simplify", "fold", "cse", "loops", "dce")


def loops_of(fn):
    return [op for op in fn.ops if op.prim.name == "scan"]


def recurrence(x0, r, n=30):
    def step(c, _):
        x, s = c
        x = r * x * (1 - x) + 0.1 * np.sin(x)
        return (x, s + x), None

    return tapec.scan(step, (x0, 0.0), length=n)[0][1] / n


def lean(f, *args):
    traced = f.traced(*args)
    found = run(traced, LEAN)
    inputs = [np.asarray(a) for a in args]
    for a, b in zip(evaluate(found, *inputs), evaluate(traced, *inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    return found


def test_the_forward_loop_of_a_gradient_runs_once():
    fn = lean(tapec.value_and_grad(recurrence, (0, 1)), 0.3, 2.5)
    forward, backward = loops_of(fn)
    assert not forward.attr("reverse") and backward.attr("reverse")
    # Partial derivatives are stored, two numbers per step; neither x nor cos(x) is.
    assert len(forward.type.items) == 2 + 2
    names = {op.prim.name for op in backward.attr("body").ops}
    assert names <= {"const", "multiply", "add"}


def test_second_order_has_four_loops():
    fn = lean(tapec.grad(tapec.grad(recurrence)), 0.3, 2.5)
    assert len(loops_of(fn)) == 4


def test_what_nobody_asks_for_is_dropped():
    fn = lean(tapec.grad(recurrence), 0.3, 2.5)
    forward, backward = loops_of(fn)
    assert forward.attr("carries") == 1  # the sum is not needed
    assert backward.attr("carries") == 1  # nor the gradient by r


def test_constant_and_unchanged_carries():
    def f(x, xs):
        def step(c, x):
            a, b, k = c
            return (a * x[0] + b * k, b, k), a * b

        ones = np.broadcast_to(x, (5, 1))
        (a, b, k), ys = tapec.scan(step, (x, x, 3.0), ones)
        return a + b + k, ys

    fn = lean(tapec.jit(f), 0.5, 1.0)
    (loop,) = loops_of(fn)
    assert loop.attr("carries") == 1  # a; b and k are invariants
    assert len(loop.args) == 1 + loop.attr("invariants")  # no inputs


def test_invariant_work_is_done_before_the_loop():
    w = np.arange(16.0).reshape(4, 4) / 10

    def f(w):
        return tapec.scan(lambda c, _: (c @ np.tanh(w.T), None), w[0], length=5)[0]

    fn = lean(tapec.jit(f), w)
    (loop,) = loops_of(fn)
    assert [
        op.prim.name for op in loop.attr("body").ops if op.prim.name == "tanh"
    ] == []


@pytest.fixture
def no_memory(monkeypatch):
    monkeypatch.setattr(residuals, "BUDGET", 0)
    body_vjp.joint.cache_clear()


def test_too_many_residuals_are_computed_again(no_memory):
    w = np.linspace(-0.5, 0.5, 9).reshape(3, 3)

    def loss(w, x):
        def step(x, _):
            y = np.tanh(x @ w)
            z = np.exp(-y) * y + np.sin(x)
            return z / (1 + z * z), np.sum(z)

        x, zs = tapec.scan(step, x, length=6)
        return np.sum(x) + np.sum(zs)

    def by_hand(w, x):
        total = 0.0
        for _ in range(6):
            y = np.tanh(x @ w)
            z = np.exp(-y) * y + np.sin(x)
            x, total = z / (1 + z * z), total + np.sum(z)
        return np.sum(x) + total

    x = np.array([0.1, 0.2, 0.3])
    f = tapec.grad(loss, (0, 1))
    traced = f.traced(w, x)
    longest = max(loops_of(traced), key=lambda op: len(op.type.items))
    assert len(longest.type.items) == 2 + 1  # the carry alone is stored
    for a, b in zip(f(w, x), tapec.grad(by_hand, (0, 1))(w, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_long_loop():
    n = 1_000_000
    value, grads = tapec.value_and_grad(recurrence, (0, 1), static_argnums=2)(
        0.3, 2.5, n
    )
    x, s = 0.3, 0.0
    for _ in range(n):
        x = 2.5 * x * (1 - x) + 0.1 * np.sin(x)
        s += x
    assert value == pytest.approx(s / n, rel=1e-11)
    assert np.isfinite(grads).all()
