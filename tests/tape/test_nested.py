"""Tapes in tapes, gradients of gradients."""

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant
from tests.tape.forms import equals, run_in_all_forms


def test_third_order():
    def program(x):
        with GradientTape() as a:
            with GradientTape() as b:
                with GradientTape() as c:
                    y = np.sin(x) * x**3
                first = c.gradient(y, x)
            second = b.gradient(first, x)
        return first, second, a.gradient(second, x)

    x = 0.7
    s, c = np.sin(x), np.cos(x)
    expected = (
        c * x**3 + 3 * s * x**2,
        -s * x**3 + 6 * c * x**2 + 6 * s * x,
        -c * x**3 - 9 * s * x**2 + 18 * c * x + 6 * s,
    )
    equals(run_in_all_forms(program, x), expected)


def test_gradient_in_a_jitted_gradient():
    def f(x):
        with GradientTape() as tape:
            y = x**3
        return tape.gradient(y, x)

    assert tapec.grad(f)(2.0) == pytest.approx(12.0)
    assert tapec.grad(tapec.grad(f))(2.0) == pytest.approx(6.0)


def test_tape_around_decorated_functions():
    def program(x):
        with GradientTape() as tape:
            y = tapec.grad(lambda t: np.sin(t) * t)(x) * tapec.jit(np.exp)(x)
        return tape.gradient(y, x)

    x = 0.4
    g = np.cos(x) * x + np.sin(x)
    dg = -np.sin(x) * x + 2 * np.cos(x)
    equals(run_in_all_forms(program, x), (g + dg) * np.exp(x))


def test_gradient_penalty():
    def program(x, w):
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = np.sum(np.tanh(x @ w))
            g = inner.gradient(y, x)
            penalty = np.sum(g * g)
        return outer.gradient(penalty, w)

    x, w = np.array([[0.1, 0.2]]), np.array([[0.3], [0.4]])
    found = run_in_all_forms(program, x, w)
    h = 1e-6
    for i in range(2):
        d = np.zeros_like(w)
        d[i] = h
        diff = (penalty(x, w + d) - penalty(x, w - d)) / (2 * h)
        assert found[i, 0] == pytest.approx(diff, rel=1e-8)


def penalty(x, w):
    slope = 1 - np.tanh(x @ w) ** 2
    return np.sum((slope @ w.T) ** 2)


def test_inner_gradient_after_the_outer_block_is_constant_to_it():
    x = constant(3.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = x**3
        z = y * 1.0
    g = inner.gradient(y, x)
    equals(g, 27.0)
    equals(outer.gradient(z, x), 27.0)


def test_gradient_of_an_ended_tape_inside_another():
    x, ct = constant(2.0), constant(5.0)
    with GradientTape(persistent=True) as before:
        y = x**3
    with GradientTape() as tape:
        g = before.gradient(y, x, output_gradients=ct) * 1.0
    equals(g, 60.0)
    equals(tape.gradient(g, [x, ct]), [60.0, 12.0])


def test_forward_mode_by_two_reverse_sweeps():
    def program(x, t):
        with GradientTape() as outer:
            ct = t * 0.0 + 1.0
            with GradientTape() as inner:
                y = np.sin(x)
            g = inner.gradient(y, x, output_gradients=ct)
        return outer.gradient(g, ct, output_gradients=t)

    x, t = np.array([0.1, 0.2]), np.array([1.0, 10.0])
    equals(run_in_all_forms(program, x, t), np.cos(x) * t)


def test_a_persistent_tape_inside_another():
    def program(x):
        with GradientTape() as outer:
            with GradientTape(persistent=True) as inner:
                y = x * x
                z = y * y
            a, b = inner.gradient(z, x), inner.gradient(y, x)
            w = a * b
        return outer.gradient(w, x)

    equals(run_in_all_forms(program, 2.0), 8 * 4 * 2.0**3)


def test_higher_order_of_variables():
    v = Variable(3.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = v * v * v
        g = inner.gradient(y, v)
    equals([g, outer.gradient(g, v)], [27.0, 18.0])


def test_unconnected_inside_an_outer_tape():
    x, y = constant(1.0), constant([1.0, 2.0])
    with GradientTape() as outer:
        with GradientTape() as inner:
            z = x * 2.0
        a, b = inner.gradient(z, [x, y], unconnected_gradients="zero")
        w = a * x + np.sum(b)
    equals([a, b], [2.0, np.zeros(2)])
    equals(outer.gradient(w, x), 2.0)
