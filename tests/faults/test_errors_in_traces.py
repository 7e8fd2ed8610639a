"""Exceptions from the user's code leave nothing half open, wherever they are raised."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapec
from tests.faults.healthy import X, assert_healthy, outer_tape


class Planned(Exception):
    """What the user's code raises."""


def fail(*_: Any) -> Any:
    raise Planned


def in_a_tape(x: Any) -> Any:
    with tapec.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(x * x)
        if np.ndim(y) == 0:
            fail()
    return tape.gradient(y, x)


def in_a_gap(x: Any) -> Any:
    with tapec.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording(), tapec.scope("inner"):
            fail()
    return x


def in_an_inner_tape(x: Any) -> Any:
    with tapec.GradientTape() as outer:
        outer.watch(x)
        in_a_tape(x)
    return x


@tapec.custom_gradient
def forward_fails(x: Any) -> Any:
    fail()


@tapec.custom_gradient
def backward_fails(x: Any) -> Any:
    return x * x, fail


@tapec.custom_jvp
def jvp_fails(x: Any) -> Any:
    return x * x


jvp_fails.defjvp(fail)


def after_some(x: Any) -> Any:
    y = np.sin(x) * x
    fail()
    return y


def branch(x: Any) -> Any:
    return tapec.cond(np.sum(x) > 0, fail, lambda x: x, x)


FAILING: dict[str, Callable[[Any], Any]] = {
    "first op": fail,
    "after some ops": after_some,
    "jit": lambda x: tapec.jit(after_some)(x),
    "grad": lambda x: tapec.grad(after_some)(x),
    "vmap": lambda x: tapec.vmap(after_some)(x),
    "hessian": lambda x: tapec.hessian(after_some)(x),
    "jvp": lambda x: tapec.jvp(after_some, (x,), (x,)),
    "vjp": lambda x: tapec.vjp(after_some, x),
    "scan": lambda x: tapec.scan(fail, 0.0, x),
    "fori_loop": lambda x: tapec.fori_loop(0, 3, fail, x),
    "while_loop's condition": lambda x: tapec.while_loop(fail, lambda x: x, x),
    "while_loop's body": lambda x: tapec.while_loop(lambda x: x[0] < 9.0, fail, x),
    "cond": branch,
    "checkpoint": lambda x: tapec.checkpoint(after_some)(x),
    "tape": in_a_tape,
    "gap": in_a_gap,
    "inner tape": in_an_inner_tape,
    "custom_gradient": lambda x: np.sum(forward_fails(x)),
    "its gradient": lambda x: tapec.grad(lambda y: np.sum(backward_fails(y)))(x),
    "custom_jvp": lambda x: tapec.jvp(jvp_fails, (x,), (x,)),
    "Python's loop": lambda x: [x := fail() if k > 4 else np.sin(x) for k in range(9)],
    "an error of an op": lambda x: x @ np.ones(7) or fail(),
}


def expect_failure(f: Callable[..., Any], *args: Any) -> None:
    with pytest.raises((Planned, tapec.ShapeError)):
        f(*args)


@pytest.mark.parametrize("name", FAILING)
def test_in_a_traced_function(name: str) -> None:
    for transform in (tapec.jit, tapec.grad, tapec.vmap):
        f = transform(FAILING[name])
        for _ in range(2):
            expect_failure(f, np.ones((2, 3)) if transform is tapec.vmap else X)
        assert f.signatures == []
    assert_healthy()


@pytest.mark.parametrize("name", FAILING)
def test_in_a_tape(name: str) -> None:
    with outer_tape() as x:
        expect_failure(FAILING[name], x * 1.0)
    with outer_tape() as x:
        expect_failure(tapec.jit(FAILING[name]), x)
    assert_healthy()


def test_a_function_that_fails_at_times() -> None:
    fails = [True]

    @tapec.grad
    def f(x: Any) -> Any:
        y = np.sum(x * x)
        return fail() if fails[0] else y

    for fails[0] in (True, True, False):
        if fails[0]:
            expect_failure(f, X)
    np.testing.assert_array_equal(f(X), 2 * X)
    assert_healthy()


def test_variables_keep_their_values() -> None:
    v = tapec.Variable([1.0, 2.0])

    @tapec.jit
    def step(x: Any, how: Any) -> Any:
        v.assign_add(x)
        return fail() if how == "badly" else v + 0.0

    expect_failure(step, np.ones(2), "badly")
    assert v.numpy().tolist() == [1.0, 2.0]
    assert step(np.ones(2), "well").tolist() == [2.0, 3.0]
    expect_failure(step, np.ones(2), "badly")
    assert v.numpy().tolist() == [2.0, 3.0]
    assert_healthy()


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        fail()
        return 0


@pytest.mark.parametrize("how", ["traced", "compiled", "tape"])
def test_what_is_called_while_a_program_runs(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output cannot be written, an assertion does not hold."""

    def f(x: Any) -> Any:
        tapec.print("{}", x)
        tapec.assert_(np.sum(x) < 100.0, "too large: {}", x)
        return np.sum(x * x)

    def call(x: Any) -> Any:
        if how != "tape":
            return slope(x)
        x = tapec.constant(x)
        with tapec.GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, x).numpy()

    slope = tapec.grad(f)
    if how == "compiled":
        call(X)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Broken())
        for _ in range(3):
            expect_failure(call, X)
    for _ in range(2):
        with pytest.raises(AssertionError, match="too large"):
            call(100.0 * X)
        np.testing.assert_array_equal(call(X), 2 * X)
    assert_healthy()


def test_host_steps_that_fail() -> None:
    f = tapec.jit(lambda x: np.linalg.inv(x) + 1.0)
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError):
            f(np.zeros((2, 2)))
        np.testing.assert_array_equal(f(np.eye(2)), np.eye(2) + 1.0)
    assert_healthy()
