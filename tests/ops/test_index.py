"""`x[key]` and `x[key] = v`."""

import numpy as np
import pytest

from tapec.errors import CheckFailed, ShapeError
from tapec.interpret import evaluate
from tapec.numpy.indexing import getitem, setitem
from tapec.tensor import Tensor
from tests.ops.checking import check, gradient, recorded, same

RNG = np.random.default_rng(2)
X = RNG.uniform(-1.0, 1.0, (3, 4, 2))
V = RNG.uniform(-1.0, 1.0, 6)
MASK = RNG.uniform(size=(3, 4)) < 0.5

KEYS = {
    "integer": 1,
    "negative integer": -1,
    "integers": (0, -1, 1),
    "slice": slice(1, 3),
    "slices": (slice(None, None, 2), slice(-3, -1)),
    "backwards": (slice(None, None, -1), slice(3, 0, -2)),
    "empty slice": slice(2, 1),
    "new axis": (None, 0, None),
    "ellipsis": (..., 1),
    "ellipsis inside": (1, ..., None, 0),
    "nothing": (),
    "list": [2, 0, 0],
    "negative list": ([-1, 0, -1],),
    "array": np.array([[0, 1], [2, 1]]),
    "array of no axes": np.array(1),
    "empty list": [],
    "two arrays": ([0, 1, 1], [3, 3, 0]),
    "arrays that broadcast": ([[0], [1]], [3, 0, 3]),
    "arrays apart": ([0, 1], slice(None), [1, 0]),
    "arrays apart by an ellipsis": ([0, 1], ..., [1, 0]),
    "array after slice": (slice(1, 3), [0, 0, 2]),
    "array before slice": ([0, 0, 2], slice(None, None, -2)),
    "array and integer": ([0, 2], 1),
    "integer apart from array": (0, slice(None), [1, 1]),
    "array and new axis": ([0, 2], None, 1),
    "mask": MASK,
    "mask of one axis": np.array([True, False, True]),
    "mask of all": RNG.uniform(size=X.shape) < 0.5,
    "mask after slice": (slice(None), np.array([True, False, True, True])),
    "mask and array": (np.array([True, False, True]), [1, 0]),
    "mask of nothing": np.zeros(3, bool),
    "true": True,
    "false": False,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_read(key):
    wanted = X[key]
    same(getitem(Tensor.holding(X), key), np.asarray(wanted))
    check(lambda x: getitem(x, key) * 1.0 if hasattr(x, "array") else x[key] * 1.0, X)


def assigned(x, key, v):
    if isinstance(x, np.ndarray):
        out = x.copy()
        out[key] = v
        return out
    return setitem(x, key, v)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_write(key):
    v = RNG.uniform(-1.0, 1.0, np.shape(X[key]))
    check(lambda x, v: assigned(x, key, v), X, v)
    check(lambda x, v: assigned(x, key, v), X, 2.5)


def random_key(rng, shape):
    """A key of integers, slices, new axes, an ellipsis, arrays and masks."""
    key, axis, wide = [], 0, [(2,), (3, 1), (1,), ()][rng.integers(4)]
    stop = rng.integers(0, len(shape) + 1)
    while axis < stop:
        n = shape[axis]
        kind = rng.integers(7)
        if kind == 0:
            key.append(int(rng.integers(-n, n)))
        elif kind == 1:
            ends = [
                int(e) if e < n + 1 else None for e in rng.integers(-n - 1, n + 3, 2)
            ]
            step = (None, 1, 2, -1, -2)[rng.integers(5)]
            key.append(slice(*ends, step))
        elif kind == 2 and Ellipsis not in [k for k in key if k is Ellipsis]:
            key.append(...)
            axis += rng.integers(0, len(shape) - stop + 1) - 1
        elif kind == 3:
            key.append(rng.integers(-n, n, wide))
        elif kind == 4 and axis + 2 <= len(shape):
            mask = np.zeros(shape[axis : axis + 2], bool)
            mask.flat[rng.choice(mask.size, 2, replace=False)] = True
            key.append(mask)
            axis += 1
        else:
            key.append(None)
            continue
        axis += 1
    return tuple(key)


def test_random_keys():
    rng = np.random.default_rng(3)
    done = 0
    for _ in range(800):
        key = random_key(rng, X.shape)
        try:
            wanted = np.asarray(X[key])
        except IndexError:
            with pytest.raises(IndexError):
                getitem(Tensor.holding(X), key)
            continue
        same(getitem(Tensor.holding(X), key), wanted)
        v = rng.uniform(size=wanted.shape)
        same(setitem(Tensor.holding(X), key, v), assigned(X, key, v))
        done += 1
    assert done > 400


def test_repeated_positions_add_up():
    (g,) = gradient(lambda x: np.sum(x[[1, 1, -1, 1]]), V)
    np.testing.assert_array_equal(g, [0, 3, 0, 0, 0, 1])


def test_last_of_repeated_writes_wins():
    i = np.array([1, 1, 3])

    def f(x, v, i):
        return np.sum(setitem(x, i, v) * np.arange(6.0))

    gx, gv = gradient(f, V, np.array([1.0, 2.0, 3.0]), i)
    np.testing.assert_array_equal(gx, [0, 0, 2, 0, 4, 5])
    np.testing.assert_array_equal(gv, [0, 1, 3])


def test_traced_positions():
    i = np.array([[2, -1], [0, 2]])
    check(lambda x, i: x[i], X, i)
    check(lambda x, i: x[:, i, 0], X, i)
    check(lambda x, i: x[1:][i[0, 1]], X, i)
    fn = recorded(lambda x, i: x[i], X, i)
    with pytest.raises(CheckFailed):
        evaluate(fn, X, i + 2)
    same(evaluate(fn, X, i - 1)[0], X[i - 1])


def test_traced_mask():
    check(lambda x: x[x > 0], X)
    check(lambda x, m: x[m, 0], X, MASK)
    fn = recorded(lambda x, m: x[m], X, MASK)
    same(evaluate(fn, X, MASK[::-1])[0], X[MASK[::-1]])
    with pytest.raises(CheckFailed):
        evaluate(fn, X, np.ones_like(MASK))


def test_mask_write_needs_no_positions():
    fn = recorded(lambda x: setitem(x, x > 0, 0.0), X)
    same(evaluate(fn, -X)[0], np.where(X < 0, 0, -X))
    assert "flatnonzero" not in {op.prim.name for op in fn.ops}


def test_write_where_the_slope_is_infinite():
    def f(x):
        return np.sum(np.sqrt(setitem(x, 0, 1.0))) + np.sum(np.sqrt(x)[1:])

    (g,) = gradient(f, np.array([0.0, 4.0]))
    np.testing.assert_allclose(g, [0, 0.5])


def test_slicing_away_an_infinite_slope():
    (g,) = gradient(lambda x: np.sum(np.sqrt(x)[1:]), np.array([0.0, 4.0]))
    np.testing.assert_allclose(g, [0, 0.25])
    (g,) = gradient(lambda x: np.sum(np.sqrt(x)[[1] * 256]), np.array([0.0, 4.0]))
    np.testing.assert_allclose(g, [0, 64])


def test_a_mask_through_many_repetitions():
    def f(x):
        y = np.sqrt(x)[[1] * 256]
        return np.sum(np.where(y > 0, y, 0.0))

    (g,) = gradient(f, np.array([0.0, 4.0]))
    np.testing.assert_allclose(g, [0, 64])


@pytest.mark.parametrize(
    "key, text",
    [
        (3, r"index 3 is out of bounds for axis 0 of f64\[3,4,2\]"),
        ((0, -5), r"index -5 is out of bounds for axis 1"),
        ([0, 7], r"index 7 is out of bounds for axis 0"),
        ((0, 0, 0, 0), r"too many indices: f64\[3,4,2\] has 3 axes, 4 are indexed"),
        (np.ones(2, bool), r"a mask of shape \(2,\) does not fit"),
        ([0.5], r"arrays used as indices must hold integers or bools, not float64"),
        ((..., ...), r"a single ellipsis"),
    ],
)
def test_errors(key, text):
    with pytest.raises(IndexError, match=text):
        getitem(Tensor.holding(X), key)


def test_value_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"a value of type f64\[3\] does not fit"):
        setitem(Tensor.holding(X), 0, np.zeros(3))


def test_results_do_not_share_what_is_assigned():
    for f in (
        np.copy,
        np.ravel,
        np.transpose,
        lambda x: x[...],
        lambda x: x.reshape(6),
    ):
        x = Tensor.holding(V)
        y = f(x)
        y[0] = 9.0
        same(x, V)
        assert y.array[0] == 9.0
