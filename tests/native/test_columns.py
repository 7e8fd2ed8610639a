"""Short last axes: emitted element by element, the lanes are rows."""

import itertools

import numpy as np
import pytest
from test_primitives import assert_same
from test_serial import DTYPES, drawn

from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.text import parse

WIDTHS = [1, 2, 3, 6, 7, 8, 9]
LENGTHS = [1, 15, 16, 17, 700]


def check(text, *arrays):
    fn = parse(text)
    program = compile(fuse(fn))
    for found, wanted in zip(program(*arrays), evaluate(fn, *arrays), strict=True):
        assert_same(found, wanted, ulps=32)
    return program


SIZES = list(itertools.product(LENGTHS, WIDTHS))


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_maps_and_sums_over_each_axis(n, m):
    text = f"""
        func @f(%x: f64[{n},{m}], %r: f64[{m}], %c: f64[{n},1]) {{
          %3: f64[{n},{m}] = multiply %x, %r
          %4: f64[{n},{m}] = add %3, %c
          %5: f64[{m}] = sum %4 axis=(0,)
          %6: f64[{n}] = sum %4 axis=(1,)
          %7: f64[] = sum %4 axis=(0, 1)
          %8: f64[{m}] = max %4 axis=(0,)
          %9: f64[{n}] = min %4 axis=(1,)
          return %4, %5, %6, %7, %8, %9
        }}"""
    arrays = [np.abs(drawn(s, "f8")) for s in ((n, m), (m,), (n, 1))]
    check(text, *arrays)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    name = {"?": "bool", "c8": "c64", "c16": "c128"}.get(dtype)
    name = name or f"{dtype[0]}{8 * int(dtype[1:])}"
    x = drawn((40, 3), dtype)
    check(
        f"""
        func @f(%x: {name}[40,3]) {{
          %1: {name}[3] = sum %x axis=(0,)
          %2: {name}[40] = sum %x axis=(1,)
          %3: {name}[40,3] = cumsum %x axis=0 reverse=True exclusive=False
          %4: {name}[40,3] = cumprod %x axis=1 reverse=False exclusive=True
          return %1, %2, %3, %4
        }}""",
        np.abs(x) if dtype in ("f4", "f2") else x,
    )


def test_more_axes():
    check(
        """
        func @f(%x: f64[5,20,3], %y: f64[20,1], %i: i64[20]) {
          %3: f64[5,20,3] = multiply %x, %y
          %4: f64[3] = sum %3 axis=(0, 1)
          %5: f64[20] = sum %3 axis=(0, 2)
          %6: f64[20,3] = sum %3 axis=(0,)
          %7: f64[5,3] = sum %3 axis=(1,)
          %8: f64[5] = sum %3 axis=(1, 2)
          %9: f64[5,3,20] = transpose %3 perm=(0, 2, 1)
          %10: f64[5,3] = sum %9 axis=(2,)
          %11: f64[5,20,3] = gather %3, %i axis=1
          %12: f64[5,3] = sum %11 axis=(1,)
          return %4, %5, %6, %7, %8, %10, %12
        }""",
        np.abs(drawn((5, 20, 3), "f8")),
        np.abs(drawn((20, 1), "f8")),
        np.arange(-10, 10),
    )


def test_sums_over_rows_are_vectorized():
    program = check(
        """
        func @f(%x: f64[4000,3]) {
          %1: f64[3] = sum %x axis=(0,)
          return %1
        }""",
        np.abs(drawn((4000, 3), "f8")),
    )
    (kernel,) = program.kernels
    body = kernel.llvm.partition("define i32 @kernel(")[0]
    assert "x double>" in body
