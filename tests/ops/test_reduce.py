"""Reductions: NumPy's options, ties, zeros, empty arrays, second order."""

import numpy as np
import pytest

import tapec

RNG = np.random.default_rng(3)
X = RNG.uniform(-2, 2, (3, 4))
NANS = np.where(X > 1, np.nan, X)
MASK = X > -1

REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std,
    "max": np.max, "min": np.min, "ptp": np.ptp, "any": np.any, "all": np.all,
    "amax": np.amax, "amin": np.amin, "nansum": np.nansum, "nanprod": np.nanprod,
    "nanmean": np.nanmean, "nanvar": np.nanvar, "nanstd": np.nanstd,
    "nanmax": np.nanmax, "nanmin": np.nanmin, "count_nonzero": np.count_nonzero,
    "average": np.average,
}  # fmt: skip
AXES = {
    "all": {},
    "last": {"axis": -1},
    "first kept": {"axis": 0, "keepdims": True},
    "both": {"axis": (1, 0)},
    "none kept": {"keepdims": True},
}
MASKABLE = ("sum", "prod", "mean", "var", "std", "any", "all", "nansum", "nanmean")


def same(found, expected, rtol=1e-13):
    found, expected = found.numpy(), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=rtol)


@pytest.mark.parametrize("options", AXES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_is_numpys(name, options):
    f, kw = REDUCTIONS[name], AXES[options]
    x = NANS if name.startswith("nan") else X
    same(f(tapec.constant(x), **kw), f(x, **kw))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8, bool])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "var", "std", "max", "any", "nansum", "average"]
)
def test_dtype_is_numpys(name, dtype):
    f, x = REDUCTIONS[name], (np.abs(X) * 2).astype(dtype)
    same(f(tapec.constant(x), axis=1), f(x, axis=1), rtol=2e-3)


@pytest.mark.parametrize("name", MASKABLE)
def test_where(name):
    f = REDUCTIONS[name]
    same(f(tapec.constant(X), axis=1, where=MASK), f(X, axis=1, where=MASK))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_initial(name):
    f = REDUCTIONS[name]
    same(f(tapec.constant(X), axis=0, initial=0.5), f(X, axis=0, initial=0.5))
    kw = {"initial": 0.5, "where": MASK}
    same(f(tapec.constant(X), axis=0, **kw), f(X, axis=0, **kw))


def test_accumulator_dtype_can_be_chosen():
    x = np.ones((2, 3), np.float32)
    same(np.sum(tapec.constant(x), dtype=np.float64), np.sum(x, dtype=np.float64))
    same(np.cumsum(tapec.constant(x), dtype=int), np.cumsum(x, dtype=int))


def test_degrees_of_freedom():
    same(np.var(tapec.constant(X), axis=1, ddof=1), np.var(X, axis=1, ddof=1))
    same(np.std(tapec.constant(X), correction=2), np.std(X, correction=2))


def test_average_with_weights():
    w = np.array([1.0, 2.0, 0.0, 1.0])
    same(np.average(tapec.constant(X), 1, w), np.average(X, 1, w))
    found, weight = np.average(tapec.constant(X), 1, w, returned=True)
    same(weight, np.average(X, 1, w, returned=True)[1])
    same(found, np.average(X, 1, w))


@pytest.mark.parametrize("f", [np.argmax, np.argmin])
def test_positions(f):
    t = tapec.constant(X)
    same(f(t), f(X))
    same(f(t, axis=-1), f(X, axis=-1))
    same(f(t, axis=0, keepdims=True), f(X, axis=0, keepdims=True))
    same(f(t, keepdims=True), f(X, keepdims=True))


@pytest.mark.parametrize("f", [np.cumsum, np.cumprod])
def test_running(f):
    t = tapec.constant(X)
    same(f(t), f(X))
    same(f(t, axis=-2), f(X, axis=-2))


def test_ufunc_methods():
    t = tapec.constant(X)
    same(np.add.reduce(t, axis=1), np.add.reduce(X, axis=1))
    same(np.add.reduce(t), np.add.reduce(X))
    same(np.maximum.reduce(t, axis=(0, 1)), np.maximum.reduce(X, axis=(0, 1)))
    same(np.logical_and.reduce(t > -3, axis=0), np.logical_and.reduce(X > -3, axis=0))
    same(np.multiply.accumulate(t), np.multiply.accumulate(X))
    same(np.subtract.outer(t, X[0]), np.subtract.outer(X, X[0]))


# --- empty --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "prod", "any", "all"])
def test_reductions_of_nothing(name):
    f, x = REDUCTIONS[name], np.zeros((0, 3))
    same(f(tapec.constant(x)), f(x))
    same(f(tapec.constant(x), axis=0), f(x, axis=0))
    same(f(tapec.constant(x), axis=1), f(x, axis=1))


def test_extremum_of_nothing_is_an_error():
    x = tapec.constant(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="max of nothing"):
        np.max(x)
    same(np.max(x, axis=1), np.zeros((0,)))
    same(np.max(x, axis=0, initial=1.0), np.ones(3))


def test_gradient_of_nothing_keeps_its_shape():
    assert tapec.grad(np.sum)(np.zeros((0, 3))).shape == (0, 3)
    assert tapec.grad(np.prod)(np.zeros((0, 3))).shape == (0, 3)


# --- derivatives --------------------------------------------------------------


def test_ties_share_the_gradient():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    found = tapec.grad(lambda x: np.sum(np.max(x, axis=1)))(x)
    np.testing.assert_allclose(found, [[0, 0.5, 0.5], [1 / 3] * 3])
    found = tapec.grad(np.min)(np.array([0.0, 0.0]))
    np.testing.assert_allclose(found, [0.5, 0.5])


def test_spread_of_a_constant_vector():
    np.testing.assert_array_equal(tapec.grad(np.std)(np.ones(4)), np.zeros(4))
    np.testing.assert_array_equal(tapec.grad(np.var)(np.ones(4)), np.zeros(4))


def product_rule(x, order):
    """Derivatives of the product by leaving factors out."""
    n = len(x)
    if order == 1:
        return np.array([np.prod(np.delete(x, i)) for i in range(n)])
    rest = [[np.prod(np.delete(x, [i, j])) for j in range(n)] for i in range(n)]
    return np.array(rest) * (1 - np.eye(n))


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 1, 2)])
def test_product_with_zeros_to_second_order(zeros):
    x = np.array([2.0, -1.5, 3.0, 0.5])
    x[list(zeros)] = 0
    found = tapec.grad(np.prod)(x)
    np.testing.assert_allclose(found, product_rule(x, 1))
    v = np.array([1.0, 2.0, -1.0, 0.5])
    found = tapec.grad(lambda x: np.sum(tapec.grad(np.prod)(x) * v))(x)
    np.testing.assert_allclose(found, product_rule(x, 2) @ v, atol=1e-15)


def test_product_over_two_axes():
    x = RNG.uniform(1, 2, (2, 3, 4))
    x[0, 1, 2] = 0
    found = tapec.grad(lambda x: np.sum(np.prod(x, axis=(0, 2))))(x)
    expected = np.ones_like(x)
    for index in np.ndindex(*x.shape):
        y = x.copy()
        y[index] = 1
        expected[index] = np.prod(y, axis=(0, 2))[index[1]]
    np.testing.assert_allclose(found, expected)


def running_rule(x, ct):
    n = len(x)
    return np.array([
        sum(ct[i] * np.prod(np.delete(x[: i + 1], k)) for i in range(k, n))
        for k in range(n)
    ])  # fmt: skip


@pytest.mark.parametrize("zeros", [(), (1,), (0, 2), (0, 1, 2, 3)])
def test_running_product_with_zeros_to_second_order(zeros):
    x, ct = np.array([2.0, -1.5, 3.0, 0.5]), np.array([1.0, 2.0, 3.0, 4.0])
    x[list(zeros)] = 0

    def first(x):
        return tapec.grad(lambda x: np.sum(np.cumprod(x) * ct))(x)

    np.testing.assert_allclose(first(x), running_rule(x, ct))
    v, h = np.array([1.0, -1.0, 0.5, 2.0]), 1e-4
    found = tapec.grad(lambda x: np.sum(first(x) * v))(x)
    moved = [
        running_rule(x + h * e, ct) - running_rule(x - h * e, ct) for e in np.eye(4)
    ]
    np.testing.assert_allclose(found, np.array(moved) @ v / (2 * h), atol=1e-7)


def test_missing_values_get_no_gradient():
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(tapec.grad(np.nansum)(x), [1, 0, 1])
    np.testing.assert_array_equal(tapec.grad(np.nanmean)(x), [0.5, 0, 0.5])
    np.testing.assert_array_equal(tapec.grad(np.nanmax)(x), [0, 0, 1])


@pytest.mark.parametrize("name", ["mean", "var", "std", "max", "prod", "sum"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_gradients_keep_the_dtype(name, dtype):
    x = np.array([1.0, 2.0, 4.0], dtype)
    assert tapec.grad(REDUCTIONS[name])(x).dtype == dtype
