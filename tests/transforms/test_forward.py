"""jvp, linearize and hvp: calls, containers, composition, errors."""

from collections import namedtuple

import numpy as np
import pytest

import tapec
from tapec.passes import pipeline

X = np.array([0.5, 1.0, 2.0])
V = np.array([1.0, -2.0, 0.5])
Pair = namedtuple("Pair", "w b")


def cube(x):
    return np.sum(x**3)


def model(p, x):
    return {"y": np.tanh(p.w * x + p.b), "n": 3}


# --- jvp --------------------------------------------------------------------


def test_value_and_tangent():
    y, dy = tapec.jvp(np.sin, (X,), (V,))
    np.testing.assert_allclose(y, np.sin(X))
    np.testing.assert_allclose(dy, V * np.cos(X))
    assert type(y) is type(dy) is np.ndarray


def test_kinds_are_those_of_the_value():
    y, dy = tapec.jvp(lambda x: x * x, (3.0,), (1.0,))
    assert (type(y), type(dy), dy) == (float, float, 6.0)
    y, dy = tapec.jvp(np.sin, (X.astype(np.float32),), (V,))
    assert dy.dtype == np.float32
    y, dy = tapec.jvp(np.sin, (tapec.constant(X),), (V,))
    assert isinstance(dy, tapec.Tensor)
    value, moved = tapec.jvp(lambda x: (np.argmax(x), x), (X,), (V,))
    assert moved[0] == 0 and moved[0].dtype == value[0].dtype
    np.testing.assert_array_equal(moved[1], V)


def test_containers_and_arguments_that_stay():
    p, dp = Pair(X, 1.0), Pair(V, 2.0)
    y, dy = tapec.jvp(model, (p, X), (dp, None))
    slope = 1 - np.tanh(X * X + 1) ** 2
    np.testing.assert_allclose(dy["y"], slope * (V * X + 2.0))
    assert dy["n"] == 0 and y["n"] == 3
    (_, both), (_, one) = (
        tapec.jvp(model, (p, X), (dp, t)) for t in (V, np.zeros_like(V))
    )
    np.testing.assert_allclose(both["y"], slope * (V * X + 2.0 + X * V))
    np.testing.assert_allclose(one["y"], dy["y"])


def test_has_aux():
    _, dy, aux = tapec.jvp(lambda x: (cube(x), {"x": x}), (X,), (V,), has_aux=True)
    assert dy == pytest.approx(np.sum(3 * X**2 * V))
    np.testing.assert_array_equal(aux["x"], X)


def test_a_constant_function_has_tangent_zero():
    _, dy = tapec.jvp(lambda x: np.ones(2), (X,), (V,))
    np.testing.assert_array_equal(dy, np.zeros(2))


def test_nested():
    def slope(x):
        return tapec.jvp(np.sin, (x,), (1.0,))[1]

    assert tapec.jvp(slope, (0.5,), (1.0,))[1] == pytest.approx(-np.sin(0.5))
    assert tapec.grad(slope)(0.5) == pytest.approx(-np.sin(0.5))
    # the inner derivative by y does not see the outer direction: d/dx x * d/dy (x + y)
    confused = tapec.jvp(
        lambda x: x * tapec.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,)
    )[1]
    assert confused == 1.0


def test_in_jit_tapes_and_with_variables():
    found = tapec.jit(lambda x, v: tapec.jvp(np.sin, (x,), (v,))[1])(X, V)
    np.testing.assert_allclose(found, V * np.cos(X))
    w = tapec.Variable(X)
    with tapec.GradientTape() as tape:
        _, dy = tapec.jvp(lambda x: x * w * w, (X,), (V,))
        loss = np.sum(dy)
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), 2 * X * V)
    np.testing.assert_allclose(dy.numpy(), V * X * X)
    moved = tapec.jvp(lambda v: np.sum(v * v), (w,), (V,))[1]
    assert float(moved) == pytest.approx(2 * np.sum(X * V))


def test_a_branch_that_is_not_taken_is_left_behind():
    def safe(x):
        return np.where(x > 0, np.sqrt(x), 0.0)

    with np.errstate(all="ignore"):
        _, dy = tapec.jvp(safe, (np.array([-1.0, 0.0, 4.0]),), (np.ones(3),))
    np.testing.assert_array_equal(dy, [0, 0, 0.25])


def test_one_program_for_many_calls():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x)

    for i in range(3):
        tapec.jvp(f, (X + i,), (V,))
    assert len(calls) == 1


def test_wrong_directions():
    with pytest.raises(tapec.ShapeError, match=r"shapes \[\(2,\)\].*cube.*\[\(3,\)\]"):
        tapec.jvp(cube, (X,), (V[:2],))
    with pytest.raises(tapec.ShapeError):
        tapec.jvp(model, (Pair(X, 1.0), X), (Pair(V, V), None))
    with pytest.raises(ValueError, match="1 directions for 2 arguments"):
        tapec.jvp(cube, (X, X), (V,))
    with pytest.raises(TypeError, match="a tuple of arguments"):
        tapec.jvp(cube, X, V)
    with pytest.raises(TypeError, match=r"astype\(float\)"):
        tapec.jvp(cube, (np.arange(3),), (V,))


def test_elementwise_code_costs_what_one_would_write():
    """The compiled jvp has the ops of the function and of hand-written tangents."""

    def f(x, w):
        return np.tanh(np.exp(x) * w) / x

    def by_hand(x, w, dx, dw):
        e = np.exp(x)
        t = np.tanh(e * w)
        y = t / x
        dt = (dx * e * w + dw * e) * (1 - t * t)
        return y, dt / x - dx * (y / x)

    forward = tapec.jit(lambda x, w, dx, dw: tapec.jvp(f, (x, w), (dx, dw)))
    passes = ("simplify", "fold", "cse", "dce")
    args = (X, V, V, X)
    counts = [
        len(pipeline.run(g.traced(*args), passes).ops)
        for g in (forward, tapec.jit(by_hand))
    ]
    assert counts[0] == counts[1]
    for a, b in zip(forward(*args), by_hand(*args), strict=True):
        np.testing.assert_allclose(a, b)


# --- linearize --------------------------------------------------------------


def test_linearize_computes_the_value_once():
    runs = []

    def f(p, x):
        runs.append(1)
        return model(p, x)

    p = Pair(X, 1.0)
    y, pushed = tapec.linearize(f, p, X)
    np.testing.assert_allclose(y["y"], np.tanh(X * X + 1))
    for v in (V, 2 * V, X):
        wanted = tapec.jvp(model, (p, X), (Pair(v, 1.0), V))[1]
        np.testing.assert_allclose(pushed(Pair(v, 1.0), V)["y"], wanted["y"])
    assert len(runs) == 1


def test_linearize_has_aux_and_numbers():
    y, pushed, aux = tapec.linearize(lambda x: (x * x, x), 3.0, has_aux=True)
    assert (y, pushed(1.0), aux) == (9.0, 6.0, 3.0)
    assert type(pushed(1.0)) is float


def test_the_linear_map_is_differentiable_and_composes():
    _, pushed = tapec.linearize(np.sin, X)
    np.testing.assert_allclose(
        tapec.grad(lambda v: np.sum(pushed(v) * V))(X), V * np.cos(X)
    )
    inside = tapec.jit(lambda x, v: tapec.linearize(np.sin, x)[1](v))(X, V)
    np.testing.assert_allclose(inside, V * np.cos(X))
    second = tapec.jacfwd(lambda x: tapec.linearize(np.sin, x)[1](1.0))(0.5)
    assert second == pytest.approx(-np.sin(0.5))


def test_linearize_refuses_other_directions():
    _, pushed = tapec.linearize(np.sin, X)
    with pytest.raises(
        tapec.ShapeError, match=r"sin got a direction of shapes \[\(2,\)\]"
    ):
        pushed(V[:2])
    with pytest.raises(tapec.ShapeError, match=r"structure tuple\(list"):
        pushed([V])


def test_linearize_follows_branches():
    def f(x):
        return x * x if np.sum(x) > 0 else -x

    assert tapec.linearize(f, 3.0)[1](1.0) == 6.0
    assert tapec.linearize(f, -3.0)[1](1.0) == -1.0
    assert tapec.linearize(f, 2.0)[1](1.0) == 4.0


# --- vjp --------------------------------------------------------------------


def test_the_pullback_computes_the_value_once():
    runs = []

    def f(p, x, k=1.0):
        runs.append(1)
        return model(p, x)["y"] * k

    y, pullback = tapec.vjp(f, Pair(X, 1.0), X, k=2.0)
    for ct in (V, 2 * V):
        p, x = pullback(ct)
        slope = 2 * (1 - np.tanh(X * X + 1) ** 2) * ct
        np.testing.assert_allclose(p.w, slope * X)
        np.testing.assert_allclose(x, slope * X)
        assert p.b == pytest.approx(np.sum(slope)) and type(p.b) is float
    assert len(runs) == 1
    np.testing.assert_allclose(y, 2 * np.tanh(X * X + 1))


def test_vjp_and_jvp_are_transposes():
    def f(x):
        return np.sort(x)[::-1] * np.cumsum(x), np.argmax(x)

    y, pullback, aux = tapec.vjp(f, X, has_aux=True)
    dy = tapec.jvp(f, (X,), (V,), has_aux=True)[1]
    assert np.sum(dy * y) == pytest.approx(np.sum(pullback(y)[0] * V))
    assert aux == 2


def test_the_pullback_is_differentiable():
    _, pullback = tapec.vjp(np.sin, X)
    found = tapec.grad(lambda ct: np.sum(pullback(ct)[0] * V))(X)
    np.testing.assert_allclose(found, V * np.cos(X))
    inside = tapec.grad(lambda x: np.sum(tapec.vjp(np.sin, x)[1](V)[0]))(X)
    np.testing.assert_allclose(inside, -V * np.sin(X))
    with pytest.raises(tapec.ShapeError, match="sin got a cotangent of shapes"):
        tapec.jit(lambda x: tapec.vjp(np.sin, x)[1](x[:2]))(X)


# --- hvp --------------------------------------------------------------------


def test_hessian_times_vector():
    np.testing.assert_allclose(tapec.hvp(cube, X, V), 6 * X * V)
    assert tapec.hvp(np.sin, 0.5, 2.0) == pytest.approx(-2 * np.sin(0.5))


def test_hvp_decorator_argnums_and_aux():
    @tapec.hvp
    def f(x, a):
        return a * cube(x)

    np.testing.assert_allclose(f(X, V, 2.0), 12 * X * V)
    assert [p.name for p in f.traced(X, V, 2.0).params] == ["x", "direction", "a"]

    @tapec.hvp(argnums=(0, 1), has_aux=True)
    def g(x, y, k):
        return k * np.sum(x * x * y), x

    (hx, hy), aux = g(X, V, (V, X), 1.0)
    np.testing.assert_allclose(hx, 2 * V * V + 2 * X * X)
    np.testing.assert_allclose(hy, 2 * X * V)
    np.testing.assert_array_equal(aux, X)


def test_hvp_in_containers_tapes_and_traces():
    p, v = {"w": X, "b": 1.0}, {"w": V, "b": 0.0}
    found = tapec.hvp(lambda p: np.sum(p["w"] ** 2) * p["b"] ** 2, p, v)
    np.testing.assert_allclose(found["w"], 2 * V)
    assert found["b"] == pytest.approx(4 * np.sum(X * V))
    third = tapec.grad(lambda x: np.sum(tapec.hvp(cube, x, V)))(X)
    np.testing.assert_allclose(third, 6 * V)
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        y = np.sum(tapec.hvp(cube, x, x))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 12 * X)


def test_hvp_without_or_with_a_wrong_vector():
    with pytest.raises(TypeError, match="the vector is missing"):
        tapec.hvp(cube)(X)
    with pytest.raises(tapec.ShapeError):
        tapec.hvp(cube, X, V[:2])
    with pytest.raises(ValueError, match="counts from the front"):
        tapec.hvp(cube, argnums=-1)
