"""`cond` and `switch`: one branch runs, and it alone has a gradient."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes import pipeline


def root(x):
    return tapec.cond(x > 0, np.sqrt, lambda x: -2.0 * x, x)


@pytest.mark.parametrize("x", [4.0, -3.0, 0.0])
def test_values_and_gradients_of_both_branches(x):
    wanted = np.sqrt(x) if x > 0 else -2.0 * x
    slope = 0.5 / np.sqrt(x) if x > 0 else -2.0
    second = -0.25 * x**-1.5 if x > 0 else 0.0
    assert root(x) == tapec.jit(root)(x) == wanted
    assert tapec.grad(root)(x) == slope
    assert tapec.grad(tapec.grad(root))(x) == pytest.approx(second)


def test_no_nan_from_the_branch_not_taken():
    def f(x, y):
        safe = tapec.cond(
            y > 0, lambda: np.sum(np.log(y) * np.sqrt(x) / y), lambda: np.sum(x)
        )
        return safe * 1.0

    x = np.zeros(3)
    for order in (tapec.grad(f, (0, 1)), tapec.jit(tapec.grad(f, (0, 1)))):
        gx, gy = order(x, 0.0)
        np.testing.assert_array_equal(gx, np.ones(3))
        assert gy == 0.0
    twice = tapec.grad(lambda x: np.sum(tapec.grad(f)(x, 0.0)))
    np.testing.assert_array_equal(twice(x), np.zeros(3))


def test_one_program_serves_both_branches():
    f = tapec.jit(root)
    assert [f(x) for x in (4.0, -3.0, 9.0)] == [2.0, 6.0, 3.0]
    assert len(f.signatures) == 1


def test_switch_clamps_and_captures():
    w = np.array([1.0, 2.0])

    def f(i, x):
        branches = [lambda x: x * w, lambda x: x**2, lambda x: x + w * w]
        return tapec.switch(i, branches, x)

    x = np.array([3.0, 5.0])
    for i, place in ((-1, 0), (0, 0), (1, 1), (2, 2), (9, 2)):
        wanted = [x * w, x**2, x + w * w][place]
        slope = [w, 2 * x, np.ones(2)][place]
        np.testing.assert_array_equal(f(i, x), wanted)
        np.testing.assert_array_equal(tapec.jit(f)(i, x), wanted)
        found = tapec.grad(lambda x, i=i: np.sum(f(np.int64(i) + 0 * len(x), x)))(x)
        np.testing.assert_allclose(found, slope)
        traced = tapec.grad(lambda i, x: np.sum(f(i, x)), 1)(i, x)
        np.testing.assert_allclose(traced, slope)


def test_containers_and_numbers_follow_arrays():
    def f(p, x):
        return tapec.cond(
            p,
            lambda x: {"a": x, "b": (x.sum(), 1)},
            lambda x: {"a": 0 * x, "b": (0, 2)},
            x,
        )

    x = np.ones(3, np.float32)
    for p in (np.True_, np.False_):
        found = tapec.jit(f)(p, x)
        assert found["a"].dtype == np.float32
        assert found["b"][0].dtype == np.float32
        assert found["b"][1] == (1 if p else 2)
        assert type(found["b"][1]) is int


def test_inside_a_scan():
    def f(xs):
        def step(c, x):
            c = tapec.cond(x > 0, lambda: c + np.sqrt(x), lambda: c * 0.5)
            return c, c

        c, cs = tapec.scan(step, 1.0, xs)
        return c + np.sum(cs)

    def by_hand(xs):
        c, total = 1.0, 0.0
        for i, positive in enumerate([True, False, True]):
            c = c + np.sqrt(xs[i]) if positive else c * 0.5
            total = total + c
        return c + total

    xs = np.array([4.0, -1.0, 9.0])
    assert f(xs) == tapec.jit(f)(xs) == by_hand(xs)
    np.testing.assert_allclose(tapec.grad(f)(xs), tapec.grad(by_hand)(xs))


def test_errors_name_result_and_types():
    def caught(f):
        with pytest.raises(tapec.TraceError) as error:
            tapec.jit(f)(np.ones(3))
        return str(error.value)

    text = caught(lambda x: tapec.cond(x[0] > 0, lambda: x, lambda: x[0]))
    assert "cond: result of the branches is f64[] and f64[3]" in text
    text = caught(
        lambda x: tapec.cond(x[0] > 0, lambda: {"k": x}, lambda: {"k": x.astype("f")})
    )
    assert "cond: result['k'] of the branches is f32[3] and f64[3]" in text
    text = caught(lambda x: tapec.cond(x[0] > 0, lambda: x, lambda: (x, x)))
    assert "the branches return" in text
    text = caught(lambda x: tapec.cond(x > 0, lambda: x, lambda: x))
    assert "pred has shape (3,)" in text
    text = caught(lambda x: tapec.switch(x[0], [lambda: x]))
    assert "the index is no integer but float64" in text


INDICES = [np.dtype(code) for code in "?bBhHiIlL"]


@pytest.mark.parametrize("size", [2, 200])
@pytest.mark.parametrize("dtype", INDICES, ids=str)
def test_native_code_reads_an_index_of_any_dtype(dtype, size):
    """As part of a kernel, and as a step of its own."""

    def f(k, x):
        return tapec.switch(k, [np.sin, lambda x: x @ x, lambda x: x * 2.0], x)

    x = np.arange(float(size * size)).reshape(size, size) / size**2
    fn = tapec.jit(f).traced(dtype.type(0), x)
    program = compile(pipeline.run(fn))
    info = None if dtype.kind == "b" else np.iinfo(dtype)
    numbers = [False, True] if info is None else [0, 1, 2, 7, info.min, info.max]
    if info is not None and info.min < 0:
        numbers.append(-1)
    for number in numbers:
        k = np.array(number, dtype)
        (found,) = program(k, x)
        np.testing.assert_allclose(found, evaluate(fn, k, x)[0], rtol=1e-12)
