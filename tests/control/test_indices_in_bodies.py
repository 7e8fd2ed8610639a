"""An index that is computed in the body of a loop or branch, and does not exist."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate

X = np.arange(5.0) + 1.0


def scanned(x, n):
    def step(c, t):
        return c + 1, x[c] * t

    return np.sum(tapec.scan(step, n, np.arange(4.0))[1])


def in_while(x, n):
    def more(c):
        return c[1] < 9.0

    def step(c):
        return c[0] + 1, c[1] + x[c[0]]

    return tapec.while_loop(more, step, (n, 0.0))[1]


def in_condition(x, n):
    most = np.where(n > 3, 9.0, 4.0)
    return tapec.while_loop(lambda c: x[c] < most, lambda c: c + 1, n) * x[0]


def in_branch(x, n):
    return tapec.cond(n > 2, lambda: x[n + 1], lambda: x[0] * 2)


def nested(x, n):
    def step(c, t):
        return c + 1, tapec.cond(c > 100, lambda: t, lambda: x[c])

    return np.sum(tapec.scan(step, n, np.arange(4.0))[1])


def stored(x, n):
    def step(c, t):
        y = tapec.numpy.zeros(5)
        y[c] = x[0] * t
        return c + 1, y

    return np.sum(tapec.scan(step, n, np.arange(4.0))[1])


def along(x, n):
    def step(c, t):
        return c + 1, np.take_along_axis(x, np.stack([c, c - 5]), 0)

    return np.sum(tapec.scan(step, n, np.arange(4.0))[1])


FUNCTIONS = [scanned, in_while, in_condition, in_branch, nested, stored, along]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("transform", [tapec.jit, tapec.grad, tapec.value_and_grad])
def test_the_same_error_natively(f, transform):
    compiled = transform(f)
    good = compiled(X, 1)
    for _ in range(2):
        with pytest.raises(IndexError, match="out of bounds for axis 0 of f64") as got:
            compiled(X, 4)
        assert __file__.rpartition("/")[2] in str(got.value)
    with pytest.raises(IndexError):
        transform(f)(X, 4)  # the first call
    assert repr(compiled(X, 1)) == repr(good)
    assert len(compiled.signatures) == 1


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_are_those_of_numpy(f):
    for n in (0, 1):
        compiled = tapec.jit(f)
        fn = compiled.traced(X, n)
        assert compiled(X, n) == evaluate(fn, X, np.asarray(n))[0] == f(X, n)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_on_a_tape_and_for_a_batch(f):
    for n, fails in [(1, False), (4, True), (0, False)]:
        x = tapec.constant(X)
        start = tapec.constant(np.int64(n))

        def slope(x=x, start=start):
            with tapec.GradientTape() as tape:
                y = f(x, start)
            return tape.gradient(y, x)

        if fails:
            with pytest.raises(IndexError):
                slope()
            with pytest.raises(IndexError):
                tapec.vmap(f, (None, 0))(X, np.array([0, n]))
        else:
            np.testing.assert_allclose(slope().numpy(), tapec.grad(f)(X, n))
            both = tapec.vmap(f, (None, 0))(X, np.array([0, n]))
            np.testing.assert_allclose(both, [f(X, 0), f(X, n)])


def test_the_branch_not_taken_and_the_element_that_is_done():
    f = tapec.jit(lambda x, n: tapec.cond(n < 5, lambda: x[n], lambda: x[0]))
    assert f(X, 3) == 4.0 and f(X, 50) == 1.0
    found = tapec.vmap(
        lambda x, n: tapec.cond(n < 5, lambda: x[n], lambda: x[0]), (None, 0)
    )(X, np.array([3, 50, 4]))
    assert found.tolist() == [4.0, 1.0, 5.0]
    ends = tapec.vmap(in_while, (None, 0))(X, np.array([1, 2, 3]))
    assert ends.tolist() == [in_while(X, n) for n in (1, 2, 3)]
    ns = np.array([1, 2, 3])
    fn = tapec.jit(lambda x, n: tapec.vmap(in_while, (None, 0))(x, n)).traced(X, ns)
    np.testing.assert_array_equal(evaluate(fn, X, ns)[0], ends)


def test_a_python_while_that_searches():
    def first_above(x, a):
        i = tapec.numpy.argmin(x) * 0
        while x[i] < a:
            i = i + 1
        return x[i] * a

    f = tapec.value_and_grad(first_above)
    for a in (3.5, 1.0, 4.5, 0.5):
        value, slope = f(X, a)
        place = int(np.argmax(a <= X))
        assert value == X[place] * a
        np.testing.assert_array_equal(slope, np.eye(5)[place] * a)
    assert len(f.signatures) == 1
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        f(X, 6.0)
