"""Dense Jacobians whose columns or rows share products."""

import numpy as np
import pytest

import tapec
from tapec.passes.packed import Packed

X = np.linspace(0.5, 2.0, 12)
PLACES = np.array([3, 3, 0, 7, 11, 5])


def valley(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def by_columns(f, x):
    """One direction at a time."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [tapec.jvp(f, (x,), (u.astype(x.dtype),))[1] for u in units]
    moved = np.moveaxis(np.stack(columns), 0, -1)
    return moved.reshape(*moved.shape[:-1], *x.shape)


def largest_batch(transformed, *args):
    """The most directions that one op of the program has: a rough count."""
    fn = transformed.inspect(*args).stage("recorded")
    ops = [op for op in fn.ops if op not in fn.results]
    return max(op.type.shape[0] for op in ops if len(op.type.shape) == 2)


FUNCTIONS = {
    "elementwise": lambda x: np.sin(x) * x,
    "neighbours": lambda x: x[1:] * x[:-1],
    "second differences": lambda x: np.diff(x, n=2) ** 2,
    "reversed": lambda x: x[::-1] ** 3 + x,
    "rolled": lambda x: np.roll(x, 2) * np.exp(x),
    "gathered": lambda x: x[[3, 3, 0, 7]] * np.tanh(x[[1, 2, 2, 11]]),
    "gathered by a captured array": lambda x: x[PLACES] ** 2,
    "chosen": lambda x: np.where(np.arange(12) < 5, x * x, x[::-1]),
    "chosen by the numbers": lambda x: np.where(x < 1, x * x, x[::-1]),
    "grid": lambda x: np.diff(np.reshape(x, (3, 4)), axis=0) ** 2,
    "sums of rows": lambda x: np.sum(np.reshape(x, (6, 2)) ** 2, axis=1),
    "added up in place": lambda x: tapec.numpy.zeros(12) + x * 2,
    "dense": lambda x: np.sum(x * x) * x,
    "one dense column": lambda x: x * x[0],
    "sorted": lambda x: np.sort(-x) * x,
    "nothing": lambda x: np.floor(x),
    "constant": lambda x: np.ones(12),
}


@pytest.mark.parametrize("transform", [tapec.jacfwd, tapec.jacrev, tapec.jacobian])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians(name, transform):
    f = FUNCTIONS[name]
    found = transform(f)(X)
    wanted = by_columns(f, X)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(tapec.jit(transform(f))(X), found)


def test_matrices_and_single_precision():
    x = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)

    def f(x):
        return np.cos(x[1:]) * x[:-1].astype(np.float64)

    found = tapec.jacobian(f)(x)
    assert found.dtype == np.float32
    assert found.shape == (3, 5, 4, 5)
    wanted = by_columns(f, x)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_the_number_of_products():
    assert largest_batch(tapec.hessian(valley), X) == 3
    assert largest_batch(tapec.jacfwd(lambda x: x * np.sin(x)), X) == 1
    assert largest_batch(tapec.jacrev(lambda x: x[2:] + x[:-2] ** 2), X) == 2
    # 12 columns meet in one row
    assert largest_batch(tapec.jacfwd(lambda x: x * np.sum(x)), X) == 12


def test_hessian():
    wanted = by_columns(tapec.grad(valley), X)
    np.testing.assert_allclose(tapec.hessian(valley)(X), wanted, rtol=1e-13)
    assert np.count_nonzero(wanted) == 12 + 2 * 11


def test_structures_of_arguments_and_values():
    def f(p, c):
        a, b = p["a"], p["b"]
        return {"u": np.sin(a) * b[:6], "v": [b[1:] ** 2 * c]}, np.sum(a)

    args = {"a": X[:6].copy(), "b": X}, 3.0
    for transform in (tapec.jacfwd, tapec.jacrev, tapec.jacobian):
        found, aux = transform(f, has_aux=True)(*args)
        assert aux == np.sum(X[:6])
        wide = np.zeros((6, 12))
        wide[:, :6] = np.diag(np.sin(X[:6]))
        np.testing.assert_allclose(found["u"]["a"], np.diag(np.cos(X[:6]) * X[:6]))
        np.testing.assert_allclose(found["u"]["b"], wide)
        np.testing.assert_array_equal(found["v"][0]["a"], np.zeros((11, 6)))
        by_b = np.zeros((11, 12))
        by_b[:, 1:] = np.diag(6 * X[1:])
        np.testing.assert_allclose(found["v"][0]["b"], by_b)


def test_several_arguments():
    found = tapec.jacfwd(lambda x, y: x * y[::-1], argnums=(0, 1))(X, X + 1)
    np.testing.assert_allclose(found[0], np.diag(X[::-1] + 1))
    np.testing.assert_allclose(found[1], np.diag(X)[:, ::-1])


def test_in_vmap_and_of_a_vmap():
    rows = np.stack([X, X + 1, X**2])
    each = np.stack([tapec.hessian(valley)(x) for x in rows])
    np.testing.assert_allclose(tapec.vmap(tapec.hessian(valley))(rows), each)

    def total(rows):
        return np.sum(tapec.vmap(valley)(rows))

    whole = tapec.hessian(total)(rows)
    for i in range(3):
        np.testing.assert_allclose(whole[i, :, i], each[i], rtol=1e-12)
    assert np.count_nonzero(whole) == 3 * (12 + 2 * 11)


def test_derivatives_of_derivatives():
    def f(x):
        return x[1:] ** 3 * x[:-1]

    twice = tapec.jacfwd(tapec.jacrev(f))(X)
    np.testing.assert_allclose(twice, tapec.jacrev(tapec.jacfwd(f))(X))
    x, y = X[1:], X[:-1]
    i = np.arange(11)
    wanted = np.zeros((11, 12, 12))
    wanted[i, i + 1, i + 1] = 6 * x * y
    wanted[i, i + 1, i] = wanted[i, i, i + 1] = 3 * x**2
    np.testing.assert_allclose(twice, wanted)
    penalty = tapec.grad(lambda x: np.sum(tapec.jacfwd(f)(x) ** 2))(X)
    step = 1e-6 * np.eye(12)
    values = [np.sum(tapec.jacfwd(f)(X + s) ** 2) for s in (step[2], -step[2])]
    np.testing.assert_allclose(penalty[2], (values[0] - values[1]) / 2e-6, rtol=1e-6)


def test_what_is_infinite_stays_where_it_is():
    x = X.copy()
    x[4] = 0.0
    for transform in (tapec.jacfwd, tapec.jacrev):
        found = transform(np.sqrt)(x)
        assert found[4, 4] == np.inf
        found[4, 4] = 0.0
        np.testing.assert_allclose(np.diag(found)[5:], 0.5 / np.sqrt(x[5:]))
        assert np.count_nonzero(found) == 11


def test_places_that_change():
    places = np.arange(12)
    derived = tapec.jacfwd(lambda x: x[places] ** 2)
    np.testing.assert_allclose(derived(X), np.diag(2 * X))
    places[:] = places[::-1].copy()
    np.testing.assert_allclose(derived(X), np.diag(2 * X)[::-1])


def test_a_branch_on_the_numbers():
    derived = tapec.jacobian(lambda x: x * x if x[0] > 0 else x[::-1] * 1.0)
    np.testing.assert_allclose(derived(X), np.diag(2 * X))
    np.testing.assert_allclose(derived(-X), np.eye(12)[::-1])


def test_on_a_tape():
    x = tapec.Variable(X)
    with tapec.GradientTape() as tape:
        y = np.sum(tapec.jacfwd(np.square)(x) ** 2)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 8 * X)


def test_packed_patterns():
    rng = np.random.default_rng(0)
    dense = rng.random((5, 11)) < 0.3
    p = Packed.of(dense)
    np.testing.assert_array_equal(p.dense(), dense)
    np.testing.assert_array_equal(p[[4, 0]].dense(), dense[[4, 0]])
    np.testing.assert_array_equal((p + p[::-1]).dense(), dense | dense[::-1])
    to = np.array([2, 0, 2, 2, 0])
    wanted = np.zeros((3, 11), bool)
    np.logical_or.at(wanted, to, dense)
    np.testing.assert_array_equal(p.added(to, 3).dense(), wanted)
    assert p.nnz
    assert not Packed.none(2, 3).nnz
    assert Packed.stack([p, Packed.none(2, 11)]).shape == (7, 11)
