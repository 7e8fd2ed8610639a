"""Python's own `while` on a traced number: one program for any number of rounds."""

import math

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate


def newton(a, tol):
    x = a
    while abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
    return x


def newton_from_one(a, tol):
    x = 1.0
    while True:
        y = 0.5 * (x + a / x)
        if abs(x - y) < tol:
            break
        x = y
    return x * y


def returns_inside(a, tol):
    x = a
    while True:
        step = (x * x - a) / (2 * x)
        if not abs(step) >= tol:
            return x - step
        x = x - step


def at_most(a, tol):
    x = a
    for _ in range(30):
        y = 0.5 * (x + a / x)
        if abs(x - y) < tol:
            break
        x = y
    return y


def counted(a, tol):
    x, k = a, 0
    while k < 40 and abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
        k += 1
    return x


def with_old_value(a, tol):
    x, err = a, tol + 1
    while err > tol:
        old = x
        x = 0.5 * (x + a / x)
        err = abs(x - old)
    return x


def with_functions(a, tol):
    def f(x):
        return x * x - a

    x = a
    while np.abs(f(x)) > tol:
        x = x - f(x) / slope(x)
    return x


def slope(x):
    twice = 2.0
    twice *= x
    return twice


ROOTS = [newton, newton_from_one, returns_inside, at_most, counted, with_old_value]
ROOTS.append(with_functions)


@pytest.mark.parametrize("f", ROOTS)
@pytest.mark.parametrize("transform", [tapec.jit, tapec.value_and_grad])
def test_one_program_for_any_number_of_rounds(f, transform):
    compiled = transform(f)
    plain = tapec.value_and_grad(lambda a, tol: f(a, tol))
    for a in (5.0, 2.0, 900.0, 3.0, 1e6, 1.5, 70.0):
        got = compiled(a, 1e-11)
        if transform is tapec.jit:
            assert got == f(a, 1e-11)
            continue
        alone = transform(lambda a, tol, f=f: f(a, tol))
        assert got == alone(a, 1e-11)
        assert got[0] == plain(a, 1e-11)[0] == f(a, 1e-11)
    assert len(compiled.signatures) == 1


@pytest.mark.parametrize("f", [newton, with_functions, at_most])
def test_no_round_and_one_round_run_the_same_program(f):
    compiled = tapec.value_and_grad(f)
    compiled(2.0, 1e-10)
    for a, tol in [(1.0, 0.5), (2.0, 100.0), (2.0, 0.3), (4.0, 2.3)]:
        unrolled = tapec.value_and_grad(f)(a, tol)
        assert compiled(a, tol) == unrolled
    assert len(compiled.signatures) == 1


def test_a_short_first_call_is_a_version_of_its_own():
    f = tapec.jit(newton)
    assert f(1.0, 0.1) == 1.0
    for a in (2.0, 3.0, 1.0, 100.0):
        assert f(a, 1e-12) == newton(a, 1e-12)
    assert len(f.signatures) == 2
    assert "while abs(x * x - a) > tol:" in f.explain_retrace()


def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


def collatz(n, steps):
    while n != 1:
        n = np.where(n % 2 == 0, n // 2, 3 * n + 1)
        steps = steps + 1
    return steps


def test_integers():
    f = tapec.jit(gcd)
    for a, b in [(1071, 462), (10**9 + 7, 998244353), (5, 0), (0, 7), (12, 12)]:
        assert f(a, b) == math.gcd(a, b)
    g = tapec.jit(collatz)
    for n in (6, 27, 1, 97, 2):
        assert g(n, 0) == collatz(np.int64(n), 0)
    assert len(f.signatures) == 1
    assert len(g.signatures) == 2  # without a round `n` is a number of Python's


def bisection(a, tol):
    low, high = a * 0.0, a + 1.0
    while high - low > tol:
        middle = 0.5 * (low + high)
        above = middle**3 > a
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def power_iteration(m, v, tol):
    state = (v, np.sum(v) * 0.0)
    change = tol + 1.0
    while change > tol:
        w = m @ state[0]
        w = w / np.sqrt(np.sum(w * w))
        value = w @ m @ w
        change = np.abs(value - state[1])
        state = (w, value)
    return state[1]


def adaptive_step(y, end):
    """Heun and Euler for y' = -y * cos(t); the step follows their difference."""
    t, h = end * 0.0, end * 0.1
    while t < end:
        h = np.minimum(h, end - t)
        first = -y * np.cos(t)
        second = -(y + h * first) * np.cos(t + h)
        error = np.abs(h * (second - first)) / 2
        y = np.where(error < 1e-4, y + h * (first + second) / 2, y)
        t = np.where(error < 1e-4, t + h, t)
        h = np.where(error < 1e-4, h * 1.2, h * 0.5)
    return y


def interpreted(f, *args):
    fn = tapec.jit(f).traced(*args)
    assert any(op.prim.name == "while_loop" for op in fn.ops)
    return evaluate(fn, *map(np.asarray, args))[0]


def test_bisection():
    f = tapec.jit(bisection)
    for a in (2.0, 27.0, 1000.0, 0.5):
        assert f(a, 1e-9) == interpreted(bisection, a, 1e-9)
        assert f(a, 1e-9) == pytest.approx(a ** (1 / 3), rel=1e-8)
    assert len(f.signatures) == 1


def test_power_iteration():
    f = tapec.value_and_grad(power_iteration)
    rng = np.random.default_rng(0)
    for n in range(4):
        m = rng.normal(size=(3, 3))
        m = m @ m.T + np.diag([5.0 + n, 1.0, 0.5])
        value, slope = f(m, np.ones(3), 1e-13)
        values, vectors = np.linalg.eigh(m)
        assert value == pytest.approx(values[-1], rel=1e-6)
        wanted = np.outer(vectors[:, -1], vectors[:, -1])
        np.testing.assert_allclose(slope, wanted, atol=1e-4)
    assert len(f.signatures) == 1


def test_adaptive_steps():
    f = tapec.value_and_grad(adaptive_step)
    for y, end in [(1.0, 2.0), (3.0, 1.0), (2.0, 6.0)]:
        value, slope = f(y, end)
        assert value == pytest.approx(y * np.exp(-np.sin(end)), rel=1e-2)
        assert slope == pytest.approx(np.exp(-np.sin(end)), rel=1e-1)
    assert len(f.signatures) == 1


def test_a_checked_gradient():
    tapec.check_grads(lambda a: newton(a, 1e-12) * a, (3.0,), order=1)
    tapec.check_grads(lambda a: counted(a, 1e-12), (7.0,), order=1)


# --- with other transforms --------------------------------------------------------


def test_forward_mode_and_second_order():
    for a in (2.0, 9.5):
        value, tangent = tapec.jvp(newton, (a, 1e-12), (1.0, 0.0))
        assert value == newton(a, 1e-12)
        assert tangent == pytest.approx(0.5 / np.sqrt(a), rel=1e-8)
    found = tapec.hessian(lambda v: newton(v[0] * v[1], 1e-13))(np.array([2.0, 3.0]))
    unrolled = tapec.hessian(lambda v: six_rounds(v[0] * v[1]))(np.array([2.0, 3.0]))
    np.testing.assert_allclose(found, unrolled, rtol=1e-9)


def six_rounds(a):
    x = a
    for _ in range(6):
        x = 0.5 * (x + a / x)
    return x


def test_each_example_has_its_own_number_of_rounds():
    a = np.array([2.0, 1.0, 900.0, 4.0])
    wanted = [newton(x, 1e-10) for x in a.tolist()]
    assert tapec.vmap(newton, (0, None))(a, 1e-10).tolist() == wanted
    slopes = tapec.vmap(tapec.grad(newton), (0, None))(a, 1e-10)
    each = [tapec.grad(newton)(x, 1e-10) for x in a.tolist()]
    np.testing.assert_allclose(slopes, each, rtol=1e-13)


def test_on_a_tape_in_a_traced_function():
    @tapec.jit
    def slopes(a):
        with tapec.GradientTape() as tape:
            tape.watch(a)
            y = newton(a, 1e-12) * a
        return y, tape.gradient(y, a)

    for a in (2.0, 30.0, 5.0):
        y, slope = slopes(a)
        assert y == newton(a, 1e-12) * a
        assert slope == pytest.approx(1.5 * np.sqrt(a), rel=1e-8)
    assert len(slopes.signatures) == 1


def two_in_a_row(a, b):
    x = newton(a, 1e-12)
    y = x
    while y < b:
        y = y * 1.5 + x
    while y > 1.0:
        y = y / 2.0
    return x + y


def in_a_for(xs):
    total = 0.0
    for i in range(5):
        total = total + newton(xs[i], 1e-11) * xs[i]
    return total


def in_a_while(a, b):
    n = a
    while n < b:
        m = n
        while m > 1.0:
            m = m / 3.0
        n = n * 2.0 + m
    return n * a


def test_several_loops():
    f = tapec.value_and_grad(two_in_a_row)
    for a, b in [(2.0, 30.0), (5.0, 100.0), (3.0, 1e4)]:
        assert f(a, b)[0] == two_in_a_row(a, b)
        assert f(a, b) == tapec.value_and_grad(two_in_a_row)(a, b)
    assert len(f.signatures) == 1
    g = tapec.value_and_grad(in_a_for)
    for xs in (np.arange(5) + 2.0, np.arange(5)[::-1] ** 2 + 7.0):
        value, slope = g(xs)
        assert value == pytest.approx(np.sum(xs**1.5), rel=1e-12)
        np.testing.assert_allclose(slope, 1.5 * np.sqrt(xs), rtol=1e-8)
    assert len(g.signatures) == 1
    h = tapec.value_and_grad(in_a_while)
    for a, b in [(30.0, 1e5), (50.0, 1e7), (31.0, 1e6)]:
        assert h(a, b)[0] == in_a_while(a, b)
        assert h(a, b)[1] == pytest.approx(by_difference(in_a_while, a, b), rel=1e-5)
    assert len(h.signatures) == 1


def by_difference(f, a, b):
    return (f(a + 1e-6, b) - f(a - 1e-6, b)) / 2e-6


def filled(x, tol):
    while x[0] > tol:
        x[1:] = x[:-1] * 0.5
        x[0] = x[0] * 0.25
    return np.sum(x)


def test_items_that_are_set():
    f = tapec.value_and_grad(filled)
    for start in (100.0, 3.0, 1e5):
        x = np.array([start, 2.0, 1.0])
        assert f(x, 0.5)[0] == filled(x.copy(), 0.5)
    assert len(f.signatures) == 1


def test_a_traced_bound_counts_with_a_number_of_python():
    def f(x, n):
        k = 0
        while k < n:
            x = np.sin(x) + 1.0
            k += 1
        return x

    compiled = tapec.value_and_grad(f)
    for n in (4, 9, 3, 0, 1):
        value, slope = compiled(0.5, n)
        assert value == pytest.approx(f(0.5, n), rel=1e-14)
        wanted = tapec.grad(f, static_argnums=1)(0.5, n)
        assert slope == pytest.approx(wanted, rel=1e-13)
    assert len(compiled.signatures) == 1


def test_a_guard_inside_a_round():
    def f(x):
        while x > 1.0:
            if x > 1e3:
                x = x - 500.0
            x = x * 0.5
        return x

    compiled = tapec.value_and_grad(f)
    for x in (80.0, 600.0, 5e3, 90.0, 1e4):
        assert compiled(x)[0] == f(x)
        assert compiled(x) == tapec.value_and_grad(lambda x: f(x))(x)
