"""Equations, determinants, factorizations, norms, sampled functions."""

import numpy as np
import pytest

import tapec
from tapec.errors import DTypeError, ShapeError, UnsupportedError
from tapec.tensor import Tensor
from tests.ops.checking import check, check_gradient, gradient, recorded, same

RNG = np.random.default_rng(4)


def draw(*shape):
    return RNG.uniform(-1.0, 1.0, shape)


def regular(*shape):
    return draw(*shape) + 2 * np.eye(shape[-1])


def unitary(n):
    return np.linalg.qr(draw(n, n) + 1j * draw(n, n))[0]


# --- equations and factors ----------------------------------------------------

A = regular(3, 3)
POSITIVE = A @ A.T
SYMMETRIC = (A + A.T) / 2 + np.diag([0.0, 3.0, 7.0])

ONE = {
    "inv": (np.linalg.inv, A),
    "inv of a stack": (np.linalg.inv, regular(2, 3, 3)),
    "pinv": (np.linalg.pinv, draw(2, 4, 3)),
    "pinv of a wide matrix": (np.linalg.pinv, draw(2, 3)),
    "det": (np.linalg.det, regular(2, 3, 3)),
    "det of 0 by 0": (np.linalg.det, np.zeros((2, 0, 0))),
    "slogdet": (lambda a: tuple(np.linalg.slogdet(a)), -regular(2, 3, 3)),
    "slogdet of complex": (lambda a: tuple(np.linalg.slogdet(a)), A + 1j * draw(3, 3)),
    "cholesky": (lambda a: np.linalg.cholesky(a @ a.T), A),
    "cholesky of complex": (
        lambda a: np.linalg.cholesky(a @ np.conj(a).T),
        A + 1j * draw(3, 3),
    ),
    "eigvalsh": (lambda a: np.linalg.eigvalsh((a + a.T) / 2), SYMMETRIC),
    "eigh": (lambda a: tuple(np.linalg.eigh((a + a.T) / 2)), SYMMETRIC),
    "eig": (lambda a: tuple(np.linalg.eig(a)), SYMMETRIC + 0.1 * draw(3, 3)),
    "eigvals": (np.linalg.eigvals, np.array([[0.0, 1.0], [-1.0, 0.5]])),
    "svd": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), draw(4, 3)),
    "svd of a square": (lambda a: tuple(np.linalg.svd(a)), draw(2, 3, 3)),
    "singular values": (lambda a: np.linalg.svd(a, compute_uv=False), draw(3, 4)),
    "qr": (lambda a: tuple(np.linalg.qr(a)), draw(2, 4, 3)),
    "qr of a wide matrix": (lambda a: tuple(np.linalg.qr(a)), draw(2, 4)),
    "qr, r": (lambda a: np.linalg.qr(a, "r"), draw(4, 3)),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 5), A),
    "matrix_power 0": (lambda a: np.linalg.matrix_power(a, 0) * a, A),
    "matrix_power -2": (lambda a: np.linalg.matrix_power(a, -2), A),
    "tensorinv": (np.linalg.tensorinv, regular(6, 6).reshape(2, 3, 3, 2)),
    "cond": (np.linalg.cond, A),
    "cond 1": (lambda a: np.linalg.cond(a, 1), A),
    "matrix_rank": (np.linalg.matrix_rank, np.ones((3, 3))),
    "trapezoid": (lambda y: np.trapezoid(y, dx=0.5), draw(2, 5)),
    "trapezoid at": (lambda y: np.trapezoid(y, [0.0, 1.0, 3.0], axis=0), draw(3, 2)),
    "gradient": (np.gradient, draw(4, 5)),
    "gradient at": (lambda y: np.gradient(y, [0.0, 1.0, 3.0, 3.5]), draw(4)),
    "gradient of order 2": (
        lambda y: np.gradient(y, 0.5, axis=0, edge_order=2),
        draw(4, 2),
    ),
    "unwrap": (lambda y: np.unwrap(7 * y), draw(2, 6)),
}


@pytest.mark.parametrize("name", ONE)
def test_function_of_one_array(name):
    f, a = ONE[name]
    check(f, a, exact=1e-9, tol=1e-4)


@pytest.mark.parametrize(
    "a, b",
    [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1)), ((3, 3), (4, 3, 2))],
    ids=str,
)
def test_solve(a, b):
    check(np.linalg.solve, regular(*a), draw(*b), exact=1e-10)


def test_solve_of_complex():
    check(np.linalg.solve, A + 1j * draw(3, 3), draw(3), exact=1e-10)


def test_tensorsolve():
    a, b = regular(6, 6).reshape(2, 3, 6), draw(2, 3)
    check(np.linalg.tensorsolve, a, b, exact=1e-10)


def test_lstsq():
    def f(a, b):
        x, residuals, _, s = np.linalg.lstsq(a, b, rcond=None)
        return x, residuals, s

    check(f, draw(5, 3), draw(5), exact=1e-10, tol=1e-4)
    check(f, draw(5, 3), draw(5, 2), exact=1e-10, tol=1e-4)
    check(f, draw(3, 5), draw(3), exact=1e-10, tol=1e-4)


@pytest.mark.parametrize("rank", [0, 1, 2], ids=str)
def test_det_of_a_singular_matrix(rank):
    a = (draw(3, rank) @ draw(rank, 3)) if rank else np.zeros((3, 3))
    minors = [
        [
            (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
            for j in range(3)
        ]
        for i in range(3)
    ]
    (g,) = gradient(np.linalg.det, a)
    np.testing.assert_allclose(g, minors, atol=1e-12)
    check_gradient(recorded(np.linalg.det, a), [a], order=3, tol=1e-4)


def test_gradients_of_cholesky_and_eigh_are_symmetric():
    for f in (np.linalg.cholesky, lambda a: np.linalg.eigh(a)[1]):
        (g,) = gradient(lambda a, f=f: np.sum(f(a) * A), POSITIVE)
        np.testing.assert_allclose(g, g.T)


def test_sum_of_equal_eigenvalues():
    a = np.eye(3)
    (g,) = gradient(lambda a: np.sum(np.linalg.eigvalsh(a)), a)
    np.testing.assert_allclose(g, a, atol=1e-12)
    (g,) = gradient(lambda a: np.sum(np.linalg.svd(a, compute_uv=False)), a)
    np.testing.assert_allclose(g, a, atol=1e-12)
    (g,) = gradient(lambda a: np.sum(np.linalg.svd(a, compute_uv=False)), 0 * a)
    assert np.all(np.isfinite(g))


def test_complex_vectors_up_to_their_phase():
    a = unitary(3) @ np.diag([1.0, 2.0, 4.0]) @ np.conj(unitary(3).T)
    c = draw(3, 3) + 1j * draw(3, 3)

    def projections(v):
        return np.real(np.sum(c * (v[:, :1] @ np.conj(v[:, :1]).T)))

    def of_eigh(a):
        w, v = np.linalg.eigh((a + np.conj(a).T) / 2)
        return projections(v) + np.sum(w * w)

    def of_svd(a):
        u, s, vh = np.linalg.svd(a)
        pair = np.real(np.sum(c * (u[:, :1] @ vh[:1])))
        return projections(u) + pair + np.sum(s**3)

    def of_eig(a):
        v = np.linalg.eig(a)[1]
        return projections(v)

    for f in (of_eigh, of_svd, of_eig):
        check(f, a, exact=1e-9, tol=1e-4)


def test_factorization_errors_are_numpys():
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(Tensor.holding(np.zeros((2, 2))))
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(Tensor.holding(-np.eye(2)))


# --- norms --------------------------------------------------------------------

VECTOR_ORDERS = [None, 1, 2, 3, 0.5, -1, 0, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@pytest.mark.parametrize("ord", VECTOR_ORDERS, ids=str)
def test_vector_norm(ord):
    check(lambda x: np.linalg.norm(x, ord), draw(4), tol=1e-4)
    check(lambda x: np.linalg.norm(x, ord, axis=0, keepdims=True), draw(4, 2), tol=1e-4)


@pytest.mark.parametrize("ord", MATRIX_ORDERS, ids=str)
def test_matrix_norm(ord):
    check(lambda x: np.linalg.norm(x, ord), draw(4, 3), exact=1e-10, tol=1e-4)
    check(
        lambda x: np.linalg.norm(x, ord, axis=(2, 0), keepdims=True),
        draw(4, 2, 3),
        exact=1e-10,
        tol=1e-4,
    )


def test_norm_of_all_elements():
    check(np.linalg.norm, draw(2, 3, 2))
    check(np.linalg.norm, draw(3) + 1j * draw(3))
    check(lambda x: np.linalg.norm(x, keepdims=True), draw(2, 3, 2))


@pytest.mark.parametrize("ord", [None, 2, 3, 1, np.inf], ids=str)
def test_gradient_of_a_norm_at_zero(ord):
    (g,) = gradient(lambda x: np.linalg.norm(x, ord), np.zeros(3))
    np.testing.assert_array_equal(g, np.zeros(3))


def test_norms_of_rows_of_which_one_is_zero():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    (g,) = gradient(lambda x: np.sum(np.linalg.norm(x, axis=1)), x)
    np.testing.assert_allclose(g, [[0.6, 0.8], [0, 0]])


# --- errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, text",
    [
        (lambda x: x @ x, r"matmul: shapes do not fit: f64\[3,4\] with f64\[3,4\]"),
        (lambda x: np.dot(x, x), r"dot: shapes do not fit: f64\[3,4\]"),
        (
            lambda x: np.linalg.inv(x),
            r"inv: the last two axes must be equal: f64\[3,4\]",
        ),
        (lambda x: np.linalg.solve(x @ x.T, x.T), r"solve: shapes do not fit"),
        (lambda x: np.einsum("ij,jk", x, x), r"einsum: f64\[3,4\] does not fit"),
        (lambda x: np.einsum("ijk", x), r"einsum: f64\[3,4\] has not 3 axes"),
    ],
)
def test_shapes_that_do_not_fit(f, text):
    with pytest.raises(ShapeError, match=text):
        f(Tensor.holding(draw(3, 4)))


def test_what_is_not_supported_says_so():
    with pytest.raises(UnsupportedError, match="use full_matrices=False"):
        np.linalg.svd(Tensor.holding(draw(3, 4)))
    with pytest.raises(DTypeError, match="float16"):
        np.linalg.inv(Tensor.holding(np.eye(2, dtype=np.float16)))


def test_integers_become_floats():
    a = np.array([[2, 1], [1, 1]])
    same(np.linalg.inv(Tensor.holding(a)), np.linalg.inv(a))
    same(np.linalg.norm(Tensor.holding(a)), np.linalg.norm(a))
    same(np.linalg.det(Tensor.holding(a.astype(np.float32))), np.float32(1), 1e-6)


@pytest.mark.parametrize("place", [(0, 0), (2, 1), ...])
def test_infinities_end_in_an_error_or_nan(place):
    """LAPACK's SVD may loop for ever on them."""
    a = np.eye(3)
    a[place] = np.inf
    for f in (lambda x: np.linalg.svd(x)[1], np.linalg.pinv):
        with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
            tapec.jit(f)(a)
    assert np.isnan(tapec.grad(np.linalg.det)(a)).all()
