"""Sparse Jacobians and Hessians against dense ones; what they cost and refuse."""

import numpy as np
import pytest
from scipy import sparse

import tapec
from tapec.interpret import evaluate
from tapec.passes.jvp import jvp
from tapec.passes.sparsity import positions, sparsity
from tests.ops import test_records as records

X = np.linspace(0.5, 2.0, 8)
EDGES = np.array([[0, 1], [2, 5], [3, 3], [7, 0]])
DIFFERENCE = np.diag(np.ones(7), 1) - np.eye(8)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


# --- patterns ---------------------------------------------------------------


@pytest.mark.parametrize(("prim", "sample"), records.DIFFERENTIABLE)
def test_a_pattern_has_every_entry(prim, sample):
    fn, args = records.program(prim, sample), records.promoted(prim, sample)
    for i in records.active(prim, fn.params):
        source = fn.params[i]
        places = positions(fn, source)
        numbers = evaluate(fn.with_(results=places), *args)
        patterns = sparsity(fn, source, dict(zip(places, numbers, strict=True)))
        forward = jvp(fn, wrt=[i])
        for k in range(source.type.size):
            unit = np.zeros(source.type.size, source.dtype)
            unit[k] = 1
            found = evaluate(forward, *args, unit.reshape(source.shape))
            for p, t in zip(patterns, found[len(fn.results) :], strict=True):
                assert p.shape == (t.size, source.type.size)
                entries = p[:, [k]].toarray().ravel()
                assert not np.any(t.ravel()[~entries])


FUNCTIONS = {
    "products of neighbours": (lambda x: x[1:] * x[:-1], 14),
    "gather": (lambda x: x[EDGES[:, 0]] * np.sin(x[EDGES[:, 1]]), 7),
    "matrix of differences": (lambda x: np.tanh(DIFFERENCE @ x), 15),
    "sums of rows": (lambda x: np.sum(np.reshape(x, (4, 2)) ** 2, axis=1), 8),
    "one dense row": (lambda x: np.stack([np.sum(x * x), x[0] * x[1]]), 10),
    "one dense column": (lambda x: x * x[0], 15),
    "triangle": (lambda x: np.tril(np.outer(x[:2], x[2:4])), 6),
    "concatenated and flipped": (lambda x: np.concatenate([x[::-1], x[:2] ** 2]), 10),
    "where": (lambda x: np.where(np.arange(8) < 4, x * x, x[::-1]), 8),
    "sorted": (lambda x: np.sort(x) * x, 8),
    "nothing": (lambda x: np.floor(x), 0),
    "solve": (lambda x: np.linalg.solve(np.diag(x[:2]) + 1, x[2:4]), 8),
    "grid": (
        lambda x: (
            np.diff(np.reshape(x, (2, 4)), axis=0)
            * np.diff(np.reshape(x, (2, 4)), axis=1)[:1, :1]
        ),
        14,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians(name):
    f, entries = FUNCTIONS[name]
    found = tapec.sparse_jacobian(f)(X)
    dense = tapec.jacobian(f)(X).reshape(-1, 8)
    assert sparse.isspmatrix_csr(found)
    assert found.nnz == entries
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-12, atol=1e-14)


def border(x):
    return np.sum((x[1:] - x[0]) ** 2 * x[1:])


HESSIANS = {
    "chain": (rosenbrock, 40, 3),
    "separable": (lambda x: np.sum(np.exp(x)), 40, 1),
    "arrow": (border, 200, 2),
    "dense": (lambda x: np.sum(x) ** 3, 12, 12),
    "quadratic": (lambda x: np.sum(np.diff(x, 2) ** 2), 40, 5),
    "linear": (np.sum, 5, 1),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians(name):
    f, n, colors = HESSIANS[name]
    x = np.linspace(0.5, 1.5, n)
    hessian = tapec.sparse_hessian(f)
    np.testing.assert_allclose(
        hessian(x).toarray(), tapec.hessian(f)(x), rtol=1e-11, atol=1e-11
    )
    assert hessian.colors(x) == colors


# --- cost -------------------------------------------------------------------


def test_a_chain_of_10_000_variables_has_few_colours():
    x = np.linspace(-1.0, 1.0, 10_000)
    hessian = tapec.sparse_hessian(rosenbrock)
    found = hessian(x)
    assert found.shape == (10_000, 10_000) and found.nnz == 3 * 10_000 - 2
    assert hessian.colors(x) <= 5
    np.testing.assert_allclose(
        found.diagonal()[1:-1], 202 - 400 * x[2:] + 1200 * x[1:-1] ** 2
    )
    v = np.cos(x)
    np.testing.assert_allclose(found @ v, tapec.hvp(rosenbrock, x, v))


def test_the_fewer_of_columns_and_rows():
    dense_row, dense_column = (
        FUNCTIONS[f"one dense {k}"][0] for k in ("row", "column")
    )
    assert tapec.sparse_jacobian(dense_row).colors(X) == 2
    assert tapec.sparse_jacobian(dense_column).colors(X) == 2


def test_patterns_are_found_once():
    runs = []

    def f(x):
        runs.append(1)
        return x[1:] * x[:-1]

    jacobian = tapec.sparse_jacobian(f)
    for k in range(3):
        jacobian(X + k)
    assert len(runs) == 2  # one for the pattern, one for the products
    jacobian(X[:4])
    assert len(runs) == 4


# --- what a pattern depends on ----------------------------------------------


def test_captured_indices_may_change():
    edges = EDGES.copy()
    jacobian = tapec.sparse_jacobian(lambda x: x[edges[:, 0]])
    jacobian(X)
    edges[0, 0] = 6
    np.testing.assert_array_equal(jacobian(X).toarray()[0], np.eye(8)[6])


def test_a_matrix_may_change_where_it_is_not_zero():
    w = np.eye(3)
    jacobian = tapec.sparse_jacobian(lambda x, w: np.sin(w @ x))
    x = X[:3]
    assert jacobian(x, w).nnz == 3
    np.testing.assert_allclose(jacobian(x, 2 * w).diagonal(), 2 * np.cos(2 * x))
    assert jacobian(x, w + np.eye(3)[::-1]).nnz == 5


def test_an_order_that_depends_on_the_argument():
    jacobian = tapec.sparse_jacobian(np.sort)
    for x in (X, X[::-1].copy(), np.array([3.0, 1.0, 2.0])):
        np.testing.assert_array_equal(jacobian(x).toarray(), tapec.jacobian(np.sort)(x))


def test_branches():
    jacobian = tapec.sparse_jacobian(lambda x: x * x if x[0] > 0 else x[::-1])
    assert jacobian(X).diagonal()[0] == 2 * X[0]
    np.testing.assert_array_equal(jacobian(-X).toarray(), np.eye(8)[::-1])
    assert jacobian(X).diagonal()[0] == 2 * X[0]


# --- calls ------------------------------------------------------------------


def test_argnums_keywords_and_shapes():
    def f(a, x, k=1.0):
        return k * a["w"] * x**2

    jacobian = tapec.sparse_jacobian(f, argnums=1)
    x = X.reshape(2, 4)
    found = jacobian({"w": 3.0}, x, k=2.0)
    np.testing.assert_allclose(found.toarray(), np.diag(12 * X))
    pattern = jacobian.pattern({"w": 3.0}, x, k=2.0)
    assert pattern.dtype == bool and pattern.nnz == 8
    found = tapec.sparse_jacobian(f, argnums=-1)({"w": 3.0}, tapec.constant(X))
    assert found.dtype == np.float64
    assert tapec.sparse_hessian(np.sin)(0.5).toarray() == -np.sin(0.5)


def test_decorators():
    @tapec.sparse_hessian
    def f(x):
        """Of x."""
        return np.sum(x**3)

    assert f.__name__ == "f" and f.__doc__ == "Of x."
    np.testing.assert_allclose(f(X).toarray(), np.diag(6 * X))
    np.testing.assert_allclose(
        tapec.sparse_hessian(argnums=1)(lambda a, x: a * np.sum(x**3))(
            2.0, X
        ).toarray(),
        np.diag(12 * X),
    )


def test_inspect():
    found = tapec.sparse_hessian(rosenbrock).inspect(X)
    assert "%seeds: bool[3,8]" in found.text()
    assert "sparse_hessian of rosenbrock" in repr(tapec.sparse_hessian(rosenbrock))


def test_what_is_refused():
    with pytest.raises(tapec.UnsupportedError, match="cannot be traced"):
        tapec.jit(tapec.sparse_jacobian(np.sin))(X)
    with pytest.raises(ValueError, match="argument 0 is not one array"):
        tapec.sparse_jacobian(lambda p: p["x"])({"x": X})
    with pytest.raises(ValueError, match="does not return one array"):
        tapec.sparse_jacobian(lambda x: (x, x))(X)
    with pytest.raises(tapec.DTypeError, match=r"astype\(float\)"):
        tapec.sparse_jacobian(np.sin)(np.arange(3))


# --- loops ------------------------------------------------------------------


def summed_in_a_scan(x):
    def step(c, ab):
        a, b = ab
        return c + (b - a) ** 2 * a, None

    return tapec.scan(step, 0.0, (x[:-1], x[1:]))[0]


def summed_in_python(x):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + (x[i + 1] - x[i]) ** 2 * x[i]
    return total


@pytest.mark.parametrize("f", [summed_in_a_scan, summed_in_python])
def test_a_loop_over_a_chain(f):
    x = np.linspace(0.5, 1.5, 40)
    hessian = tapec.sparse_hessian(f)
    np.testing.assert_allclose(hessian(x).toarray(), tapec.hessian(f)(x), atol=1e-12)
    assert hessian.colors(x) == 3 and hessian(x).nnz == 3 * 40 - 2


def test_the_jacobian_of_a_loop():
    def f(x):
        return np.stack([x[i] * x[i + 1] for i in range(len(x) - 1)])

    x = np.linspace(0.5, 1.5, 40)
    jacobian = tapec.sparse_jacobian(f)
    np.testing.assert_allclose(jacobian(x).toarray(), tapec.jacobian(f)(x), atol=1e-12)
    assert jacobian.colors(x) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_a_state_that_is_carried_on(reverse):
    def f(x):
        def step(c, ut):
            u, t = ut
            return np.sin(c) * x[0] + u, c * np.cos(t)

        us, ts = np.reshape(x[:8], (4, 2)), np.reshape(x[8:], (4, 1))
        return tapec.scan(step, np.zeros(2), (us, ts), reverse=reverse)[1]

    x = np.linspace(0.5, 1.5, 12)
    found = tapec.sparse_jacobian(f)(x)
    dense = tapec.jacobian(f)(x).reshape(8, 12)
    np.testing.assert_allclose(found.toarray(), dense, atol=1e-12)
    assert found.nnz < 60
