"""`scan` and `fori_loop`: the same numbers and gradients as Python loops."""

import numpy as np
import pytest

import tapec

TIGHT = 1e-12


def rolled(x0, r, n=40):
    def step(c, _):
        x, s = c
        x = r * x * (1 - x) + 0.1 * np.sin(x)
        return (x, s + x), None

    (_, s), _ = tapec.scan(step, (x0, 0.0), length=n)
    return s / n


def unrolled(x0, r, n=40):
    x, s = x0, 0.0
    for _ in range(n):
        x = r * x * (1 - x) + 0.1 * np.sin(x)
        s = s + x
    return s / n


@pytest.mark.parametrize("n", [1, 2, 40])
def test_value_and_gradient_are_those_of_the_unrolled_loop(n):
    args = (0.3, 2.5, n)
    options = {"argnums": (0, 1), "static_argnums": 2}
    value, grads = tapec.value_and_grad(rolled, **options)(*args)
    wanted, wanted_grads = tapec.value_and_grad(unrolled, **options)(*args)
    assert value == pytest.approx(wanted, rel=TIGHT)
    assert grads == pytest.approx(wanted_grads, rel=TIGHT)
    assert rolled(*args) == unrolled(*args)


def test_second_order():
    for argnum in (0, 1):
        first, second = (
            tapec.grad(tapec.grad(f, argnum), 1 - argnum)(0.3, 2.5)
            for f in (rolled, unrolled)
        )
        assert first == pytest.approx(second, rel=1e-10)
    third = [
        tapec.grad(tapec.grad(tapec.grad(lambda x, f=f: f(x, 2.5, 8))))(0.3)
        for f in (rolled, unrolled)
    ]
    assert third[0] == pytest.approx(third[1], rel=1e-10)


def cell(w, u, h, x):
    return np.tanh(h @ w + x @ u)


def test_arrays_carried_stacked_and_captured():
    rng = np.random.default_rng(0)
    w, u = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    xs, h0 = rng.normal(size=(7, 2)), rng.normal(size=3)
    weights = rng.normal(size=(7, 3))

    def loss(w, u, xs, h0):
        def step(h, x):
            h = cell(w, u, h, x)
            return h, h

        h, hs = tapec.scan(step, h0, xs)
        return np.sum(hs * weights) + np.sum(h**2)

    def by_hand(w, u, xs, h0):
        h, hs = h0, []
        for t in range(7):
            h = cell(w, u, h, xs[t])
            hs.append(h)
        return np.sum(np.stack(hs) * weights) + np.sum(h**2)

    argnums = (0, 1, 2, 3)
    assert loss(w, u, xs, h0) == pytest.approx(by_hand(w, u, xs, h0), rel=TIGHT)
    found = tapec.grad(loss, argnums)(w, u, xs, h0)
    wanted = tapec.grad(by_hand, argnums)(w, u, xs, h0)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=TIGHT, atol=TIGHT)


def test_nested_scans():
    rng = np.random.default_rng(1)
    xs, w = rng.normal(size=(3, 4)), 0.7

    def loss(xs, w):
        def outer(c, row):
            def inner(d, x):
                d = np.sin(d * w) + x * c
                return d, d * d

            d, squares = tapec.scan(inner, c, row)
            return d, np.sum(squares)

        c, sums = tapec.scan(outer, 0.5, xs)
        return c + np.sum(sums)

    def by_hand(xs, w):
        c, total = 0.5, 0.0
        for i in range(3):
            d = c
            for j in range(4):
                d = np.sin(d * w) + xs[i, j] * c
                total = total + d * d
            c = d
        return c + total

    assert loss(xs, w) == pytest.approx(by_hand(xs, w), rel=TIGHT)
    found = tapec.grad(loss, (0, 1))(xs, w)
    wanted = tapec.grad(by_hand, (0, 1))(xs, w)
    np.testing.assert_allclose(found[0], wanted[0], rtol=TIGHT)
    assert found[1] == pytest.approx(wanted[1], rel=TIGHT)
    second = tapec.grad(lambda w: np.sum(tapec.grad(loss)(xs, w)))(w)
    wanted = tapec.grad(lambda w: np.sum(tapec.grad(by_hand)(xs, w)))(w)
    assert second == pytest.approx(wanted, rel=1e-11)


def test_containers_and_reverse():
    xs = {"a": np.arange(4.0), "b": np.ones((4, 2))}

    def step(c, x):
        c = {"n": c["n"] + 1, "v": c["v"] * x["a"] + x["b"]}
        return c, [c["v"], c["n"]]

    for reverse in (False, True):
        eager = tapec.scan(step, {"n": 0, "v": np.zeros(2)}, xs, reverse=reverse)
        f = tapec.jit(
            lambda v, xs, r=reverse: tapec.scan(step, {"n": 0, "v": v}, xs, reverse=r)
        )
        compiled = f(np.zeros(2), xs)
        assert compiled[0]["n"] == eager[0]["n"] == 4
        assert type(compiled[0]["n"]) is type(eager[0]["n"]) is int
        np.testing.assert_array_equal(compiled[0]["v"], eager[0]["v"])
        for a, b in zip(compiled[1], eager[1], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        order = compiled[1][1]
        assert list(order) == ([4, 3, 2, 1] if reverse else [1, 2, 3, 4])


def test_no_steps():
    def f(c, xs):
        return tapec.scan(lambda c, x: (c + x, {"y": c * x}), c, xs)

    empty = np.zeros((0, 3), np.float32)
    for run in (f, tapec.jit(f)):
        last, ys = run(np.ones(3, np.float32), empty)
        np.testing.assert_array_equal(last, np.ones(3, np.float32))
        assert ys["y"].shape == (0, 3) and ys["y"].dtype == np.float32
    g = tapec.grad(lambda c: np.sum(f(c, np.zeros((0, 3)))[0]))
    np.testing.assert_array_equal(g(np.ones(3)), np.ones(3))


def test_a_number_takes_the_dtype_of_the_first_step():
    xs = np.ones(3, np.float32)

    def f(xs):
        return tapec.scan(lambda c, x: (c + x, c), 0, xs)

    for run in (f, tapec.jit(f)):
        last, _ = run(xs)
        assert last == 3 and last.dtype == np.float32
    assert tapec.jit(f)(xs)[1].dtype == np.float32


def both_ways(f):
    """Errors of the Python loop and of the recorded one."""
    for run in (f, tapec.jit(f)):
        with pytest.raises(tapec.TraceError) as caught:
            run(np.ones(3))
        yield str(caught.value)


def test_carry_errors_name_carry_and_types():
    def dtype(x):
        def step(c, _):
            return {"h": c["h"].astype("f")}, None

        return tapec.scan(step, {"h": x}, length=2)

    for text in both_ways(dtype):
        assert "carry['h'] starts as f64[3] and comes back as f32[3]" in text

    def shape(x):
        return tapec.scan(lambda c, _: (c + x, None), 0.0, length=2)

    for text in both_ways(shape):
        assert "carry starts as a Python number, f64[], and comes back as" in text
        assert "start it with shape (3,)" in text

    def structure(x):
        return tapec.scan(lambda c, _: ((c, c), None), x, length=2)

    for text in both_ways(structure):
        assert "the carry starts as * and comes back as tuple(*, *)" in text

    def lengths(x):
        return tapec.scan(lambda c, x: (c, c), 0.0, (x, x[1:]))

    for text in both_ways(lengths):
        assert "lengths differ: xs[0] 3, xs[1] 2" in text

    def no_pair(x):
        return tapec.scan(lambda c, _: c, x, length=2)

    for text in both_ways(no_pair):
        assert "the step must return (carry, output)" in text


def test_python_cannot_branch_inside():
    @tapec.jit
    def f(x):
        return tapec.scan(lambda c, _: (c if c > 0 else -c, None), x, length=3)[0]

    with pytest.raises(tapec.TraceError, match=r"use tapec\.cond") as caught:
        f(1.0)
    assert "c if c > 0" in str(caught.value)


def test_fori_loop():
    a = np.arange(5.0)

    def f(a):
        return tapec.fori_loop(1, 5, lambda i, c: c * a[i] + i, 1.0)

    def by_hand(a):
        c = 1.0
        for i in range(1, 5):
            c = c * a[i] + i
        return c

    assert f(a) == tapec.jit(f)(a) == by_hand(a)
    np.testing.assert_allclose(tapec.grad(f)(a), tapec.grad(by_hand)(a), rtol=TIGHT)


def test_on_a_tape_with_a_variable():
    w = tapec.Variable(0.5)
    for _ in range(3):  # interpreted first, then compiled
        with tapec.GradientTape() as tape:
            y, _ = tapec.scan(lambda c, _: (c * w + 1, None), 2.0, length=4)
        assert float(y.numpy()) == 2.0
        g = tape.gradient(y, w)
        assert float(g.numpy()) == pytest.approx(3.75)
