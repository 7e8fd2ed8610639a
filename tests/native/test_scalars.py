"""Elements at the edges of their dtypes: emitted code does what NumPy does."""

import itertools

import numpy as np
import pytest

import tapec.ops  # noqa: F401  (fills PRIMITIVES)
from tapec.interpret import evaluate
from tapec.ir import ArrayType, Emitter, Function, Value
from tapec.native import lowering
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.primitive import PRIMITIVES

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f2", "f4", "f8"]
ARITHMETIC = ["add", "subtract", "multiply", "floor_divide", "remainder"]
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"]
ORDER = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]
EXTREMA = ["maximum", "minimum"]


def edges(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        small = [-9, -8, -1, 0, 1, 2, 7, 8, 64] if dtype.kind == "i" else [0, 1, 7, 64]
        return np.array([info.min, *small, info.max], dtype)
    info = np.finfo(dtype)
    numbers = [0.0, 1.0, 1.5, 2.5, info.max, info.tiny, np.inf]
    return np.array([*numbers, *[-x for x in numbers], np.nan], dtype)


def run_both(name, *arrays, **attrs):
    params = [
        Value(None, (), (), ArrayType(a.dtype, a.shape), i)
        for i, a in enumerate(arrays)
    ]
    emit = Emitter(len(params))
    op = emit.new(PRIMITIVES[name], *params, **attrs)
    fn = Function("f", params, emit.ops, [op])
    assert lowering.cost(op) is not None, f"{op!r} has no native form"
    return compile(fuse(fn))(*arrays)[0], evaluate(fn, *arrays)[0]


def assert_equal(found, wanted):
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    if wanted.dtype.kind == "f":
        plain = ~np.isnan(wanted)
        np.testing.assert_array_equal(
            np.signbit(found)[plain], np.signbit(wanted)[plain]
        )


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", [*ARITHMETIC, *BITS, *ORDER, *EXTREMA])
def test_integers(name, dtype):
    x = edges(dtype)
    assert_equal(*run_both(name, x[:, None], x))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*ARITHMETIC[:3], "divide", *ORDER, *EXTREMA])
def test_floats(name, dtype):
    x = edges(dtype)
    found, wanted = run_both(name, x[:, None], x)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_floored_division(name, dtype):
    x = edges(dtype)
    found, wanted = run_both(name, x[:, None], x)
    np.testing.assert_allclose(found, wanted, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["add", "multiply", *BITS[:3], *ORDER])
def test_booleans(name):
    x = edges("?")
    assert_equal(*run_both(name, x[:, None], x))


@pytest.mark.parametrize("name", ["equal", "not_equal"])
def test_complex_order(name):
    parts = np.array([0.0, 1.0, -1.0, np.nan, np.inf])
    x = (parts[:, None] + 0j).ravel()
    x = np.concatenate([x, 1j * parts[:3] + 1])
    assert_equal(*run_both(name, x[:, None], x))


@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_complex_arithmetic(name, dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=40) + 1j * rng.normal(size=40) for _ in range(2))
    scales = 10.0 ** rng.integers(-6, 6, x.shape)
    x, y = (x * scales).astype(dtype), y.astype(dtype)
    found, wanted = run_both(name, x[:, None], y)
    error = np.abs(found - wanted)
    assert np.all(error <= 8 * np.finfo(dtype).eps * np.abs(wanted))


PAIRS = list(itertools.permutations(["?", *INTEGERS, *FLOATS], 2))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_casts(source, target):
    x = edges(source)
    if x.dtype.kind == "f" and np.dtype(target).kind in "iu":
        low = 0 if target[0] == "u" else -120
        x = np.array([low, -0.5, 0.5, 1.5, 99.9, 120], source)
    assert_equal(*run_both("cast", x, dtype=np.dtype(target)))


def test_doubles_are_rounded_to_half_precision_once():
    rng = np.random.default_rng(0)
    x = np.concatenate([
        rng.normal(size=2000), 2.0 ** rng.uniform(-26, 17, 2000),
        1 + 2.0**-11 + np.array([0, 1, -1]) * 2.0**-40, [65519.99, 65520.0, 1e300],
    ])  # fmt: skip
    assert_equal(*run_both("cast", x, dtype=np.dtype("f2")))
