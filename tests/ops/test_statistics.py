"""Quantiles, covariance and running functions, against NumPy and differences."""

import numpy as np
import pytest

import tapec

RNG = np.random.default_rng(4)
X = RNG.uniform(-2, 2, (3, 5))
NANS = np.where(X > 1, np.nan, X)
WEIGHTS = np.array([1, 2, 1, 3, 1])

CASES = {
    "median": (np.median, {}),
    "median last": (np.median, {"axis": 1}),
    "median even": (lambda x: np.median(x[:, :4], axis=1, keepdims=True), {}),
    "median two": (np.median, {"axis": (0, 1), "keepdims": True}),
    "quantile": (np.quantile, {"q": 0.3}),
    "quantiles": (np.quantile, {"q": [0.0, 0.21, 1.0], "axis": 1}),
    "quantiles kept": (np.quantile, {"q": [[0.5, 0.1]], "axis": 0, "keepdims": True}),
    "percentile": (np.percentile, {"q": 60.0, "axis": -1}),
    "percentile int": (np.percentile, {"q": 25}),
    "nanmedian": (np.nanmedian, {"axis": 1}),
    "nanquantile": (np.nanquantile, {"q": [0.2, 0.9], "axis": 1}),
    "nanpercentile": (np.nanpercentile, {"q": 35, "axis": 0}),
    "cov": (np.cov, {}),
    "cov columns": (np.cov, {"rowvar": False, "ddof": 0}),
    "cov of two": (lambda x: np.cov(x[0], x[1]), {}),
    "cov of one": (lambda x: np.cov(x[0], bias=True), {}),
    "cov aweights": (np.cov, {"aweights": WEIGHTS * 0.5}),
    "cov fweights": (np.cov, {"fweights": WEIGHTS}),
    "cov both": (np.cov, {"fweights": WEIGHTS, "aweights": WEIGHTS[::-1] * 0.5}),
    "corrcoef": (np.corrcoef, {}),
    "nancumsum": (np.nancumsum, {"axis": 1}),
    "nancumprod": (np.nancumprod, {"axis": 0}),
    "cumulative_sum": (np.cumulative_sum, {"axis": 1, "include_initial": True}),
    "cumulative_prod": (lambda x: np.cumulative_prod(x[0]), {}),
    **{
        method: (np.quantile, {"q": [0.3, 0.77], "axis": 1, "method": method})
        for method in (
            "lower", "higher", "nearest", "midpoint", "interpolated_inverted_cdf",
            "hazen", "weibull", "median_unbiased", "normal_unbiased",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    f, kw = CASES[name]
    x = NANS if name.startswith("nan") else X
    expected = np.asarray(f(x, **kw))
    found = f(tapec.constant(x), **kw).numpy()
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    w = RNG.uniform(size=expected.shape)
    gradient = tapec.grad(lambda x: np.sum(f(x, **kw) * w))(x)
    h = 1e-6
    for i in np.ndindex(*x.shape):
        e = np.zeros_like(x)
        e[i] = h
        slope = (np.sum(f(x + e, **kw) * w) - np.sum(f(x - e, **kw) * w)) / (2 * h)
        assert gradient[i] == pytest.approx(0 if np.isnan(x[i]) else slope, abs=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
@pytest.mark.parametrize("f", [np.median, lambda x: np.quantile(x, 0.3)])
def test_dtype_is_numpys(f, dtype):
    x = (X * 4).astype(dtype)
    found, expected = f(tapec.constant(x)).numpy(), f(x)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("f", [np.median, lambda x, **kw: np.quantile(x, [0.5], **kw)])
def test_nan_is_handed_on(f):
    found = f(tapec.constant(NANS), axis=1).numpy()
    np.testing.assert_array_equal(found, f(NANS, axis=1))


@pytest.mark.parametrize("f", [np.nanargmax, np.nanargmin])
def test_positions_without_nan(f):
    found = f(tapec.constant(NANS), axis=1).numpy()
    np.testing.assert_array_equal(found, f(NANS, axis=1))


def test_quantile_out_of_range():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        np.quantile(tapec.constant(X), 1.5)
    with pytest.raises(ValueError, match=r"\[0, 100\]"):
        np.percentile(tapec.constant(X), 101)


def test_unknown_method_is_refused():
    with pytest.raises(tapec.UnsupportedError, match="method 'closest_observation'"):
        np.quantile(tapec.constant(X), 0.5, method="closest_observation")


def test_ldexp():
    x, n = np.array([1.5, 2.0]), np.array([2, -1])
    found = np.ldexp(tapec.constant(x), n).numpy()
    np.testing.assert_array_equal(found, np.ldexp(x, n))
    slope = tapec.grad(lambda x: np.sum(np.ldexp(x, n)))(x)
    np.testing.assert_array_equal(slope, [4.0, 0.5])
