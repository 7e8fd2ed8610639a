"""`tapec.scipy`: the values of SciPy, gradients by differences."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.stats

import tapec
from tapec.scipy import linalg, signal, stats
from tests.ops.checking import check

RNG = np.random.default_rng(0)
A = RNG.uniform(-0.5, 0.5, (3, 3)) + 3.0 * np.eye(3)
SPD = A @ A.T
B, COLUMNS = RNG.uniform(-1.0, 1.0, 3), RNG.uniform(-1.0, 1.0, (3, 2))
BANDS = np.concatenate([B[None], 4.0 + B[None], B[None]])
POSITIVE = np.array([0.3, 0.6, 0.2])


def both(name, *args, module=linalg, original=scipy.linalg, **kw):
    """The function of the same name, by SciPy where there is no tensor."""
    ours, theirs = getattr(module, name), getattr(original, name)

    def f(*arrays):
        tensors = any(isinstance(a, tapec.Tensor) for a in arrays)
        return (ours if tensors else theirs)(*arrays, *args, **kw)

    return f


@pytest.mark.parametrize(
    ("f", "arrays"),
    [
        (both("cholesky"), [SPD]),
        (both("cholesky", lower=True), [SPD]),
        (both("expm"), [A * 0.3]),
        (both("sqrtm"), [SPD]),
        (both("solve_sylvester"), [A, SPD[:2, :2], COLUMNS]),
        (both("solve_triangular"), [A, B]),
        (both("solve_triangular", trans="T", lower=True), [A, COLUMNS]),
        (both("solve_triangular", trans=2, unit_diagonal=True), [A, COLUMNS]),
        (both("block_diag"), [A, COLUMNS]),
        (both("inv"), [A]),
        (both("det"), [A]),
        (both("svdvals"), [A]),
        (both("eigvalsh"), [SPD]),
        (both("norm"), [A]),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_linalg(f, arrays):
    check(f, *arrays, exact=1e-10)


@pytest.mark.parametrize("lower", [True, False])
def test_equations_by_a_factor(lower):
    def f(a, b):
        module = linalg if isinstance(a, tapec.Tensor) else scipy.linalg
        factor = module.cho_factor(a, lower)
        return module.cho_solve(factor, b)

    check(f, SPD, B, exact=1e-10)


def test_equations_by_diagonals():
    def f(ab, b):
        tensors = isinstance(ab, tapec.Tensor)
        return (linalg if tensors else scipy.linalg).solve_banded((1, 1), ab, b)

    check(f, BANDS, B)
    check(f, BANDS, COLUMNS)


def test_complex_exponential():
    z = A * (0.3 + 0.1j)
    np.testing.assert_allclose(linalg.expm(z).numpy(), scipy.linalg.expm(z))
    check(lambda z: np.abs(linalg.expm(z)) if isinstance(z, tapec.Tensor)
          else np.abs(scipy.linalg.expm(z)), z)  # fmt: skip


def test_a_root_that_is_complex_says_so():
    with pytest.raises(np.linalg.LinAlgError, match=r"complex; give it as x.astype"):
        tapec.jit(linalg.sqrtm)(-np.eye(2))
    root = tapec.jit(linalg.sqrtm)((-np.eye(2)).astype(complex))
    np.testing.assert_allclose(root, 1j * np.eye(2))


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="trans is 0, 1, 2, N, T or C"):
        linalg.solve_triangular(A, B, trans="X")
    with pytest.raises(tapec.errors.ShapeError, match="1 diagonals below and 0 above"):
        linalg.solve_banded((1, 0), BANDS, B)
    with pytest.raises(tapec.errors.ShapeError, match="neither of"):
        signal.convolve(np.ones((2, 5)), np.ones((3, 2)), mode="valid")


# --- signals ------------------------------------------------------------------

LONG, SHORT = RNG.normal(size=9), RNG.normal(size=4)
IMAGE, FILTER = RNG.normal(size=(5, 6)), RNG.normal(size=(2, 3))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("arrays", [(LONG, SHORT), (SHORT, LONG), (IMAGE, FILTER)])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_sliding_products(name, arrays, mode, method):
    f = both(name, mode, method, module=signal, original=scipy.signal)
    check(f, *arrays, order=1)


def test_convolution_of_numbers():
    assert signal.convolve(2.0, 3.0).item() == 6.0


# --- densities ----------------------------------------------------------------


def density(distribution, name):
    ours = getattr(getattr(stats, distribution), name)
    theirs = getattr(getattr(scipy.stats, distribution), name)

    def f(*arrays):
        return (ours if isinstance(arrays[0], tapec.Tensor) else theirs)(*arrays)

    return f


@pytest.mark.parametrize(
    ("distribution", "names", "arrays"),
    [
        ("norm", "logpdf pdf cdf logcdf sf logsf", [POSITIVE, B, POSITIVE + 1]),
        ("norm", "ppf", [POSITIVE, B, POSITIVE + 1]),
        ("beta", "logpdf pdf", [POSITIVE, POSITIVE + 1, POSITIVE + 2]),
        ("gamma", "logpdf pdf", [POSITIVE, POSITIVE + 1, B - 1.5, POSITIVE + 2]),
        ("chi2", "logpdf pdf", [POSITIVE, POSITIVE + 2]),
        ("t", "logpdf pdf", [B, POSITIVE + 2, B, POSITIVE + 1]),
        ("expon", "logpdf pdf", [POSITIVE + 2, B, POSITIVE + 1]),
        ("uniform", "logpdf pdf", [POSITIVE, B - 2.0, POSITIVE + 5]),
    ],
)
def test_continuous(distribution, names, arrays):
    for name in names.split():
        check(density(distribution, name), *arrays)


@pytest.mark.parametrize(
    ("distribution", "shapes"),
    [("gamma", (2.0,)), ("chi2", (3.0,)), ("beta", (2.0, 3.0))],
)
def test_distribution_functions(distribution, shapes):
    f = density(distribution, "cdf")
    check(lambda x: f(x, *shapes), POSITIVE)


def test_counts():
    k = np.array([0.0, 1.0, 4.0])
    for name in ("logpmf", "pmf", "cdf"):
        f = density("poisson", name)
        check(lambda mu, f=f: f(mu * 0.0 + k, mu), POSITIVE + 1.0)


def test_vectors():
    parts = POSITIVE / POSITIVE.sum()

    def dirichlet(alpha):
        tensors = isinstance(alpha, tapec.Tensor)
        return (stats if tensors else scipy.stats).dirichlet.logpdf(parts, alpha)

    check(dirichlet, POSITIVE + 1.0)
    short = stats.dirichlet.logpdf(parts[:2], POSITIVE + 1.0).numpy()
    np.testing.assert_allclose(short, dirichlet(POSITIVE + 1.0))

    def normal(name, x, mean, cov):
        tensors = isinstance(x, tapec.Tensor)
        module = (stats if tensors else scipy.stats).multivariate_normal
        return getattr(module, name)(x, mean, (cov + cov.T) / 2.0)

    for name in ("logpdf", "pdf"):
        check(lambda x, m, c, name=name: normal(name, x, m, c), COLUMNS.T, B, SPD)
        check(lambda x, m, c, name=name: normal(name, x, m, c), B, COLUMNS[:, 0], SPD)
    entropy = stats.multivariate_normal.entropy(B, SPD).item()
    assert entropy == pytest.approx(scipy.stats.multivariate_normal(B, SPD).entropy())


@pytest.mark.parametrize(
    ("distribution", "shapes", "x"),
    [("gamma", (2.0,), -1.0), ("beta", (2.0, 2.0), 1.5), ("expon", (), -0.5),
     ("uniform", (), 3.0), ("chi2", (3.0,), -2.0)],
)  # fmt: skip
def test_outside_of_the_support(distribution, shapes, x):
    logpdf = getattr(stats, distribution).logpdf
    value, gradient = tapec.value_and_grad(lambda x: logpdf(x, *shapes))(x)
    assert (value, gradient) == (-np.inf, 0.0)


def test_parameters_are_counted():
    with pytest.raises(TypeError, match="gamma: 1 shapes, then loc and scale"):
        stats.gamma.logpdf(1.0)


@pytest.mark.parametrize(
    ("f", "remedy"),
    [
        (scipy.linalg.expm, "tapec.scipy.linalg.expm"),
        (lambda x: scipy.linalg.cholesky(x, lower=True), "tapec.scipy.linalg.cholesky"),
        (scipy.stats.norm.logpdf, "tapec.scipy.stats.norm.logpdf"),
        (lambda x: scipy.stats.gamma.pdf(x, 2.0), "tapec.scipy.stats.gamma.pdf"),
        (lambda x: scipy.signal.convolve(x, x), "tapec.scipy.signal.convolve"),
        (scipy.linalg.hilbert, "np.stack or tapec.numpy.array"),
        (np.array, "np.stack or tapec.numpy.array"),
    ],
)
def test_who_asks_scipy_is_told_where_to_go(f, remedy):
    with pytest.raises(TypeError, match="would freeze a number") as caught:
        tapec.jit(f)(np.eye(3) if f is not scipy.linalg.hilbert else np.array(3.0))
    assert f"use {remedy}" in str(caught.value)
