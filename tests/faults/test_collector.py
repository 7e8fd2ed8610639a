"""Garbage that is collected while something is traced, and what its `__del__` does."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapec
from tests.faults.healthy import X, assert_healthy

square = tapec.grad(lambda x: np.sum(x * x))


class Garbage:
    """In a cycle, with tapes and functions of its own to the last."""

    ended = 0

    def __init__(self) -> None:
        self.me = self
        self.tape = tapec.GradientTape()
        self.x = tapec.constant(X)
        self.tape.watch(self.x)
        self.y = np.sum(self.x * self.x)
        if tapec.recording.state.recording.is_trace:
            return
        self.tape.stop()

    def __del__(self) -> None:
        with tapec.GradientTape() as tape:
            y = np.sum(self.x * 3.0)
        tape.gradient(y, self.x)
        square(X)
        Garbage.ended += 1


@pytest.fixture
def eager_collector() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*before)
    gc.collect()


def work(x: Any) -> Any:
    y = np.sum(np.sin(x))
    Garbage()
    y = y * 2.0
    gc.collect()
    return y + np.sum(x * x)


def test_collected_in_a_trace(eager_collector: None) -> None:
    Garbage.ended = 0
    for f in (tapec.grad(work), tapec.grad(tapec.jit(work))):
        for _ in range(2):
            np.testing.assert_allclose(f(X), 2 * np.cos(X) + 2 * X, rtol=1e-13)
    gc.collect()
    assert Garbage.ended >= 2


def test_collected_in_a_tape(eager_collector: None) -> None:
    Garbage.ended = 0
    x = tapec.constant(X)
    for _ in range(3):
        with tapec.GradientTape() as outer:
            with tapec.GradientTape() as tape:
                y = work(x)
                gc.collect()
            g = tape.gradient(y, x)
            Garbage()
            z = np.sum(g)
        gc.collect()
        np.testing.assert_allclose(g, 2 * np.cos(X) + 2 * X, rtol=1e-13)
        found = outer.gradient(z, x)
        np.testing.assert_allclose(found, -2 * np.sin(X) + 2.0, rtol=1e-13)
    gc.collect()
    assert Garbage.ended == 6


def test_healthy_afterwards(eager_collector: None) -> None:
    tapec.grad(work)(X)
    gc.set_threshold(700, 10, 10)
    gc.collect()
    from tests.faults import healthy

    if gc.get_threshold() == healthy.USUAL:
        assert_healthy()


@pytest.mark.parametrize(
    "transform", [tapec.jit, tapec.grad, tapec.vmap, tapec.hessian]
)
def test_functions_are_freed(transform: Any) -> None:
    def inner(x: Any) -> Any:
        return np.sum(x * x)

    f = transform(inner)
    x = np.ones((2, 3)) if transform is tapec.vmap else X
    for _ in range(3):
        f(x)
    seen = weakref.ref(f), weakref.ref(inner)
    del f, inner
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_a_function_that_is_freed_while_it_runs() -> None:
    box: list[Any] = []

    def drop(x: Any) -> Any:
        box.clear()
        gc.collect()
        return np.sum(x * x)

    box.append(tapec.grad(drop))
    np.testing.assert_array_equal(box[0](X), 2 * X)
    assert_healthy()
