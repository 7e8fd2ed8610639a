"""Loops with an order: scattered elements, running states, and what is fused in."""

import itertools

import numpy as np
import pytest
from test_primitives import assert_same, function_of

from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.primitive import PRIMITIVES as P
from tapec.text import parse

DTYPES = ["f8", "f4", "f2", "c8", "c16", "i8", "i4", "u1", "?"]
FEW = ["f8", "c8", "?"]
FLOATS = ["f8", "f4", "c16"]


def drawn(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, shape) + 1j * rng.uniform(-2, 2, shape) * (dtype[0] == "c")
    if dtype == "?":
        return rng.integers(0, 2, shape) > 0
    if dtype[0] in "iu":
        return rng.integers(0, 9, shape).astype(dtype)
    return np.asarray(x if dtype[0] == "c" else x.real).astype(dtype)


def check(fn, *arrays, native=True):
    program = compile(fuse(fn))
    if native:
        assert {step.kind for step in program.steps} <= {"kernel"}
    for found, wanted in zip(program(*arrays), evaluate(fn, *arrays), strict=True):
        assert_same(found, wanted)
    return program


def check_op(name, *arrays, **attrs):
    return check(function_of(P[name], arrays, attrs), *arrays)


# --- scattered ------------------------------------------------------------------

PLACES = [
    # shape, axis, shapes of the index arrays
    ((7,), 0, [(20,)]),
    ((7,), 0, [()]),
    ((7,), 0, [(4, 5)]),
    ((4, 6), 0, [(9,)]),
    ((4, 6), 1, [(9,)]),
    ((4, 1), 1, [(3,)]),
    ((4, 6), 0, [(5,), (5,)]),
    ((4, 6), 0, [(5, 1), (3,)]),
    ((2, 3, 4), 1, [(6,)]),
    ((2, 3, 4), 1, [(2, 1), (3,)]),
    ((3, 40), 0, [(50,)]),
    ((5,), 0, [(0,)]),
    ((0, 4), 1, [(3,)]),
    ((4, 0), 0, [(3,)]),
]


def indices_of(shape, axis, shapes, dtype="i8"):
    rng = np.random.default_rng(1)
    ends = shape[axis : axis + len(shapes)]
    low = 0 if dtype[0] == "u" else -1
    return [
        np.asarray(rng.integers(low * n, n, s)).astype(dtype)
        for n, s in zip(ends, shapes, strict=True)
    ]


def updates_of(shape, axis, arrays, dtype):
    middle = np.broadcast_shapes(*[a.shape for a in arrays])
    rest = shape[axis + len(arrays) :]
    return drawn((*shape[:axis], *middle, *rest), dtype)


@pytest.mark.parametrize(("shape", "axis", "shapes"), PLACES)
def test_elements_are_added_where_they_go(shape, axis, shapes):
    arrays = indices_of(shape, axis, shapes)
    for dtype in DTYPES:
        v = updates_of(shape, axis, arrays, dtype)
        check_op("scatter_add", v, *arrays, shape=shape, axis=axis)


@pytest.mark.parametrize(("shape", "axis", "shapes"), PLACES)
def test_the_last_element_put_stays(shape, axis, shapes):
    arrays = indices_of(shape, axis, shapes)
    for dtype in DTYPES:
        v = updates_of(shape, axis, arrays, dtype)
        x = drawn(shape, dtype, seed=2)
        check_op("put", x, v, *arrays, axis=axis, unique=False)


@pytest.mark.parametrize("dtype", ["i1", "i4", "u1", "u8"])
def test_indices_of_any_integer_dtype(dtype):
    (i,) = indices_of((7, 3), 0, [(20,)], dtype)
    check_op("scatter_add", drawn((20, 3), "f8"), i, shape=(7, 3), axis=0)


def test_cheap_updates_are_computed_in_the_loop():
    fn = parse("""
        func @f(%x: f64[50], %y: f64[50], %i: i64[50], %j: i64[50]) {
          %4: f64[50] = multiply %x, %y
          %5: i64[50] = add %i, %j
          %6: f64[9] = scatter_add %4, %5 shape=(9,) axis=0
          return %6
        }""")
    rng = np.random.default_rng(0)
    i = rng.integers(0, 5, (2, 50))
    program = check(fn, *rng.normal(size=(2, 50)), *i)
    assert len(program.steps) == 1


def test_costly_updates_are_computed_before_the_loop():
    fn = parse("""
        func @f(%x: f64[50], %i: i64[50]) {
          %2: f64[50] = exp %x
          %3: f64[9] = scatter_add %2, %i shape=(9,) axis=0
          %4: f64[50] = multiply %2, %x
          %5: f64[9] = scatter_add %4, %i shape=(9,) axis=0
          %6: f64[9] = multiply %3, %5
          %7: f64[50] = gather %6, %i axis=0
          %8: f64[50] = add %7, %2
          return %8
        }""")
    rng = np.random.default_rng(0)
    check(fn, rng.normal(size=50), rng.integers(-9, 9, 50))


def test_one_number_everywhere_is_no_array():
    fn = parse("""
        func @f(%v: i64[4], %i: i64[4]) {
          %2: i64[] = const value=-1
          %3: i64[6] = broadcast_to %2 shape=(6,)
          %4: i64[6] = put %3, %v, %i axis=0 unique=True
          return %4
        }""")
    program = check(fn, np.arange(4), np.array([5, 0, -3, 1]))
    assert len(program.steps) == 1


def test_a_place_is_inside_even_if_a_check_comes_late():
    """What is put beyond the ends goes to the edge; a check says that it is wrong."""
    i = np.array([100, -100, 0])
    fn = function_of(P["scatter_add"], (np.ones(3), i), {"shape": (4,), "axis": 0})
    (found,) = compile(fuse(fn))(np.ones(3), i)
    assert found.tolist() == [2, 0, 0, 1]


# --- running --------------------------------------------------------------------

SHAPES = [(5,), (1,), (0,), (3, 4), (4, 1), (1, 4), (2, 3, 20), (0, 3), (3, 0), (700,)]
WAYS = list(itertools.product([False, True], repeat=2))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("reverse", "exclusive"), WAYS)
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running_sums_and_products(name, shape, reverse, exclusive):
    attrs = {"reverse": reverse, "exclusive": exclusive}
    for axis in range(len(shape)):
        for dtype in DTYPES if len(shape) == 2 else FEW:
            with np.errstate(all="ignore"):
                check_op(name, drawn(shape, dtype), axis=axis, **attrs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("reverse", "exclusive"), WAYS)
def test_recurrences(shape, reverse, exclusive):
    attrs = {"reverse": reverse, "exclusive": exclusive}
    for axis in range(len(shape)):
        for dtype in FLOATS:
            a, b = 0.5 * drawn(shape, dtype), drawn(shape, dtype, seed=1)
            check_op("recurrence", a.astype(dtype), b, axis=axis, **attrs)


@pytest.mark.parametrize("axis", [0, 1])
def test_operands_of_a_running_sum_are_fused(axis):
    fn = parse(f"""
        func @f(%x: f64[6,40], %w: f64[40]) {{
          %2: f64[6,40] = multiply %x, %w
          %3: f64[6,40] = cumsum %2 axis={axis} reverse=True exclusive=True
          %4: f64[6,40] = exp %3
          %5: f64[40] = sum %4 axis=(0,)
          return %3, %5
        }}""")
    program = check(fn, 0.1 * drawn((6, 40), "f8"), drawn((40,), "f8"))
    assert len(program.steps) == 2


def test_infinite_elements_do_not_reach_back():
    x = np.array([[1.0, np.nan, 2.0], [np.inf, 1.0, -np.inf]])
    for axis, (reverse, exclusive) in itertools.product([0, 1], WAYS):
        attrs = {"axis": axis, "reverse": reverse, "exclusive": exclusive}
        check_op("cumsum", x, **attrs)
        check_op("recurrence", x, x, **attrs)
