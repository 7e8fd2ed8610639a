"""`while_loop`: as many steps as each run takes, differentiable in both modes."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.passes.jvp import jvp
from tapec.passes.vjp import vjp


def root(a):
    def more(x):
        return abs(x * x - a) > 1e-13

    return tapec.while_loop(more, lambda x: 0.5 * (x + a / x), 1.0)


def test_newton_compiles_once():
    f = tapec.jit(root)
    for a in (2.0, 900.0, 1.0):
        assert f(a) == pytest.approx(np.sqrt(a), rel=1e-13)
        assert root(a) == pytest.approx(f(a), rel=1e-15)
    assert len(f.signatures) == 1


@pytest.mark.parametrize("a", [2.0, 900.0])
def test_gradients_to_third_order(a):
    first = tapec.grad(root)
    second = tapec.grad(first)
    assert first(a) == pytest.approx(0.5 * a**-0.5, rel=1e-9)
    assert second(a) == pytest.approx(-0.25 * a**-1.5, rel=1e-8)
    # The last step of Newton's iteration has derivatives of the first order only:
    # the third is that of the iteration, not of the root.
    assert np.isfinite(tapec.grad(second)(a))


def powers(x, w, n):
    """x * (w * cos(x) ...) n times, with an array and a counter carried."""

    def more(c):
        return c["k"] < n

    def step(c):
        return {"k": c["k"] + 1, "x": np.cos(c["x"]) * w + 0.1 * c["x"]}

    return np.sum(tapec.while_loop(more, step, {"k": 0, "x": x})["x"])


def by_hand(x, w, n):
    for _ in range(n):
        x = np.cos(x) * w + 0.1 * x
    return np.sum(x)


@pytest.mark.parametrize("n", [0, 1, 6])
def test_gradients_are_those_of_the_unrolled_loop(n):
    x, w = np.array([0.2, 0.5]), 1.3
    assert powers(x, w, n) == pytest.approx(by_hand(x, w, n), rel=1e-13)
    for argnum in (0, 1):
        found = tapec.grad(powers, argnum)(x, w, n)
        wanted = tapec.grad(by_hand, argnum, static_argnums=2)(x, w, n)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)

    def slope(f, **kw):
        return tapec.grad(lambda x: np.sum(tapec.grad(f, 0, **kw)(x, w, n)))(x)

    np.testing.assert_allclose(
        slope(powers), slope(by_hand, static_argnums=2), rtol=1e-12, atol=1e-15
    )


def test_both_modes_agree_to_second_order():
    x, w = np.array([0.2, 0.5]), np.array(1.3)
    fn = tapec.jit(lambda x, w: powers(x, w, 5)).traced(x, w)
    dx, dw = np.array([0.3, -1.0]), np.array(0.4)
    _, tangent = evaluate(jvp(fn), x, w, dx, dw)
    _, gx, gw = evaluate(vjp(fn), x, w, np.array(1.0))
    np.testing.assert_allclose(tangent, gx @ dx + gw * dw, rtol=1e-12)
    args = (x, w, np.array(1.0))
    hvp = evaluate(jvp(vjp(fn), wrt=[0, 1]), *args, dx, dw)[3:]
    other = evaluate(vjp(jvp(fn), wrt=[0, 1]), x, w, dx, dw, np.array(0.0), args[2])
    for a, b in zip(hvp[1:], other[2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


def test_fori_loop_with_a_traced_bound():
    def f(n, x):
        return tapec.fori_loop(0, n, lambda i, c: c * x + i, 1.0)

    jitted = tapec.jit(f)
    for n in (0, 1, 7):
        wanted = 1.0
        for i in range(n):
            wanted = wanted * 0.5 + i
        assert jitted(n, 0.5) == pytest.approx(wanted, rel=1e-14)
        assert f(n, 0.5) == wanted
    assert len(jitted.signatures) == 1
    g = tapec.grad(f, 1)(3, 0.5)
    assert g == pytest.approx(3 * 0.25 + 1.0, rel=1e-14)


def test_inside_a_scan():
    def f(xs):
        def step(c, x):
            y = tapec.while_loop(lambda v: v < 10, lambda v: v * x + 1, c)
            return y * 0.1, y

        c, ys = tapec.scan(step, 1.0, xs)
        return c + np.sum(ys)

    def unrolled(xs):
        c, total = 1.0, 0.0
        for i in range(3):
            v = c
            while v < 10:
                v = v * xs[i] + 1
            c, total = v * 0.1, total + v
        return c + total

    xs = np.array([2.0, 1.5, 3.0])
    assert tapec.jit(f)(xs) == f(xs) == unrolled(xs)
    np.testing.assert_allclose(tapec.grad(f)(xs), tapec.grad(unrolled)(xs))


def test_errors():
    with pytest.raises(tapec.DTypeError, match="carry starts as i64") as caught:
        tapec.jit(lambda n: tapec.while_loop(lambda c: c < 3, lambda c: c + 0.5, n))(
            np.int64(0)
        )
    assert "comes back as f64[]" in str(caught.value)
    with pytest.raises(tapec.ShapeError, match="the condition must be a scalar"):
        tapec.jit(lambda x: tapec.while_loop(lambda c: c < 3, lambda c: c + 1, x))(
            np.zeros(2)
        )
