"""Functions that choose, sort and search."""

import numpy as np
import pytest

import tapec
from tapec.tensor import Tensor
from tests.ops.checking import check, gradient, same

RNG = np.random.default_rng(7)
X = RNG.uniform(-1.0, 1.0, (3, 4, 2))
V = RNG.uniform(-1.0, 1.0, 6)
ROWS = np.array([[2, 0, 2, 1]])

FUNCTIONS = {
    "where": lambda x: np.where(x > 0, x, x * x),
    "where of constants": lambda x: np.where(x > 0, 1.0, x),
    "where of positions": lambda x: np.where(x > 0)[1] * 1.0,
    "select": lambda x: np.select([x > 0.5, x > 0], [x, x * x], 3.0),
    "choose": lambda x: np.choose([[0, 1], [1, 0]], [x[0, :2], x[1, :2]]),
    "take": lambda x: np.take(x, [0, -1, 0]),
    "take an axis": lambda x: np.take(x, [[0, 3], [3, 3]], axis=1),
    "take an integer": lambda x: np.take(x, 1, axis=-1),
    "take wrapped": lambda x: np.take(x, [9, -9], mode="wrap"),
    "take clipped": lambda x: np.take(x, [9, -9], axis=0, mode="clip"),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(x, 1), 1),
    "take_along_axis broadcast": lambda x: np.take_along_axis(x[:, :, 0], ROWS, 0),
    "compress": lambda x: np.compress([True, False, True], x, axis=0),
    "extract": lambda x: np.extract(x > 0, x),
    "nonzero": lambda x: x[np.nonzero(x > 0)],
    "argwhere": lambda x: np.argwhere(x > 0) * 1.0,
    "flatnonzero": lambda x: np.flatnonzero(x > 0) * 1.0,
    "sort": lambda x: np.sort(x),
    "sort an axis": lambda x: np.sort(x, axis=0),
    "sort flat": lambda x: np.sort(x, axis=None),
    "argsort": lambda x: np.argsort(x, axis=1),
    "searchsorted": lambda x: np.searchsorted(np.sort(x[0, :, 0]), x),
    "digitize": lambda x: np.digitize(x, [-0.5, 0.0, 0.5]),
    "digitize falling": lambda x: np.digitize(x, [0.5, 0.0, -0.5], right=True),
    "lexsort": lambda x: np.lexsort((x[0, :, 0], x[1, :, 0] > 0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(FUNCTIONS[name], X)


def test_bincount():
    i, w = np.array([0, 3, 3, 1]), RNG.uniform(size=4)
    check(lambda i: np.bincount(i), i)
    check(lambda i, w: np.bincount(i, w, 6), i, w)


def test_partition():
    for kth in (0, 2, [1, 3]):
        found = np.partition(Tensor.holding(V), kth).array
        np.testing.assert_array_equal(found[kth], np.sort(V)[kth])


def test_sorted_ties_keep_their_order():
    x = np.array([1.0, 0.0, 1.0])
    (g,) = gradient(lambda x: np.sum(np.sort(x) * np.array([1.0, 10.0, 100.0])), x)
    np.testing.assert_array_equal(g, [10, 1, 100])


@pytest.mark.parametrize(
    "options", [{}, {"left": -1.0, "right": 5.0}, {"period": 3.0}], ids=str
)
def test_interp(options):
    xp, fp = np.array([0.0, 0.5, 2.0]), np.array([1.0, 3.0, -1.0])
    x = np.array([-0.5, 0.2, 1.7, 2.6])
    check(lambda x, xp, fp: np.interp(x, xp, fp, **options), x, xp, fp)
    same(np.interp(Tensor.holding(xp), xp, fp), np.interp(xp, xp, fp))


def test_put_along_axis():
    def f(x, v):
        out = np.copy(x)
        np.put_along_axis(out, ROWS, v, 0)
        return out

    check(f, X[:, :, 0], RNG.uniform(size=(1, 4)))


@pytest.mark.parametrize("x", [X[0], X[:, :, 0], np.ones((2, 2, 2))], ids=np.shape)
def test_fill_diagonal(x):
    def f(x):
        out = np.copy(x)
        np.fill_diagonal(out, 7.0)
        return out

    check(f, x)


@pytest.mark.parametrize("where", [np.array(1), np.array([0, 2]), 1])
def test_positions_to_delete_and_to_insert_may_be_traced(where):
    x = np.arange(4.0)
    for f in (np.delete, lambda x, i: np.insert(x, i, 7.0)):
        compiled = tapec.jit(f)
        for i in (where, where + 1, where):
            np.testing.assert_array_equal(compiled(x, i), f(x, i))
