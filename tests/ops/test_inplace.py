"""Functions that change their argument, and functions of slices and places."""

import numpy as np
import pytest

from tapec.tensor import Tensor
from tests.ops.checking import check

RNG = np.random.default_rng(6)
X = RNG.uniform(-1.0, 1.0, (3, 4))
V = RNG.uniform(-1.0, 1.0, 2)
MASK = X > 0

CHANGES = {
    "copyto": lambda x, v: np.copyto(x, v[0]),
    "copyto where": lambda x, v: np.copyto(x, v[0], where=MASK),
    "put": lambda x, v: np.put(x, [0, -1, 3], v),
    "place": lambda x, v: np.place(x, MASK, v),
    "putmask": lambda x, v: np.putmask(x, MASK, v),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change(name):
    def f(x, v):
        out = np.copy(x)
        CHANGES[name](out, v)
        return out

    check(f, X, V)


FUNCTIONS = {
    "ix_": lambda x: x[np.ix_([0, 2], [True, False, True, False])],
    "unravel_index": lambda x: x[np.unravel_index(np.argmax(x), x.shape)],
    "tril_indices_from": lambda x: x[np.tril_indices_from(x, -1)],
    "triu_indices_from": lambda x: x[np.triu_indices_from(x)],
    "diag_indices_from": lambda x: x[:, :3][np.diag_indices_from(x[:, :3])],
    "apply_along_axis": lambda x: np.apply_along_axis(np.sort, 0, x),
    "apply_along_axis to more": lambda x: np.apply_along_axis(np.diag, 1, x),
    "piecewise": lambda x: np.piecewise(x, [x > 0, x > 0.5], [np.sin, 2.0, np.exp]),
    "resize": lambda x: np.resize(x, (5, 3)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(FUNCTIONS[name], X)


def test_places_count_back():
    i, j = Tensor.holding(np.array([0, 2])), np.array([1, 3])
    found = np.ravel_multi_index((i, j), (3, 4))
    np.testing.assert_array_equal(found.array, [1, 11])


def test_result_type():
    x = Tensor.holding(np.ones(2, np.float32))
    assert np.result_type(x, np.float16) == np.float32
    assert np.result_type(x, np.ones(1)) == np.float64
