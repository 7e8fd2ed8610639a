"""Constants are equal bit by bit, and large ones are not read to be looked up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tapec.ir import Constant

LARGE = np.arange(3000.0).reshape(30, 100)


@pytest.mark.parametrize(
    "array",
    [0.0, np.nan, True, [], LARGE, LARGE.T, LARGE[::2], LARGE.astype(">f8"), 1j],
    ids=str,
)
def test_equal_bytes_are_equal(array):
    a, b = Constant(array), Constant(np.array(array, order="C"))
    assert a == b
    assert hash(a) == hash(b)


def test_all_else_differs():
    zeros = [0, False, 0.0, -0.0, 0j, np.float32(0), [0.0], [[0.0]], [], [[]]]
    for a, b in itertools.combinations(zeros, 2):
        assert Constant(a) != Constant(b)


def test_every_element_counts():
    for place in range(LARGE.size):
        other = LARGE.copy()
        other.flat[place] += 1
        assert Constant(other) != Constant(LARGE)


def test_a_constant_is_no_number():
    assert Constant(1) != 1
