"""Symbolic extents: their arithmetic, their text, programs for given sizes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.ir import Dim, with_sizes
from tapec.passes import pipeline
from tapec.text import format_module, parse
from tapec.verify import verify

RNG = np.random.default_rng(5)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


def elementwise(x: Any) -> Any:
    return np.sum(np.sin(x) * x + 2.0)


def test_polynomials() -> None:
    n, m = Dim("n"), Dim("m")
    assert repr(2 * n * m + n - 1) == "2*m*n+n-1"
    assert n - n == 0
    assert (n * 64) // 64 is n
    assert (n * 64) // n == 64
    assert Dim("n-1") is n - 1
    assert 3 - n == Dim("-n+3")
    assert n - 1 < n
    assert n >= 0
    assert n != m
    assert n != 5
    assert (2 * n + 1).at({"n": 4}) == 9
    assert (n * m).at({"n": m}) == m**2


def test_extents_without_a_trace_have_no_number() -> None:
    n = Dim("n")
    for ask in (int, lambda d: d > 3, lambda d: d // 2, range):
        with pytest.raises(TypeError, match="has no number before the program runs"):
            ask(n)


def test_extents_pickle_and_copy_as_themselves() -> None:
    d = Dim("2*n-1")
    assert pickle.loads(pickle.dumps(d)) is d
    assert copy.deepcopy(d) is d


def test_a_kernel_for_given_sizes_prints_and_verifies() -> None:
    fn = pipeline.run(tapec.jit(elementwise, dynamic=True).traced(draw(4)))
    bound = with_sizes(fn, {"n": 7}, kernels=True)
    verify(bound)
    text = format_module(bound)
    assert "fused %x body=@kernel sizes=(7,)" in text
    assert format_module(parse(text)) == text
    x = draw(7)
    assert evaluate(bound, x)[0] == pytest.approx(elementwise(x))


@pytest.mark.parametrize("text", ["f64[n-]", "f64[2n]", "f64[n,+1]", "f64[n/2]"])
def test_what_is_no_extent(text: str) -> None:
    with pytest.raises(tapec.ParseError, match="a type such as"):
        parse(f"func @f(%x: {text}) {{\n  return %x\n}}")
