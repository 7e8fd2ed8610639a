"""Kernels whose time hardly counts are compiled with little effort."""

import numpy as np

import tapec
from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes import pipeline


def compiled(fun, *arrays):
    fn = pipeline.run(tapec.jit(fun).traced(*arrays))
    return compile(fn), fn


def both(x, y):
    """A kernel of a large array, and one of a small one: neither reads the other."""
    return np.tanh(x) * 2.0, np.exp(y) + 3.0


def small(y):
    return np.exp(y) + 3.0


def test_a_small_kernel_beside_a_large_one_is_light():
    x, y = np.linspace(-1.0, 1.0, 300_000), np.arange(5.0)
    program, fn = compiled(both, x, y)
    light = {code.light: code.body for code in program.codes}
    assert set(light) == {False, True}
    assert light[True].results[0].shape == (5,)
    for found, expected in zip(program(x, y), evaluate(fn, x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_light_code_depends_on_the_program_alone():
    x, y = np.linspace(-1.0, 1.0, 300_001), np.arange(6.0)
    beside, _ = compiled(both, x, y)
    alone, _ = compiled(small, y)
    (code,) = alone.codes
    assert not code.light
    (light,) = (c for c in beside.codes if c.light)
    assert light.body == code.body
    again, _ = compiled(both, np.linspace(-1.0, 1.0, 300_002), y)
    assert code not in list(again.codes), "nor on what is compiled well already"
    assert light in list(again.codes)


def test_special_numbers_go_through_light_code():
    x = np.ones(300_003)
    y = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 800.0, -800.0])
    program, fn = compiled(both, x, y)
    with np.errstate(over="ignore"):
        expected = evaluate(fn, x, y)
    np.testing.assert_array_equal(program(x, y)[1], expected[1])


def test_its_texts_are_of_the_code_that_runs():
    x, y = np.ones(300_004), np.arange(8.0)
    program, _ = compiled(both, x, y)
    (light,) = (c for c in program.codes if c.light)
    assert "vector.body" not in light.llvm
    assert light.assembly
