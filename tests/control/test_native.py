"""Native loops: every dtype and size, in registers and as tables of steps."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.ops.pack import pack
from tapec.passes.pipeline import run
from tapec.text import parse


def both(f, *args):
    """The native program against the meaning of what was recorded."""
    args = [np.asarray(a) for a in args]
    fn = tapec.jit(f).traced(*args)
    program = compile(run(fn))
    found, wanted = program(*args), evaluate(fn, *args)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-6 if a.dtype.char in "fF" else 1e-13)
    return [step.kind for step in program.steps]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 2), (50,)])
@pytest.mark.parametrize("dtype", ["?", "b", "l", "B", "e", "f", "d", "F", "D"])
def test_carries_of_every_dtype(dtype, shape):
    rng = np.random.default_rng(0)
    x = (rng.uniform(-2, 2, shape) + (1j if dtype in "FD" else 0)).astype(dtype)
    xs = np.stack([x, x, x, x])

    def f(x, xs):
        def step(c, x):
            a, b = c
            if dtype == "?":
                a, b = a ^ x, b | ~x
            else:
                a, b = a * x, b + a
            return (a, b), (b, a == x)

        return tapec.scan(step, (x, x), xs, reverse=True)

    kinds = both(f, x, xs)
    if dtype != "e":
        assert "host" not in kinds


def test_counter_gather_and_scatter():
    table = np.arange(20.0).reshape(5, 4)

    def f(table, x):
        def step(i, c):
            row = table[i % 5]
            return c + row[(i * 3) % 4] * np.arange(4.0) + row

        return tapec.fori_loop(0, 11, step, x)

    assert "host" not in both(f, table, np.zeros(4))
    big = np.arange(400.0).reshape(5, 80)

    def g(t):
        return tapec.fori_loop(0, 9, lambda i, c: c * 0.5 + t[i % 5], t[0])

    assert "host" not in both(g, big)


@pytest.mark.parametrize("n", [3, 40])
def test_branches_and_conditions_around_loops(n):
    def f(x):
        def step(c, _):
            inner = tapec.while_loop(
                lambda v: np.sum(v * v) < 30.0, lambda v: v * 1.7 + 0.1, c
            )
            c = tapec.switch(
                (np.sum(inner) > 20).astype(int) + 1,
                [lambda v: v, lambda v: v * 0.1, lambda v: np.sin(v)],
                inner,
            )
            return c, np.sum(inner)

        return tapec.scan(step, x, length=6)

    x = np.linspace(0.1, 0.4, n)
    assert "host" not in both(f, x)
    g = tapec.grad(lambda x: np.sum(f(x)[1]))
    assert "host" not in both(g.body, x)


def test_steps_in_python_inside_a_loop():
    a = np.eye(3) * 2 + 0.1

    def f(a, x):
        def step(c, _):
            return np.linalg.solve(a, c) + 1, np.linalg.det(a) * c

        return tapec.scan(step, x, length=4)

    assert "host" in both(f, a, np.ones(3))


def test_a_checked_condition_inside_raises_where_it_stands():
    @tapec.jit
    def f(x):
        return tapec.scan(lambda c, _: (float(c), None), x, length=2)[0]

    with pytest.raises(tapec.TraceError):
        f(1.0)


def test_calls_from_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    w = np.random.default_rng(0).normal(size=(30, 30)) * 0.1

    @tapec.jit
    def f(x):
        return tapec.scan(lambda c, _: (np.tanh(c @ w) + x, None), x, length=300)[0]

    inputs = [np.full(30, 0.1 * k) for k in range(8)]
    wanted = [f(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for a, b in zip(pool.map(f, inputs), wanted, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("outer", [(), (2,)])
@pytest.mark.parametrize("loop", [True, False], ids=["while", "scan"])
def test_numbers_packed_in_a_body(loop, outer):
    """What `scalarize` makes of the elements of a small array."""

    def packed(c):
        k, x = c
        both = pack(x, x * 0.5 + k, shape=(2,))
        return k + 1.0, both[..., 0] * 0.75 + both[..., 1]

    def f(k, x):
        if loop:
            return tapec.while_loop(lambda c: c[0] < 4.0, packed, (k, x))
        return tapec.fori_loop(0, 4, lambda i, c: packed(c), (k, x))

    assert "host" not in both(f, 0.0, np.ones(outer))


def test_a_body_of_packed_numbers_with_one_that_is_read():
    text = """
        func @cond(%0: i64[], %1: f64[1]) {
          %2: i64[] = const value=3
          %3: bool[] = less %0, %2
          return %3
        }

        func @body(%0: i64[], %1: f64[1]) {
          %2: f64[] = cast %0 dtype=f64
          %3: f64[] = const value=-0.5
          %4: f64[2] = pack %2, %3 shape=(2,)
          %5: f64[1] = slice %4 start=(0,) stop=(1,) step=(1,)
          %6: i64[] = const value=1
          %7: i64[] = add %0, %6
          return %7, %5
        }

        func @f(%0: f64[1]) {
          %1: i64[] = const value=0
          %2: (i64[], f64[1]) = while_loop %1, %0 cond=@cond body=@body carries=2
          %3: f64[1] = item %2 index=1
          return %3
        }"""
    fn, x = parse(text), np.ones(1)
    (found,) = compile(run(fn))(x)
    assert found == evaluate(fn, x)[0] == [2.0]
