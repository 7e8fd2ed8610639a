"""What users read when something is wrong: the exact first line, then their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.text import parse

V = np.ones(3)

CASES: list[tuple[Callable[[Any], Any], Any, str]] = [
    (
        lambda x: x + np.ones(4),
        V,
        "add: shapes do not broadcast: f64[3] with f64[4]",
    ),
    (
        lambda x: x @ np.ones((2, 2)),
        V,
        "matmul: shapes do not fit: f64[3] with f64[2,2]",
    ),
    (
        lambda x: np.histogram(x),
        V,
        "numpy.histogram has no form on tensors; use np.searchsorted, or x.numpy(): "
        "counts have no gradient",
    ),
    (
        lambda x: np.vectorize(abs)(x),
        V,
        "np.array(x) on a traced value would freeze a number; use np.stack or "
        "tapec.numpy.array",
    ),
    (
        lambda x: float(x),
        1.0,
        "float(x) on a traced value would freeze a number; use x * 1.0, "
        "x.astype(float) or np.sin for math.sin",
    ),
    (
        lambda x: np.add(np.ones(3), x, out=np.empty(3)),
        V,
        "np.add cannot write a traced result into an array (out=); use the returned "
        "value",
    ),
    (
        lambda x: x[5],
        V,
        "index 5 is out of bounds for axis 0 of f64[3]",
    ),
    (
        lambda x: x if x > 0 else -x,
        V,
        "the truth value of an array with 3 elements is ambiguous; use .any(), .all() "
        "or np.where",
    ),
]


@pytest.mark.parametrize(("f", "x", "first"), CASES, ids=[c[2][:30] for c in CASES])
def test_first_line(f: Callable[[Any], Any], x: Any, first: str) -> None:
    with pytest.raises((tapec.TapecError, ValueError, IndexError)) as caught:
        tapec.jit(f)(x)
    assert str(caught.value).splitlines()[0] == first


def test_the_users_line_is_underlined() -> None:
    @tapec.jit
    def f(x: Any) -> Any:
        y = x * 2.0
        return y + np.ones((4,))

    with pytest.raises(tapec.ShapeError) as caught:
        f(V)
    assert str(caught.value).splitlines()[2:] == [
        "    return y + np.ones((4,))",
        "           ^^^^^^^^^^^^^^^^^",
    ]


def test_outside_a_tape_too() -> None:
    with pytest.raises(tapec.ShapeError) as caught:
        tapec.constant(V) * np.ones(4)
    assert "tapec.constant(V) * np.ones(4)" in str(caught.value)


def test_text_that_is_no_function() -> None:
    with pytest.raises(tapec.ParseError) as caught:
        parse("func @f(%x: f64[3]) {\n  %1: f64[3] = sine %x\n  return %1\n}", "f.tir")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("f.tir:2:16: expected ")
    assert "sine" in lines[0]
    assert lines[1:] == ["    %1: f64[3] = sine %x", "                 ^^^^"]
