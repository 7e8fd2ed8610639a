"""Kinks, ties, zeros, infinities: what each form gives there, to second order."""

import numpy as np
import pytest
import scipy.special as sp

import tapec
import tapec.scipy.special as tsp
from tests.numbers.forms import OPEN, Row, agree

INF = np.inf


def safe(f, other=0.0):
    """The way NumPy's users write it: `f` is not taken where x <= 0."""
    return lambda x: np.where(x > 0, f(x), other)


POSITIVE = np.array([-1.0, 0.0, 4.0])
BRANCHES = [
    Row("sqrt", safe(np.sqrt), POSITIVE, 2.0, [0, 0, 0.25], [0, 0, -1 / 32]),
    Row("log", safe(np.log), POSITIVE, np.log(4), [0, 0, 0.25], [0, 0, -1 / 16]),
    Row("divide", safe(lambda x: 1 / x), POSITIVE, 0.25, [0, 0, -1 / 16],
        [0, 0, 1 / 32]),
    Row("power", safe(lambda x: x**0.5), POSITIVE, 2.0, [0, 0, 0.25], [0, 0, -1 / 32]),
    Row("power of x", safe(lambda x: x**x), POSITIVE, 256.0,
        [0, 0, 256 * (1 + np.log(4))], [0, 0, 256 * ((1 + np.log(4)) ** 2 + 0.25)]),
    Row("reciprocal", safe(np.reciprocal), POSITIVE, 0.25, [0, 0, -1 / 16],
        [0, 0, 1 / 32]),
    Row("arcsin", lambda x: np.where(abs(x) < 1, np.arcsin(x), x), [-2.0, 0.0, 1.0],
        -1.0,
        [1, 1, 1], [0, 0, 0]),
    Row("log1p", lambda x: np.where(x > -1, np.log1p(x), 0.0), [-1.0, -3.0, 1.0],
        np.log(2),
        [0, 0, 0.5], [0, 0, -0.25]),
    Row("arctanh", lambda x: np.where(abs(x) < 1, np.arctanh(x), 0.0),
        [1.0, 0.0, 3.0], 0.0,
        [0, 1, 0], [0, 0, 0]),
    Row("exp overflows", lambda x: np.where(x < 700, np.exp(x), 0.0), [1000.0, 0.0],
        1.0,
        [0, 1], [0, 1]),
    Row("behind more ops",
        lambda x: np.where(x > 0, np.log(np.sqrt(x) / x) * x, 0.0) * 3.0,
        [0.0, 1.0], 0.0, [0, -1.5], [0, -1.5]),
    Row("chosen by maximum", lambda x: np.maximum(np.sqrt(x), 3.0), [0.0, 16.0], 7.0,
        [0, 0.125], [0, -1 / 256]),
    Row("behind an index", lambda x: np.sqrt(x)[1:], [0.0, 4.0], 2.0, [0, 0.25],
        [0, -1 / 32]),
]  # fmt: skip

KINKS = [
    Row("sqrt at 0", np.sqrt, [0.0], 0.0, [INF]),
    Row("sqrt squared at 0", lambda x: np.sqrt(x) ** 2, [0.0, 4.0], 4.0, OPEN),
    Row("norm at 0", np.linalg.norm, [0.0, 0.0], 0.0, [0, 0], [0, 0]),
    Row("abs at 0", np.abs, [0.0, -2.0], 2.0, [0, -1], [0, 0]),
    Row("sign", np.sign, [0.0, -2.0], -1.0, [0, 0], [0, 0]),
    Row("std of a constant", np.std, [3.0, 3.0, 3.0], 0.0, [0, 0, 0], [0, 0, 0]),
    Row("hypot at 0", lambda x: np.hypot(x, 0.0 * x), [0.0], 0.0, [0]),
    Row("arctan2 at 0", lambda x: np.arctan2(x, 0.0 * x), [0.0], 0.0, [0]),
    Row("sinc at 0", np.sinc, [0.0], 1.0, [0], [-(np.pi**2) / 3]),
    Row("max, tied", np.max, [2.0, 2.0, 1.0, 2.0], 2.0, [1 / 3, 1 / 3, 0, 1 / 3], 0),
    Row("min, tied", np.min, [2.0, 1.0, 1.0], 1.0, [0, 0.5, 0.5], 0),
    Row("maximum, tied", lambda x: np.maximum(x, 2.0), [2.0, 3.0], 5.0, [0.5, 1], 0),
    Row("minimum, tied", lambda x: np.minimum(x, 2.0), [2.0, 3.0], 4.0, [0.5, 0], 0),
    Row("clip", lambda x: np.clip(x, 0.0, 1.0), [0.0, 0.5, 1.0, 2.0, -1.0], 2.5,
        [1, 1, 1, 0, 0], 0),
    Row("sort, tied", lambda x: np.sort(x) * np.array([1.0, 10.0, 100.0]),
        [2.0, 1.0, 2.0],
        221.0, [10, 1, 100], 0),
    Row("floor", lambda x: np.floor(x) + x, [1.5], 2.5, [1], 0),
    Row("fmax with nan", lambda x: np.fmax(x, np.nan), [1.0], 1.0, [1], 0),
]  # fmt: skip

POWERS = [
    Row("x**0", lambda x: x**0, [0.0, -2.0], 2.0, 0, 0),
    Row("x**1", lambda x: x**1, [0.0, -2.0], -2.0, 1, 0),
    Row("x**2", lambda x: x**2, [0.0, -2.0], 4.0, [0, -4], 2),
    Row("x**3", lambda x: x**3, [0.0, -2.0], -8.0, [0, 12], [0, -12]),
    Row("x**-1", lambda x: x**-1, [-2.0], -0.5, [-0.25], [-0.25]),
    Row("x**2.0", lambda x: x**2.0, [-3.0, 0.0], 9.0, [-6, 0], 2),
    Row("0**y", lambda y: 0.0**y, [2.0, 0.5], 0.0, 0, 0),
    Row("2**y", lambda y: 2.0**y, [3.0], 8.0, [8 * np.log(2)], [8 * np.log(2) ** 2]),
    Row("x**array of integers", lambda x: x ** np.array([0, 1, 2, 3]), [-2.0] * 4, -5.0,
        [0, 1, -4, 12], [0, 0, 2, -12]),
]  # fmt: skip

PRODUCTS = [
    Row("prod", np.prod, [2.0, 3.0, 4.0], 24.0, [12, 8, 6], [7, 6, 5]),
    Row("prod, one zero", np.prod, [2.0, 0.0, 4.0], 0.0, [0, 8, 0], [4, 6, 2]),
    Row("prod, two zeros", np.prod, [0.0, 0.0, 4.0], 0.0, [0, 0, 0], [4, 4, 0]),
    Row("cumprod, one zero", np.cumprod, [2.0, 0.0, 4.0], 2.0, [1, 10, 0], [5, 7, 2]),
    Row("cumprod, two zeros", np.cumprod, [0.0, 0.0, 4.0], 0.0, [1, 0, 0], [5, 5, 0]),
    Row("det, singular", np.linalg.det, [[1.0, 2.0], [2.0, 4.0]], 0.0,
        [[4, -2], [-2, 1]], [[1, -1], [-1, 1]]),
    Row("det of zeros", np.linalg.det, np.zeros((2, 2)), 0.0, 0, [[1, -1], [-1, 1]]),
]  # fmt: skip

SUMS_OF_EXPONENTIALS = [
    Row("logsumexp", tsp.logsumexp, [0.0, 0.0], np.log(2), 0.5, 0),
    Row("logsumexp, one -inf", tsp.logsumexp, [0.0, -INF], 0.0, [1, 0], 0),
    Row("logsumexp, all -inf", tsp.logsumexp, [-INF, -INF], -INF, OPEN),
    Row("logaddexp, -inf", lambda x: np.logaddexp(x, -INF), [1.0], 1.0, [1], 0),
    Row("logaddexp, both -inf", lambda x: np.logaddexp(x, -INF), [-INF], -INF, OPEN),
    Row("logaddexp", lambda x: np.logaddexp(x, 0.0), [0.0, 800.0], np.log(2) + 800,
        [0.5, 1], [0.25, 0]),
    Row("xlogy at 0", lambda x: tsp.xlogy(0.0 * x, x), [0.0], 0.0, OPEN),
    Row("erf", sp.erf, [0.0], 0.0, [2 / np.sqrt(np.pi)], 0),
    Row("log_ndtr", sp.log_ndtr, [-40.0], sp.log_ndtr(-40.0), OPEN, OPEN),
]  # fmt: skip

ROWS = [*BRANCHES, *KINKS, *POWERS, *PRODUCTS, *SUMS_OF_EXPONENTIALS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_corner(row):
    agree(row)


@pytest.mark.parametrize("name", ["logsumexp, all -inf", "logaddexp, both -inf"])
def test_never_nan(name):
    row = next(row for row in ROWS if row.name == name)
    with np.errstate(all="ignore"):
        found = tapec.grad(lambda x: np.sum(row.f(x)))(np.array(row.x))
    assert not np.isnan(found).any()


def test_derivative_of_sqrt_squared_is_not_lost():
    with np.errstate(all="ignore"):
        found = tapec.grad(lambda x: np.sum(np.sqrt(x) ** 2))(np.array([0.0, 4.0]))
    assert np.isnan(found[0]) or found[0] == 1.0
    assert found[1] == 1.0
