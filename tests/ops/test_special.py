"""SciPy's special functions: those written in Python, aliases, extreme arguments."""

import numpy as np
import pytest
import scipy.special as sp

import tapec
from tapec.primitive import PRIMITIVES
from tapec.scipy import special

INF = np.inf
RNG = np.random.default_rng(8)
X = RNG.uniform(-2, 2, (3, 4))


def differences(f, x, h=1e-5):
    g = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        e = np.zeros_like(x)
        e[i] = h
        g[i] = (f(x + e) - f(x - e)) / (2 * h)
    return g


def weighed(f, shape):
    """A number that depends on every result of `f`."""
    w = np.random.default_rng(1).uniform(size=shape)
    return lambda x: np.sum(f(x) * w)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_sums_of_exponentials(name, axis):
    def ours(x):
        return getattr(special, name)(x, axis=axis)

    def scipys(x):
        return getattr(sp, name)(x, axis=axis)

    expected = scipys(X)
    np.testing.assert_allclose(ours(tapec.constant(X)).numpy(), expected, rtol=1e-13)
    shape = np.shape(expected)
    found = tapec.grad(weighed(ours, shape))(X)
    np.testing.assert_allclose(found, differences(weighed(scipys, shape), X), atol=1e-8)


def test_logsumexp_options():
    b = np.array([1.0, -2.0, 0.0, 3.0])
    t = tapec.constant(X)
    found, sign = special.logsumexp(t, 1, b, keepdims=True, return_sign=True)
    expected, signs = sp.logsumexp(X, 1, b, keepdims=True, return_sign=True)
    np.testing.assert_allclose(found.numpy(), expected)
    np.testing.assert_array_equal(sign.numpy(), signs)


@pytest.mark.parametrize(
    ("x", "value", "slope"),
    [
        ([-INF, -INF], -INF, [0, 0]),
        ([-INF, 3.0], 3.0, [0, 1]),
        ([1000.0, 1000.0], 1000 + np.log(2), [0.5, 0.5]),
        ([-1000.0, -1000.0], -1000 + np.log(2), [0.5, 0.5]),
    ],
)
def test_logsumexp_never_gives_nan(x, value, slope):
    found, gradient = tapec.value_and_grad(special.logsumexp)(np.array(x))
    assert found == pytest.approx(value, rel=1e-15)
    np.testing.assert_allclose(gradient, slope, rtol=1e-13)


def test_second_derivative_of_logsumexp():
    x, v = np.array([-INF, 0.0, 1.0]), np.array([1.0, 2.0, 3.0])
    found = tapec.grad(lambda x: np.sum(tapec.grad(special.logsumexp)(x) * v))(x)
    p = sp.softmax(x)
    np.testing.assert_allclose(found, p * v - p * (p @ v), atol=1e-14)


def test_softmax_with_masked_entries():
    x = np.array([-INF, 0.0, 1.0])
    found = tapec.grad(lambda x: special.log_softmax(x)[2])(x)
    np.testing.assert_allclose(found, [0, 0, 1] - sp.softmax(x))


ALIASES = {
    "exp2": sp.exp2, "expm1": sp.expm1, "log1p": sp.log1p, "cbrt": sp.cbrt,
    "psi": sp.psi, "erf": sp.erf,
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
def test_ufuncs_are_found_in_both_places(name):
    x = np.array([0.5, 1.5])
    t = tapec.constant(x)
    expected = ALIASES[name](x)
    np.testing.assert_allclose(ALIASES[name](t).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(getattr(special, name)(t).numpy(), expected, rtol=1e-14)


TWO = {
    "kn": (lambda f, x: f.kn(2, x), [0.7, 2.0]),
    "yn": (lambda f, x: f.yn(1, x), [0.7, 2.0]),
    "jn": (lambda f, x: f.jn(1, x), [0.7, 2.0]),
    "polygamma": (lambda f, x: f.polygamma(2, x), [0.7, 2.0]),
    "multigammaln": (lambda f, x: f.multigammaln(x, 3), [2.7, 3.0]),
    "boxcox": (lambda f, x: f.boxcox(x, 0.3), [0.7, 2.0]),
    "boxcox at 0": (lambda f, x: f.boxcox(2.0, x), [0.0, 0.5]),
    "boxcox1p": (lambda f, x: f.boxcox1p(x, 0.0), [0.7, 2.0]),
    "inv_boxcox": (lambda f, x: f.inv_boxcox(x, 0.3), [0.7, 2.0]),
    "inv_boxcox1p": (lambda f, x: f.inv_boxcox1p(0.7, x), [0.0, 0.5]),
}


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two(name):
    f, x = TWO[name][0], np.array(TWO[name][1])
    expected = f(sp, x)
    np.testing.assert_allclose(f(special, tapec.constant(x)).numpy(), expected)
    found = tapec.grad(weighed(lambda x: f(special, x), expected.shape))(x)
    slope = differences(weighed(lambda x: f(sp, x), expected.shape), x)
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-7)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = special.nothing


# --- derivatives that nobody knows ------------------------------------------------


UNKNOWN = [
    pytest.param(prim, i, id=f"{name}-{i}")
    for name, prim in sorted(PRIMITIVES.items())
    if isinstance(prim.vjp, tuple)
    for i, rule in enumerate(prim.vjp)
    if hasattr(rule, "unknown")
]


@pytest.mark.parametrize(("prim", "i"), UNKNOWN)
def test_no_formula_is_an_error_and_no_zero(prim, i):
    args = [0.5] * len(prim.vjp)
    message = f"^{prim.name} has no derivative with respect to .*stop_gradient"

    def f(x):
        return prim.reference(*args[:i], x, *args[i + 1 :])

    with pytest.raises(tapec.UnsupportedError, match=message) as caught:
        tapec.grad(f)(0.5)
    assert "return prim.reference" in str(caught.value)
    with pytest.raises(tapec.UnsupportedError, match=message):
        tapec.jvp(f, (0.5,), (1.0,))
    x = tapec.constant(0.5)
    with tapec.GradientTape() as tape:
        y = f(x)
    with pytest.raises(tapec.UnsupportedError, match=message):
        tape.gradient(y, x)
    assert tapec.grad(lambda x: f(tapec.stop_gradient(x)))(0.5) == 0.0


def test_operands_without_a_rule_are_those_that_nothing_depends_on():
    """Everywhere but at jumps: `None` in a vjp says that the derivative is zero."""
    none = {
        (name, i)
        for name, prim in PRIMITIVES.items()
        if isinstance(prim.vjp, tuple)
        for i, rule in enumerate(prim.vjp)
        if rule is None
    }
    assert none == {
        ("where", 0), ("copysign", 1), ("nextafter", 1), ("heaviside", 0),
        ("gammasgn", 0),
    }  # fmt: skip
