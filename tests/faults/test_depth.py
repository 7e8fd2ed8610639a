"""Deep graphs go through everything; deep Python is a RecursionError, and no more."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.inspect import Inspection
from tapec.interpret import evaluate
from tapec.ir import Function
from tapec.passes import pipeline
from tapec.text import format_module, parse
from tapec.verify import verify
from tests.faults.healthy import X, assert_healthy, outer_tape

STEPS = [np.sin, np.cos, np.tanh, lambda x: x * 1.25, lambda x: x + 0.5]


def chain(x: Any, n: int) -> Any:
    """Operations in a row, in an order that is no loop's."""
    for k in np.random.default_rng(0).integers(len(STEPS), size=n):
        x = STEPS[k](x)
    return x


def recorded(n: int) -> Function:
    """A chain and its gradient, as recorded: longer than Python's stack is deep."""
    with tapec.GradientTape() as tape:
        x = tapec.constant(0.5)
        y = chain(x, n)
    fn: Function = tape.function(y, x)
    assert len(fn.ops) > n
    return fn


def through_everything(n: int, pictured: int) -> None:
    fn = recorded(n)
    wanted = evaluate(fn, np.array(0.5))
    verify(fn)
    assert pickle.loads(pickle.dumps(fn)) == fn
    assert copy.deepcopy(fn) == fn
    text = format_module(fn)
    assert parse(text) == fn
    stages = {}
    pipeline.run(fn, observe=lambda name, _, after: stages.update({after: name}))
    for after, name in stages.items():
        found = evaluate(after, np.array(0.5))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=name)
    seen = Inspection(recorded(pictured), [np.array(0.5)])
    last = seen.recorded.results[0].uid
    assert seen.why(last) and seen.diff("optimized") and seen.tree(last, depth=3)
    assert len(pickle.loads(pickle.dumps(seen)).recorded.ops) == len(seen.recorded.ops)
    assert (
        seen.svg(fold=False)
        and seen.json()
        and seen.dot(stage="recorded")
        and seen.mermaid()
    )


def test_a_deep_chain() -> None:
    through_everything(3_000, 500)


@pytest.mark.slow
def test_a_very_deep_chain() -> None:
    through_everything(100_000, 5_000)


def test_gradients_of_a_deep_chain() -> None:
    x = tapec.constant(0.5)
    with tapec.GradientTape() as tape:
        y = chain(x, 1_100)
    g = tape.gradient(y, x).item()
    assert tapec.grad(lambda x: chain(x, 1_100))(0.5) == pytest.approx(g, rel=1e-9)
    h = 1e-6
    slope = (chain(0.5 + h, 1_100) - chain(0.5 - h, 1_100)) / (2 * h)
    assert g == pytest.approx(slope, rel=1e-4, abs=1e-9)


# --- recursion of the user's ---------------------------------------------------------


def endless(x: Any) -> Any:
    return endless(x * 1.5) + 1.0


@pytest.mark.parametrize(
    "f",
    [
        tapec.jit(endless), tapec.grad(endless), tapec.vmap(endless),
        tapec.jit(lambda x: tapec.scan(lambda c, a: (endless(c), a), 0.0, x)),
    ],
)  # fmt: skip
def test_endless_recursion(f: Any) -> None:
    with pytest.raises(RecursionError):
        f(X if f.__name__ == "<lambda>" else np.ones(3))
    assert_healthy()


def test_endless_recursion_of_compiled_functions() -> None:
    @tapec.jit
    def f(x: Any) -> Any:
        return f(x) + 1.0

    with pytest.raises(RecursionError):
        f(1.0)
    with outer_tape() as x, pytest.raises(RecursionError):
        f(x)
    assert_healthy()


def test_recursion_that_ends() -> None:
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    assert tapec.grad(lambda x: power(x, 100))(1.0) == 100.0


def test_containers() -> None:
    """Some hundred levels work; what Python cannot nest is its RecursionError."""
    f = tapec.grad(lambda tree: leaf_of(tree) ** 2)
    tree: Any = 3.0
    for _ in range(100):
        tree = [tree]
    assert leaf_of(f(tree)) == 6.0
    for _ in range(100_000):
        tree = [tree]
    with pytest.raises(RecursionError):
        f(tree)
    with outer_tape(), pytest.raises(RecursionError):
        f(tree)
    assert_healthy()
    while tree != 3.0:  # freeing it recursively is Python's affair
        tree = tree[0]


def leaf_of(tree: Any) -> Any:
    while isinstance(tree, list):
        tree = tree[0]
    return tree
