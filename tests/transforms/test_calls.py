"""Calls of decorated functions: the emitted way and the way through Python agree."""

from __future__ import annotations

import functools
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapec
from tests.transforms.calling import FORMS, Pair, answers, same, settled, through_python

# --- the two ways agree -----------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_both_ways_agree(form: str) -> None:
    fun, args = FORMS[form]
    f = settled(tapec.jit(fun), *args)
    out = answers(f, *args)
    assert same(out, through_python(f, *args))
    assert len(f.signatures) == 1


def test_gradients() -> None:
    def f(x: float, y: float) -> float:
        return 100 * (y - x**2) ** 2 + (1 - x) ** 2

    g = settled(tapec.value_and_grad(f, argnums=(0, 1)), 1.0, 2.0)
    out = answers(g, 1.0, 2.0)
    assert same(out, (100.0, (-400.0, 200.0)))


def test_results_are_fresh() -> None:
    f = settled(tapec.jit(lambda x: (x, x + 1)), np.ones(3))
    x = np.ones(3)
    (a, b), (c, d) = f(x), f(x)
    a[:] = b[:] = 5
    assert x.tolist() == [1, 1, 1]
    assert c.tolist() == [1, 1, 1]
    assert d.tolist() == [2, 2, 2]


def test_the_same_object_twice() -> None:
    f = settled(tapec.jit(lambda x, y: x - 2 * y), np.ones(3), np.ones(3))
    x = np.arange(3.0)
    assert answers(f, x, x).tolist() == [0, -1, -2]


# --- what is not expected ---------------------------------------------------------


class Float(float):
    pass


class Array(np.ndarray):
    pass


class Liar(np.ndarray):
    """Says that it is larger than it is."""

    @property
    def shape(self) -> Any:
        return (1000,)


def odd_arrays() -> Iterator[Any]:
    x = np.arange(1.0, 5.0)
    locked = x.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64)
    yield x[::-1][::-1]
    yield np.arange(1.0, 9.0)[::2][[0, 0, 1, 1]] * 0 + x
    yield np.repeat(x, 2)[::2]
    yield x[::-1].copy()[::-1]
    yield x.astype(">f8")
    yield locked
    yield shifted
    yield pickle.loads(pickle.dumps(x))
    yield x.view(Array)
    yield tapec.constant(x)
    yield np.broadcast_to(x, (2, 4))[1]


@pytest.mark.parametrize("odd", list(odd_arrays()), ids=lambda a: type(a).__name__)
def test_odd_arrays(odd: Any) -> None:
    f = settled(tapec.jit(lambda x: np.cumsum(x * 2)), np.ones(4))
    out = f(odd)
    numbers = out.numpy() if isinstance(odd, tapec.Tensor) else out
    assert numbers.tolist() == [2.0, 6.0, 12.0, 20.0]


def test_unpickled_arrays_are_answered() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(4))
    loaded = pickle.loads(pickle.dumps(np.arange(4.0)))
    assert answers(f, loaded).tolist() == [0, 2, 4, 6]


def test_an_array_that_lies_about_its_shape() -> None:
    f = settled(tapec.jit(lambda x: x * 2), np.ones(4))
    liar = np.ones(4).view(Liar)
    assert np.asarray(f(liar)).tolist() == [2, 2, 2, 2]


def test_every_other_signature_is_told_apart() -> None:
    f = tapec.jit(lambda x: x + x)
    many = [
        2.0, 3, 1j, Float(2.0), np.float64(2), np.float32(2), np.int64(2),
        np.array(2.0), np.ones(3), np.ones((3, 1)), np.ones((1, 3)), np.ones(0),
        np.ones(3, np.int32), np.ones(3, ">f4"), np.ones(4)[::2], np.ones((2, 3)).T,
    ]  # fmt: skip
    expected = [x + x for x in many]
    for _ in range(4):
        for x, wanted in zip(many, expected, strict=True):
            out = f(x)
            assert np.array_equal(out, wanted)
            assert np.asarray(out).dtype == np.asarray(wanted).dtype
    assert same(f(2), 4)
    assert same(f(2.0), 4.0)


def test_wrong_numbers_of_arguments() -> None:
    def scaled(x: Any, y: Any = 2.0) -> Any:
        return x * y

    f = settled(settled(tapec.jit(scaled), 1.0), 1.0, 3.0)
    with pytest.raises(TypeError, match=r"scaled\(\) missing 1 required positional"):
        f()
    with pytest.raises(
        TypeError, match=r"takes from 1 to 2 positional arguments but 3"
    ):
        f(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        f(1.0, z=2.0)
    assert (f(2.0), f(2.0, 3.0), f(2.0, y=4.0), f(y=5.0, x=2.0)) == (4, 6, 8, 10)
    assert f(*[2.0], **{}) == 4.0


def test_keywords() -> None:
    f = tapec.jit(lambda x, *, a=1.0, b=2.0: x * a - b)
    for _ in range(3):
        assert f(1.0) == -1.0
        assert f(1.0, a=3.0) == 1.0
        assert f(1.0, b=3.0) == -2.0
        assert f(1.0, a=3.0, b=5.0) == -2.0
        assert f(1.0, b=3.0, a=5.0) == 2.0
        assert f(x=1.0, a=5.0) == 3.0
    keywords = {"".join(["a"]): 3.0, "b": 5.0}
    assert f(1.0, **keywords) == -2.0
    assert same(answers(functools.partial(f, a=3.0, b=5.0), 1.0), -2.0)


def test_strange_arguments() -> None:
    f = settled(tapec.jit(lambda x: x * 2.0), 1.0)
    for strange in (None, "text", object(), [None], {}, f, type):
        with pytest.raises(TypeError):
            f(strange)
    assert f(2**70 * 1.0) == 2.0**71
    g = settled(tapec.jit(lambda x: x * 2), 1)
    assert g(2**62 - 1) == 2**63 - 2
    for huge in (2**64, -(2**63) - 1):
        with pytest.raises((TypeError, OverflowError)):
            g(huge)


def test_containers_of_another_kind() -> None:
    f = settled(tapec.jit(lambda p: p["a"] - p["b"]), {"a": 1.0, "b": 2.0})
    assert f({"b": 5.0, "a": 1.0}) == -4.0
    assert f(OrderedDict(a=3.0, b=1.0)) == 2.0
    assert f({"".join(["a"]): 3.0, "b": 2.0}) == 1.0
    with pytest.raises(KeyError):
        f({"a": 1.0})
    g = settled(tapec.jit(lambda t: t[0] - t[1]), [1.0, 2.0])
    assert [g((3.0, 1.0)), g([3.0, 1.0]), g(Pair(3.0, 1.0))] == [2.0] * 3
    with pytest.raises(IndexError):
        g([1.0])


def test_branches_and_their_checks() -> None:
    def f(x: Any) -> Any:
        return np.sqrt(x) if x > 0 else -x

    g = tapec.jit(f)
    for _ in range(3):
        assert [g(4.0), g(-4.0), g(9.0)] == [2.0, 4.0, 3.0]
    assert same(answers(g, 4.0), 2.0)
    assert same(answers(g, -5.0), 5.0)
    assert len(g.signatures) == 2
