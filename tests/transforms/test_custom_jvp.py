"""custom_jvp: forward derivatives by hand, and the gradients that follow from them."""

import numpy as np
import pytest

import tapec

X = np.array([0.5, 1.0, 2.0])


@tapec.custom_jvp
def tripled(x, n, *, k=1.0):
    """k x**n, with three times its derivative."""
    return {"power": k * x**n, "sum": np.sum(x)}


@tripled.defjvp
def tripled_jvp(primals, tangents, *, k=1.0):
    (x, n), (t, s) = primals, tangents
    assert np.shape(s) == ()
    value = tripled(x, n, k=k)
    return value, {"power": 3 * k * n * t * x ** (n - 1), "sum": np.sum(t)}


def loss(x):
    return np.sum(tripled(x, 3)["power"])


def test_both_modes():
    y, dy = tapec.jvp(lambda x: tripled(x, 3, k=2.0), (X,), (np.ones(3),))
    np.testing.assert_allclose(y["power"], 2 * X**3)
    np.testing.assert_allclose(dy["power"], 18 * X**2)
    assert dy["sum"] == 3.0
    np.testing.assert_allclose(tapec.grad(loss)(X), 9 * X**2)
    assert tripled.__doc__ == "k x**n, with three times its derivative."


def test_second_order_is_that_of_the_rule():
    np.testing.assert_allclose(tapec.hessian(loss)(X), np.diag(18 * X))
    np.testing.assert_allclose(tapec.jacrev(tapec.grad(loss))(X), np.diag(18 * X))


def test_composition():
    np.testing.assert_allclose(tapec.jit(lambda x: tapec.grad(loss)(x))(X), 9 * X**2)
    np.testing.assert_allclose(
        tapec.vmap(tapec.grad(loss))(np.stack([X, 2 * X])), [9 * X**2, 36 * X**2]
    )
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        y = loss(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 9 * X**2)
    np.testing.assert_allclose(tripled(X, 2)["power"], X**2)


def test_what_is_refused():
    @tapec.custom_jvp
    def f(x):
        return x * x

    with pytest.raises(ValueError, match=r"f has no derivative yet.*@f\.defjvp"):
        f(X)
    f.defjvp(lambda primals, tangents: tangents[0])
    with pytest.raises(ValueError, match="f: its rule must return"):
        tapec.grad(f)(1.0)
    f.defjvp(lambda primals, tangents: (f(*primals), np.sum(tangents[0])))
    with pytest.raises(tapec.ShapeError, match=r"f: its rule returned .*\[\(\)\]"):
        tapec.jvp(f, (X,), (X,))
