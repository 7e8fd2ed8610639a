"""Ops that become others before they are native: positions, products of integers."""

import numpy as np
import pytest
from test_primitives import function_of
from test_serial import DTYPES, drawn

from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes.pipeline import run
from tapec.primitive import PRIMITIVES as P


def check(name, *arrays, native=True, **attrs):
    fn = function_of(P[name], arrays, attrs)
    program = compile(run(fn))
    kinds = {step.kind for step in program.steps}
    assert not native or "host" not in kinds
    (found,), (wanted,) = program(*arrays), evaluate(fn, *arrays)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_positions(name, dtype):
    for shape in [(9,), (1,), (4, 7), (0, 3), (3, 1), (2, 3, 5), (1000,)]:
        x = np.round(drawn(shape, dtype))  # ties
        for axis in range(len(shape)):
            if shape[axis]:
                check(name, x, axis=(axis,), native=dtype[0] != "c")


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_first_nan_is_the_extremum(name):
    x = np.array([[1.0, np.inf, 2.0], [3.0, np.nan, np.nan], [np.nan, np.inf, -np.inf]])
    for axis in (0, 1):
        check(name, x, axis=(axis,))
        check(name, np.where(np.isnan(x), 0.0, x), axis=(axis,))


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", "i1", "?", "f2"])
def test_products_without_blas(dtype):
    for a, b in [
        ((3, 4), (4, 5)), ((1, 4), (4, 1)), ((3, 1), (1, 2)), ((3, 0), (0, 5)),
        ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (6, 4, 1)), ((0, 4), (4, 2)),
    ]:  # fmt: skip
        x, y = drawn(a, dtype), drawn(b, dtype, seed=1)
        if dtype == "f2":
            x, y = np.round(x), np.round(y)
        check("matmul", x, y, native=0 not in a or dtype != "f2")


EDGES = [0.0, -0.0, 1.0, -1.0, 0.3, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e308]


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("name", ["fmod", "nextafter"])
def test_remainders_and_neighbours_are_exact(name, dtype):
    with np.errstate(all="ignore"):
        ends = [np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
        x = np.array([*EDGES, *ends, 7.25, -7.25], dtype)
        fn = function_of(P[name], (x[:, None], x), {})
        program = compile(run(fn))
        assert {step.kind for step in program.steps} == {"kernel"}
        (found,), (wanted,) = program(x[:, None], x), evaluate(fn, x[:, None], x)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("dtype", ["i1", "i4", "u1", "i8"])
def test_remainders_of_integers(dtype):
    info = np.iinfo(dtype)
    x = np.array([info.min, info.max, 0, 1, 7, 100], dtype)
    x = np.append(x, np.array([-1, -7], "i1").astype(dtype))
    with np.errstate(all="ignore"):
        check("fmod", x[:, None], x)
