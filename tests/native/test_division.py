"""Division by constants, and by one number many times: the quotient that NumPy rounds
to, without a division."""

import numpy as np
import pytest

import tapec
from tapec.native import platform
from tapec.native.division import halves

DIVISORS = (3.0, 7.0, 49.0, -10.0, 0.1, 2.0**0.5, np.pi, 1e-30, 1e30, -1.0 / 3.0)


def operands(dtype, divisor):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000) * 10.0 ** rng.integers(-20, 3, 3000)
    whole = np.arange(-500, 500) * np.float64(dtype(divisor))
    with np.errstate(all="ignore"):
        return np.concatenate([x, whole]).astype(dtype)


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_quotients_are_those_of_numpy(dtype, divisor):
    x = operands(dtype, divisor)
    got = tapec.jit(lambda x: x / divisor)(x)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, x / dtype(divisor))


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_values(dtype, divisor):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    got, wanted = tapec.jit(lambda x: x / divisor)(x), x / dtype(divisor)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got[:4]), np.signbit(wanted[:4]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_ends_of_the_range(dtype):
    """One unit in the last place at most, also if subnormal; overflow as in NumPy."""
    tiny, most = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    x = np.concatenate([tiny * np.arange(100, dtype=dtype), most / dtype([1, 2, 3, 7])])
    for divisor in DIVISORS:
        with np.errstate(all="ignore"):
            got, wanted = tapec.jit(lambda x, d=divisor: x / d)(x), x / dtype(divisor)
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(got[~finite], wanted[~finite])
        np.testing.assert_array_max_ulp(got[finite], wanted[finite], maxulp=1)


@pytest.mark.parametrize("divisor", [2.0, -0.25, 0.0, np.inf, np.nan, 5e-324, 1e300])
def test_who_is_divided_by(divisor):
    assert halves(divisor, np.dtype(float)) is None


@pytest.mark.parametrize("divisor", DIVISORS)
def test_halves_have_the_sign_of_the_divisor(divisor):
    high, low = halves(divisor, np.dtype(float))
    assert np.sign(high) == np.sign(low) == np.sign(divisor)
    assert abs(low) < 2 * np.spacing(abs(high))


@pytest.mark.skipif(not platform.has_fma(), reason="no fused multiply-add")
def test_no_division_is_left():
    x = np.ones(1000)
    assert "fdiv" not in tapec.inspect(tapec.jit(lambda x: x / 3.0), x).llvm()
    assert "fdiv" in tapec.inspect(tapec.jit(lambda x: x / 1e-300), x).llvm()


# --- by one number many times ----------------------------------------------------


def three(x, y):
    return x / y, (x + 1.0) / y, (x - 1.0) / y


def by_one(x, y):
    """Of an array by a number."""
    found = [tapec.jit(lambda x, y: x / y)(x, d) for d in y[:40]]
    return np.stack(found)


def pairs(dtype):
    """Operands of all sizes, and quotients that are floats."""
    rng = np.random.default_rng(0)
    least, most = (-250, 250) if dtype == np.float64 else (-30, 30)
    x, y = rng.normal(size=(2, 20_000)) * 10.0 ** rng.integers(least, most, (2, 20_000))
    k = np.arange(1.0, 200.0)
    x, y = [*x, *np.outer(k, k).ravel()], [*y, *np.repeat(k, len(k))]
    with np.errstate(over="ignore"):
        return np.array(x).astype(dtype), np.array(y).astype(dtype)


def special(dtype):
    info = np.finfo(dtype)
    tiny, most = info.smallest_subnormal, info.max
    x = [0.0, np.inf, np.nan, 1.0, 3.0, most, most / 3, tiny, 5 * tiny, info.tiny]
    x = np.array([*x, *[-v for v in x]], dtype)
    return [v.ravel() for v in np.meshgrid(np.tile(x, 20), x)]


def is_normal(x):
    """Far enough from subnormal numbers, and from infinity."""
    info = np.finfo(x.dtype)
    return (np.abs(x) > info.tiny / info.eps * 2) & np.isfinite(x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shared_divisors_give_the_quotients_of_numpy(dtype):
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        for got, wanted in zip(tapec.jit(three)(x, y), three(x, y), strict=True):
            assert got.dtype == dtype
            far = is_normal(wanted)
            np.testing.assert_array_equal(got[far], wanted[far])
            np.testing.assert_array_max_ulp(got, wanted, maxulp=1)
        got, wanted = by_one(x[:400], y), x[:400] / y[:40, None]
        far = is_normal(wanted)
        np.testing.assert_array_equal(got[far], wanted[far])
        np.testing.assert_array_max_ulp(got, wanted, maxulp=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shared_divisors_that_are_special(dtype):
    x, y = special(dtype)
    with np.errstate(all="ignore"):
        rows = [(tapec.jit(three)(x, y)[0], x / y)]
        n = len(x) // 20  # these have one divisor
        rows += [
            (tapec.jit(lambda x, y: x / y)(x[i : i + n], y[i]), (x / y)[i : i + n])
            for i in range(0, len(x), n)
        ]
        for got, wanted in rows:
            finite = np.isfinite(wanted)
            np.testing.assert_array_equal(got[~finite], wanted[~finite])
            np.testing.assert_array_max_ulp(got[finite], wanted[finite], maxulp=1)
            known = ~np.isnan(wanted)
            np.testing.assert_array_equal(
                np.signbit(got[known]), np.signbit(wanted[known])
            )


@pytest.mark.skipif(not platform.has_fma(), reason="no fused multiply-add")
def test_one_division_is_left():
    x = np.ones(1000)
    alone = tapec.inspect(tapec.jit(lambda x, y: x / y), x, x).llvm()
    text = tapec.inspect(tapec.jit(three), x, x).llvm()
    assert 0 < text.count("fdiv") < 3 * alone.count("fdiv")
    short = tapec.inspect(tapec.jit(lambda x, y: x / y), np.ones(5), 3.0).llvm()
    assert "fma" not in short
