"""The four operations on tensors whose numbers are known, outside any tape."""

import operator
import threading

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Tensor, Variable, constant
from tapec.errors import DTypeError, ShapeError

FOUR = (operator.add, operator.sub, operator.mul, operator.truediv)
NUMBERS = (
    2.0, 3, True, 1j, np.float32(1.5), np.float64(2.5), np.int8(3), 0.0, float("nan"),
    np.array([1.0, 2.0, 4.0]), np.array([[1], [2]], np.int16), np.zeros((0, 3)),
    np.array(2.0, np.float32), np.array([True, False, True]),
)  # fmt: skip


def same(found, wanted):
    assert type(found) is Tensor
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("op", FOUR)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "c16"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_numpy_gives(op, dtype):
    for a in (np.array([1, -2, 3], dtype), np.array(3, dtype), np.ones((1, 3), dtype)):
        for b in NUMBERS:
            same(op(constant(a), b), np.asarray(op(a, b)))
            same(op(b, constant(a)), np.asarray(op(b, a)))
            if not isinstance(b, (int, float, complex)):
                same(op(constant(a), constant(b)), np.asarray(op(a, b)))
                same(op(constant(a), Variable(b)), np.asarray(op(a, b)))


@pytest.mark.parametrize("op", FOUR)
def test_errors(op):
    x = constant([1.0, 2.0])
    with pytest.raises(ShapeError, match="broadcast"):
        op(x, constant([1.0, 2.0, 3.0]))
    for other in (None, "a", {}):
        with pytest.raises(TypeError):
            op(x, other)
        with pytest.raises(TypeError):
            op(other, x)


def test_bools_have_no_difference():
    with pytest.raises(DTypeError):
        constant([True]) - constant([False])


def test_numbers_known_within_a_tape_are_recorded():
    x = constant(3.0)
    for _ in range(3):
        with GradientTape() as tape:
            h = x * x
            h.numpy()
            y = 2.0 * h + h / 4.0
        assert float(tape.gradient(y, x)) == 13.5


def test_numbers_of_another_tape_that_are_not_known_yet():
    x = constant(3.0)
    with GradientTape(persistent=True) as tape:
        h = x * x
    y = h * h - 1.0 / h
    assert float(y) == 81.0 - 1.0 / 9.0
    assert float(tape.gradient(h, x)) == 6.0


def test_within_a_traced_function():
    c = constant([1.0, 2.0])
    f = tapec.grad(lambda x: np.sum(c * x + (c - 0.5) / c))
    np.testing.assert_array_equal(f(np.ones(2)), [1.0, 2.0])


def test_updates_of_many_threads_all_count():
    v = Variable(np.zeros(3))

    def work():
        for _ in range(500):
            v.assign_add(0.5 * constant([2.0, 2.0, 2.0]))
            v.assign_sub([0.5, 0.5, 0.5])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(v.numpy(), np.full(3, 1000.0))


def test_numpy_warns_once():
    for x in (constant(1.0), constant([1.0])):
        with pytest.warns(RuntimeWarning) as seen:
            x / 0.0
        assert len(seen) == 1
