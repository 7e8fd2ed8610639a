"""The (ct, live) pairs: a branch that is not taken contributes exactly zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapec

X = np.array([-1.0, 0.0, 4.0])

TRAPS: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0, 0, 0.25]),
    "log": (lambda x: np.where(x > 0, np.log(x), 1.0), [0, 0, 0.25]),
    "division": (lambda x: np.where(x != 0, 1.0 / x, 0.0), [-1, 0, -0.0625]),
    "power": (lambda x: np.where(x > 0, x**1.5, 0.0), [0, 0, 3.0]),
    "chain": (lambda x: np.where(x > 0, np.exp(np.log(np.sqrt(x))), 0.0), [0, 0, 0.25]),
    "nested where": (
        lambda x: np.where(x > -2, np.where(x > 0, np.sqrt(x), 0.0), x),
        [0, 0, 0.25],
    ),
    "through a sum": (
        lambda x: np.where(x > 0, np.sqrt(x) * np.sum(np.ones(3)), 0.0),
        [0, 0, 0.75],
    ),
    "masked by broadcasting": (
        lambda x: np.where(np.array([[True], [False]]) & (x > 0), np.sqrt(x), 0.0),
        [0, 0, 0.25],
    ),
    "slice": (lambda x: np.sqrt(x)[2:], [0, 0, 0.25]),
    "index": (lambda x: np.sqrt(x)[2], [0, 0, 0.25]),
    "gather": (lambda x: np.sqrt(x)[np.array([2, 2])], [0, 0, 0.5]),
    "maximum": (lambda x: np.maximum(np.log(np.abs(x)), 1.0), [0, 0, 0.25]),
    "max": (lambda x: np.max(np.log(x)[1:]), [0, 0, 0.25]),
    "reshape and transpose": (
        lambda x: np.where(
            np.reshape(x > 0, (3, 1)), np.reshape(np.sqrt(x), (1, 3)).T, 0.0
        ),
        [0, 0, 0.25],
    ),
    "concatenate": (
        lambda x: np.concatenate([np.sqrt(x), x])[2:4],
        [1, 0, 0.25],
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TRAPS)
def test_dead_branches_contribute_zero(name: str) -> None:
    f, expected = TRAPS[name]
    got = tapec.grad(lambda x: np.sum(f(x)))(X)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["sqrt", "log", "division", "power", "slice"])
def test_dead_branches_contribute_zero_to_second_order(name: str) -> None:
    f, _ = TRAPS[name]
    first = tapec.grad(lambda x: np.sum(f(x)))
    second = tapec.grad(lambda x: np.sum(first(x) * np.array([1.0, 2.0, 3.0])))(X)
    assert np.all(np.isfinite(second))
    assert second[1] == 0


def test_infinities_that_are_meant_stay() -> None:
    assert tapec.grad(np.sqrt)(0.0) == np.inf
    assert tapec.grad(lambda x: np.sqrt(x) ** 2 + x)(4.0) == 2.0


def test_a_source_may_be_an_intermediate_value() -> None:
    x = tapec.constant(3.0)
    with tapec.GradientTape() as tape:
        y = x * x
        z = y * y
    dz_dy, dz_dx = tape.gradient(z, [y, x])
    assert (float(dz_dy), float(dz_dx)) == (18.0, 108.0)


def test_a_source_may_be_cut_itself_or_one_of_several_results() -> None:
    x = tapec.constant(np.diag([1.0, 2.0]))
    with tapec.GradientTape() as tape:
        rounded = np.round(x)
        w, _ = np.linalg.eigh(rounded)
        y = np.sum(w * w)
    d_rounded, d_w, d_x = tape.gradient(y, [rounded, w, x])
    np.testing.assert_allclose(d_rounded.numpy(), 2 * np.diag([1.0, 2.0]))
    np.testing.assert_allclose(d_w.numpy(), [2.0, 4.0])
    assert d_x is None


def test_broadcasting_is_undone_and_dtypes_are_kept() -> None:
    a = np.ones((3, 1), np.float32)
    b = np.ones(4, np.float64)
    ga, gb = tapec.grad(lambda a, b: np.sum(a * b), argnums=(0, 1))(a, b)
    assert (ga.shape, ga.dtype) == ((3, 1), np.float32)
    assert (gb.shape, gb.dtype) == ((4,), np.float64)
    np.testing.assert_array_equal(ga, 4.0)
    np.testing.assert_array_equal(gb, 3.0)


def test_a_chain_of_100_000_ops() -> None:
    x = tapec.constant(1.0)
    with tapec.GradientTape() as tape:
        y = x
        for _ in range(50_000):
            y = y * 1.0 + 0.0
    assert float(tape.gradient(y, x)) == 1.0


def test_a_fan_out_of_10_000() -> None:
    def f(x: Any) -> Any:
        return sum(x * float(i) for i in range(10_000))

    with tapec.GradientTape() as tape:
        x = tapec.constant(2.0)
        y = f(x)
    assert float(tape.gradient(y, x)) == sum(range(10_000))
