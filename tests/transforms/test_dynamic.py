"""`dynamic=True`: one program for all sizes, right and native."""

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

RNG = np.random.default_rng(5)
ATOL = 1e-10  # sin(x.T @ x) of sums of hundreds loses five digits of sixteen
SIZES = (5, 3, 0, 1, 4, 1000, 513, 64)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


# --- one program for all sizes ------------------------------------------------------


def elementwise(x: Any) -> Any:
    return np.sum(np.sin(x) * x + 2.0)


def standardised(x: Any) -> Any:
    return np.sum((x - x.mean(0)) ** 2 / (x.std(0) + 1e-3)) + np.var(x)


def logistic(w: Any, x: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0.0, -y * (x @ w)))


def network(w1: Any, b1: Any, w2: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w1 + b1) @ w2 - y) ** 2)


def log_softmax(z: Any) -> Any:
    z = z - np.max(z, axis=1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))


def softmax_loss(w: Any, x: Any, t: Any) -> Any:
    return -np.sum(t * log_softmax(x @ w)) / x.shape[0]


def label_loss(w: Any, x: Any, labels: Any) -> Any:
    return -np.mean(np.take_along_axis(log_softmax(x @ w), labels[:, None], 1))


def gram(x: Any) -> Any:
    return np.sum(np.sin(x.T @ x))


def with_ends(x: Any) -> Any:
    return np.sum(np.concatenate([np.zeros(1), x, np.ones(2)])[1:] ** 2)


def turned(x: Any) -> Any:
    return np.sum(np.sin(x[::-1]) * x)


def grouped(x: Any) -> Any:
    pairs = np.reshape(x, (x.shape[0], 2, 2))
    return np.sum(np.sin(np.ravel(pairs)) * np.stack([x, x], 1)[:, 0].ravel())


def sorted_and_summed(x: Any) -> Any:
    return np.sum(np.sort(x) * np.cumsum(x))


ONE_PROGRAM: list[tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = [
    (elementwise, lambda n: (draw(n),)),
    (elementwise, lambda n: (draw(n, 4),)),
    (standardised, lambda n: (draw(n, 4),)),
    (logistic, lambda n: (draw(4), draw(n, 4), np.sign(draw(n)))),
    (
        network,
        lambda n: (draw(4, 8), draw(8), draw(8, 1), draw(n, 4), draw(n, 1)),
    ),
    (softmax_loss, lambda n: (draw(4, 3), draw(n, 4), draw(n, 3))),
    (label_loss, lambda n: (draw(4, 3), draw(n, 4), RNG.integers(0, 3, n))),
    (gram, lambda n: (draw(n, 4),)),
    (with_ends, lambda n: (draw(n),)),
    (turned, lambda n: (draw(n),)),
    (grouped, lambda n: (draw(n, 4),)),
    (sorted_and_summed, lambda n: (draw(n),)),
    (np.dot, lambda n: (draw(n), draw(n))),
]
IDS = [f"{f.__name__}{i}" for i, (f, _) in enumerate(ONE_PROGRAM)]


@pytest.mark.parametrize(("f", "make"), ONE_PROGRAM, ids=IDS)
def test_one_program_serves_all_sizes(f: Any, make: Any) -> None:
    dynamic, static = tapec.value_and_grad(f, dynamic=True), tapec.value_and_grad(f)
    for n in SIZES:
        args = make(n)
        for got, wanted in zip(dynamic(*args), static(*args), strict=True):
            assert np.shape(got) == np.shape(wanted)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
            np.testing.assert_allclose(got, wanted, 1e-10, ATOL)
    assert len(dynamic.signatures) == 1


@pytest.mark.parametrize(("f", "make"), ONE_PROGRAM, ids=IDS)
def test_native_interpreted_and_text_agree(f: Any, make: Any) -> None:
    traced = tapec.value_and_grad(f, dynamic=True).traced(*make(5))
    verify(traced)
    optimized = pipeline.run(traced)
    verify(optimized)
    for fn in (traced, optimized):
        assert format_module(parse(format_module(fn))) == format_module(fn)
    native = compile_native(optimized)
    for n in (7, 1, 0, 600):
        arrays = [np.asarray(a) for a in make(n)]
        rows = [evaluate(fn, *arrays) for fn in (traced, optimized)]
        for row in (*rows, native(*arrays)):
            for got, wanted in zip(row, rows[0], strict=True):
                assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
                np.testing.assert_allclose(got, wanted, 1e-10, ATOL)


def test_nothing_is_compiled_for_another_size(monkeypatch: Any) -> None:
    f = tapec.grad(network, argnums=(0, 1, 2), dynamic=True)
    make = ONE_PROGRAM[4][1]
    f(*make(6))
    monkeypatch.setattr(engine, "compile_module", pytest.fail)
    for n in (0, 1, 2, 100):
        f(*make(n))
    assert f.signatures == [
        "(%w1: f64[4,8], %b1: f64[8], %w2: f64[8,1], %x: f64[p,4], %y: f64[p,1])"
    ]


def test_the_same_size_again_and_again() -> None:
    f = tapec.jit(elementwise, dynamic=True)
    x, y = draw(8), draw(9)
    for _ in range(30):
        assert f(x) == pytest.approx(elementwise(x))
        assert f(y) == pytest.approx(elementwise(y))
    for n in range(100):
        z = draw(n)
        assert f(z) == pytest.approx(elementwise(z))


def test_layouts_and_dtypes() -> None:
    f = tapec.jit(lambda x: x[:, 0] * 2, dynamic=True)
    x = draw(6, 4)
    for given in (x[::-1], np.asfortranarray(x), x[::2], x.astype(">f8")):
        np.testing.assert_array_equal(f(given), np.asarray(given)[:, 0] * 2)
    assert f(x.astype(np.float32)).dtype == np.float32
    assert len(f.signatures) == 3


def test_first_call_with_no_rows_or_one() -> None:
    for first in (0, 1):
        f = tapec.grad(logistic, dynamic=True)
        for n in (first, 7, 1, 0):
            args = draw(4), draw(n, 4), np.sign(draw(n))
            np.testing.assert_allclose(f(*args), tapec.grad(logistic)(*args), 1e-12)
        assert len(f.signatures) == 1


def test_differences_of_neighbours() -> None:
    """`x[1:]` is another program where there is nothing to leave out."""
    f, g = (
        tapec.grad(lambda x: np.sum((x[1:] - x[:-1]) ** 2), dynamic=d) for d in (1, 0)
    )
    for n in (5, 2, 1, 1000, 3):
        x = draw(n)
        np.testing.assert_allclose(f(x), g(x), 1e-12)
    assert f.signatures == ["(%x: f64[n])"]
    assert f(draw(0)).shape == (0,)
    assert len(f.signatures) == 2


def test_other_transforms_compose() -> None:
    rows = tapec.jit(tapec.vmap(lambda x: np.sum(np.sin(x))), dynamic=True)
    tangent = tapec.jit(lambda x: tapec.jvp(elementwise, (x,), (x,))[1], dynamic=True)
    for n in (3, 7, 1):
        x = draw(n, 2)
        np.testing.assert_allclose(rows(x), np.sin(x).sum(1))
        np.testing.assert_allclose(tangent(x), np.sum(x * (np.sin(x) + x * np.cos(x))))
    assert rows.signatures == tangent.signatures == ["(%x: f64[n,2])"]


def with_stores(x: Any) -> Any:
    y = x * 1.0
    y[0] = 3.0
    y[1:] = y[:-1] * x[1:]
    return np.sum(y * y)


def rounds(x: Any) -> Any:
    for _ in range(20):
        x = np.sin(x) * 0.9 + np.mean(x)
    return np.sum(x)


def chosen(x: Any) -> Any:
    return tapec.cond(np.sum(x) > 2, lambda y: np.sum(y * y), lambda y: np.sum(y), x)


def repeated(x: Any) -> Any:
    return np.sum(tapec.fori_loop(0, 10, lambda i, y: np.sin(y) * 0.9 + i, x))


@pytest.mark.parametrize("f", [with_stores, rounds, chosen, repeated])
def test_stores_loops_and_branches(f: Any) -> None:
    dynamic, static = tapec.grad(f, dynamic=True), tapec.grad(f)
    for n in (5, 3, 1, 50):
        x = np.linspace(0.1, 1.0, n)
        np.testing.assert_allclose(dynamic(x), static(x), 1e-10)
    assert dynamic.signatures == ["(%x: f64[n])"]


def test_large_arenas_are_given_up() -> None:
    f = tapec.grad(lambda x: np.sum(np.sort(np.sin(x)) * x), dynamic=True)
    for n in range(200_000, 200_008):
        f(np.zeros(n))
    (version,) = next(iter(f._versions.values()))
    frames = [p._frames for p in version.program._programs.values()]
    assert len(frames) == 8
    assert sum(map(len, frames)) == 4


def test_extents_as_numbers() -> None:
    f = tapec.jit(lambda x: (x.shape[0], x.size, x.shape[0] / 2, 2.5 * len(x.shape)),
                  dynamic=True)  # fmt: skip
    assert f(draw(3, 2)) == (3, 6, 1.5, 5.0)
    assert f(draw(5, 2)) == (5, 10, 2.5, 5.0)
    assert [type(n) for n in f(draw(4, 2))[:2]] == [int, int]
    assert len(f.signatures) == 1


def test_tapes_see_numbers() -> None:
    f = tapec.jit(lambda x: np.sum(x) / x.shape[0], dynamic=True)
    x = tapec.Variable(draw(4))
    with tapec.GradientTape() as tape:
        y = f(x)
    np.testing.assert_array_equal(tape.gradient(y, x), np.full(4, 0.25))
