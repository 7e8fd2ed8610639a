"""Loops along an axis whose length may vary: one program, right for every length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.native import engine
from tapec.native.program import compile as compile_native
from tapec.passes import pipeline
from tapec.text import format_module, parse
from tapec.verify import verify

RNG = np.random.default_rng(7)
LENGTHS = (5, 50, 0, 1, 2, 7, 300)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


def numbers(xs: Any, a: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        c = np.tanh(c * a + x)
        return c, c * x

    c, ys = tapec.scan(step, 0.5, xs)
    return c + np.sum(ys * ys)


def backwards(xs: Any, w: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        c = np.tanh(w @ c + x)
        return c, np.sum(c)

    c, ys = tapec.scan(step, np.zeros(3), xs, reverse=True)
    return np.sum(c * c) + np.sum(ys * np.cos(ys))


def vectors(xs: Any, w: Any) -> Any:
    """Too many elements for registers: the body is a program of its own."""

    def step(c: Any, x: Any) -> Any:
        c = np.tanh(w @ c + x)
        return c, c

    c, ys = tapec.scan(step, np.zeros(30), xs)
    return np.sum(c * c) + np.sum(ys * np.cos(ys))


def nested(xs: Any, zs: Any) -> Any:
    def inner(c: Any, z: Any) -> Any:
        return np.sin(c + z), c * z

    def step(c: Any, x: Any) -> Any:
        c, ys = tapec.scan(inner, c, zs * x)
        return c, np.sum(ys)

    c, ys = tapec.scan(step, 0.3, xs)
    return c + np.sum(ys)


def neighbours(xs: Any, a: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        left, right = x
        return c * a + left * right, c

    c, ys = tapec.scan(step, 0.0, (xs[:-1], xs[1:]))
    return c + np.sum(np.concatenate([np.ones(1), ys]) ** 2)


def counted(xs: Any, a: Any) -> Any:
    n = xs.shape[0]
    return tapec.fori_loop(0, n, lambda i, c: np.sin(c) + i * a + np.sum(xs), 0.1)


def alone(xs: Any, a: Any) -> Any:
    """Nothing but the number of steps has the length."""
    c, ys = tapec.scan(lambda c, _: (c * a, c), 1.0, None, length=xs.shape[0])
    return c + np.sum(ys) * np.sum(xs)


CASES: list[tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = [
    (numbers, lambda n: (draw(n), 0.9)),
    (backwards, lambda n: (draw(n, 3), draw(3, 3))),
    (vectors, lambda n: (draw(n, 30), draw(30, 30) / 5)),
    (nested, lambda n: (draw(min(n, 20)), draw(min(n, 9) + 2))),
    (neighbours, lambda n: (draw(n + 1), 0.9)),
    (counted, lambda n: (draw(n), 0.9)),
    (alone, lambda n: (draw(n), 0.9)),
]
IDS = [f.__name__ for f, _ in CASES]


@pytest.mark.parametrize(("f", "make"), CASES, ids=IDS)
def test_one_program_serves_all_lengths(
    f: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamic = tapec.value_and_grad(f, argnums=(0, 1), dynamic=True)
    static = tapec.value_and_grad(f, argnums=(0, 1))
    rows = [(args, static(*args)) for args in map(make, LENGTHS)]
    dynamic(*rows[0][0])
    versions = len(dynamic.signatures)
    with monkeypatch.context() as patch:
        if f is not counted:  # whether there is a step decides what it does
            patch.setattr(engine, "compile_module", pytest.fail)
        for args, (value, grads) in rows:
            got, found = dynamic(*args)
            assert got == pytest.approx(value, rel=1e-10)
            for g, wanted in zip(found, grads, strict=True):
                assert np.shape(g) == np.shape(wanted)
                np.testing.assert_allclose(g, wanted, 1e-9, 1e-12)
    assert len(dynamic.signatures) == versions + (f is counted)


@pytest.mark.parametrize(("f", "make"), CASES, ids=IDS)
def test_native_interpreted_and_text_agree(f: Any, make: Any) -> None:
    traced = tapec.value_and_grad(f, argnums=(0, 1), dynamic=True).traced(*make(5))
    optimized = pipeline.run(traced)
    for fn in (traced, optimized):
        verify(fn)
        assert format_module(parse(format_module(fn))) == format_module(fn)
        assert "length=" in format_module(fn)
    native = compile_native(parse(format_module(optimized)))
    for n in (7, 1, 40):
        arrays = [np.asarray(a) for a in make(n)]
        rows = [evaluate(fn, *arrays) for fn in (traced, optimized)]
        for row in (*rows, native(*arrays)):
            for got, wanted in zip(row, rows[0], strict=True):
                assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
                np.testing.assert_allclose(got, wanted, 1e-9, 1e-12)


def test_no_steps_at_run_time() -> None:
    """A text says nothing about the least size."""
    for body in (numbers, vectors):
        make = dict(zip(IDS, CASES, strict=True))[body.__name__][1]
        fn = tapec.jit(body, dynamic=True).traced(*make(4))
        arrays = [np.asarray(a) for a in make(0)]
        native = compile_native(pipeline.run(fn))
        np.testing.assert_allclose(native(*arrays), evaluate(fn, *arrays))


def test_other_transforms_compose() -> None:
    def f(xs: Any) -> Any:
        return tapec.scan(lambda c, x: (np.sin(c) + x, c * x), 0.2, xs)

    rows = tapec.jit(tapec.vmap(f), dynamic=True)
    tangent = tapec.jit(lambda x: tapec.jvp(f, (x,), (x,))[1], dynamic=True)
    curved = tapec.jit(tapec.hessian(lambda x: f(x)[0]), dynamic=True)
    for n in (3, 7, 1):
        x = draw(n, 2)
        for got, wanted in zip(rows(x), tapec.vmap(f)(x), strict=True):
            np.testing.assert_allclose(got, wanted, 1e-12)
        y = x[:, 0].copy()
        for got, wanted in zip(tangent(y), tapec.jvp(f, (y,), (y,))[1], strict=True):
            np.testing.assert_allclose(got, wanted, 1e-12)
        np.testing.assert_allclose(
            curved(y), tapec.hessian(lambda x: f(x)[0])(y), 1e-9, 1e-12
        )
    assert len(tangent.signatures) == 1


def test_lengths_that_must_be_equal_are_one() -> None:
    def f(xs: Any, ys: Any) -> Any:
        return tapec.scan(lambda c, x: (c + x[0] * x[1], None), 0.0, (xs, ys))[0]

    g = tapec.jit(f, dynamic=True)
    assert g(np.ones(4), np.ones(4)) == 4
    assert g(np.ones(6), np.ones(6)) == 6
    assert g.signatures == ["(%xs: f64[n], %ys: f64[n])"]
    with pytest.raises(tapec.ShapeError, match="lengths differ"):
        g(np.ones(4), np.ones(5))


def test_a_spec_names_the_length() -> None:
    g = tapec.jit(
        lambda xs: tapec.scan(lambda c, x: (c + x, c), np.zeros(2), xs)[1],
        specs=(tapec.spec(("steps", 2), np.float64),),
    )
    for n in (4, 1, 9):
        x = draw(n, 2)
        np.testing.assert_allclose(g(x), np.cumsum(x, 0) - x, 1e-12, 1e-12)
    assert g.signatures == ["(%xs: f64[steps,2])"]
    with pytest.raises(tapec.ShapeError, match="steps"):
        g(draw(4, 3))


def test_no_step_is_in_python() -> None:
    """Fetched elements, and loops inside whose outputs the steps around read."""

    def fetched(x: Any, i: Any) -> Any:
        return np.sum(np.sin(np.take_along_axis(x, i, 0)))

    x, order = draw(6), np.array([3, -1, 0, 2, 2, 5])
    f = tapec.grad(fetched, dynamic=True)
    for fn, args in (
        (f.traced(x, order), (x, order)),
        (tapec.grad(nested, dynamic=True).traced(x, x), (x, x)),
    ):
        program = compile_native(pipeline.run(fn)).program(args)
        assert "host" not in {step.kind for step in program.steps}
    np.testing.assert_allclose(f(x, order), tapec.grad(fetched)(x, order))
