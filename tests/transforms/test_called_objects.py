"""Decorated functions as objects: attributes, methods, captures, recordings."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import re
import threading
from typing import Any

import numpy as np
import pytest

import tapec
from tapec.compiled import Compiled
from tapec.errors import UnsupportedError
from tests.transforms.calling import allocated, answers, settled

# --- as an object -----------------------------------------------------------------


@tapec.jit
def module_level(x: Any, /, y: Any = 1.0) -> Any:
    """Adds."""
    return x + y


def test_what_a_function_is_asked_for() -> None:
    f = settled(module_level, 1.0)
    assert callable(f)
    assert isinstance(f, Compiled)
    assert (f.__name__, f.__qualname__, f.__doc__) == ("module_level",) * 2 + ("Adds.",)
    assert f.__module__ == __name__
    assert str(inspect.signature(f)).startswith("(x: 'Any', /, y: 'Any' = 1.0)")
    assert f.__wrapped__(1.0, 2.0) == 3.0
    assert "compiled module_level" in repr(f)
    assert hash(f) == hash(f)
    f.note = "kept"
    assert f.note == "kept"
    del f.note
    assert f.__call__(1.0) == 2.0
    assert list(map(f, [1.0, 2.0])) == [2.0, 3.0]
    assert functools.partial(f, y=3.0)(1.0) == 4.0
    assert functools.partial(f, 2.0)() == 3.0


def test_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level
    assert copy.copy(module_level) is copy.deepcopy(module_level) is module_level
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(tapec.jit(lambda x: x))


def test_wraps() -> None:
    f = settled(tapec.jit(lambda x: x * 2), 1.0)

    @functools.wraps(f)
    def g(x: Any) -> Any:
        return f(x)

    assert g(2.0) == 4.0
    assert g.__wrapped__ is f


class Holder:
    scale = 2.0

    def __init__(self, w: Any) -> None:
        self.w = w
        self.v = tapec.Variable(1.0)

    @tapec.jit
    def f(self, x: Any) -> Any:
        return self.w * x * self.v

    @staticmethod
    @tapec.jit
    def plain(x: Any) -> Any:
        return x + 1

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * cls.scale


def test_methods() -> None:
    a, b = Holder(np.ones(3)), Holder(2.0)
    for _ in range(4):
        assert a.f(2.0).tolist() == [2, 2, 2]
        assert b.f(2.0) == 4.0
        assert Holder.f(b, 3.0) == 6.0
        assert a.plain(1.0) == 2.0
    a.w = np.zeros(3)
    b.w = 3.0
    b.v.assign(2.0)
    assert a.f(2.0).tolist() == [0, 0, 0]
    assert b.f(2.0) == 12.0
    assert b.f == b.f
    assert b.f != a.f
    assert "array" in b.f.inspect(2.0).text() or b.f.inspect(2.0).text()


def test_subclasses_are_called_by_their_own_call() -> None:
    class Doubling(Compiled):
        def __call__(self, *args: Any, **kw: Any) -> Any:
            return 2 * super().__call__(*args, **kw)

    f = settled(Doubling(lambda x: x + 1, lambda x: x + 1), 1.0)
    assert f(1.0) == 4.0


# --- captures ---------------------------------------------------------------------


def test_captures_are_looked_up_again() -> None:
    scale, shift, v = 2.0, np.ones(2), tapec.Variable([1.0, 2.0])

    def rebind(a: Any, b: Any) -> None:
        nonlocal scale, shift
        scale, shift = a, b

    @tapec.jit
    def f(x: Any) -> Any:
        return x * scale * v + shift

    settled(f, 1.0)
    assert answers(f, 1.0).tolist() == [3, 5]
    shift[0] = 5.0
    v.assign([0.0, 1.0])
    assert answers(f, 1.0).tolist() == [5, 3]
    rebind(float("2"), np.zeros(2))
    assert f(1.0).tolist() == [0, 2]
    assert answers(f, 1.0).tolist() == [0, 2]
    rebind(3.0, np.zeros(2))
    assert f(1.0).tolist() == [0, 3]
    rebind(3.0, np.zeros((2, 2)))
    assert f(1.0).shape == (2, 2)
    rebind(3.0, 1.0)
    assert f(1.0).tolist() == [1, 4]
    rebind(None, 1.0)
    with pytest.raises(TypeError):
        f(1.0)


def test_variables_are_assigned() -> None:
    v, total = tapec.Variable([1.0, 2.0]), tapec.Variable(0.0)

    @tapec.jit
    def step(x: Any, rate: Any = 1.0) -> Any:
        v.assign_sub(rate * x)
        total.assign_add(1.0)
        return v + 0.0, total + 0.0

    settled(step, np.ones(2))
    out, count = step(np.ones(2))
    assert v.numpy().tolist() == out.tolist() == [-3, -2]
    assert not v.numpy().flags.writeable
    assert (float(count), total.item()) == (4.0, 4.0)
    assert type(total.numpy()) is np.ndarray
    out[:] = 7
    assert v.numpy().tolist() == [-3, -2]
    before = allocated()
    for _ in range(2_000):
        step(np.ones(2))
    assert allocated() - before < 1000


# --- recordings -------------------------------------------------------------------


def test_within_a_tape_it_is_recorded() -> None:
    f = settled(tapec.jit(lambda x: x * x), np.ones(2))
    x = tapec.constant([2.0, 3.0])
    with tapec.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert isinstance(y, tapec.Tensor)
    assert tape.gradient(y, x).numpy().tolist() == [4, 6]
    assert answers(f, np.ones(2)).tolist() == [1, 1]


def test_a_tape_of_another_thread() -> None:
    f = settled(tapec.jit(lambda x: x * x), np.ones(2))
    opened, done = threading.Event(), threading.Event()

    def record() -> None:
        with tapec.GradientTape():
            opened.set()
            done.wait()

    thread = threading.Thread(target=record)
    thread.start()
    opened.wait()
    out = f(np.ones(2))
    done.set()
    thread.join()
    assert type(out) is np.ndarray
    assert answers(f, np.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (np.ma.masked_array([1.0, 2.0], [False, True]), "x.filled"),
        (np.ones((2, 2)).view(np.matrix), "np.asarray"),
    ],
    ids=["masked", "matrix"],
)
def test_arrays_that_compute_otherwise_are_refused(array, remedy):
    """Their masks would be lost, their products be others, without a word."""

    def f(x):
        return np.sum(x * x)

    for call in (
        tapec.jit(f), tapec.grad(f), tapec.value_and_grad(f), tapec.constant,
        tapec.Variable, lambda x: tapec.constant(np.ones((2, 2))) * x,
        lambda x: tapec.jit(lambda y: np.sum(y * x))(2.0),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match=re.escape(remedy)):
            call(array)
