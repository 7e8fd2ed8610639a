"""A NumPy function called again records what it recorded before."""

import numpy as np
import pytest

import tapec
from tapec.tensor import templates
from tapec.text import format_module

CALLS = {
    "index": lambda x, y: x[1],
    "slice": lambda x, y: x[1:, ::-1],
    "new axis": lambda x, y: x[None, ..., 0],
    "mean": lambda x, y: np.mean(x, axis=0, keepdims=True),
    "var": lambda x, y: np.var(x, ddof=1),
    "concatenate": lambda x, y: np.concatenate([x, y, x], axis=1),
    "stack": lambda x, y: np.stack((y, x)),
    "where": lambda x, y: np.where(x > 0.0, x, y),
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y),
    "matmul": lambda x, y: x @ y.T,
    "power": lambda x, y: x**2 + x**2.0 + x**0.5,
    "clip": lambda x, y: np.clip(x, -0.5, 0.5),
    "norm": lambda x, y: np.linalg.norm(x),
    "std": lambda x, y: x.std(axis=-1),
    "pad": lambda x, y: np.pad(x, 1, constant_values=2.0),
    "take": lambda x, y: np.take(x, 1, axis=0),
    "tensordot": lambda x, y: np.tensordot(x, y, axes=((0, 1), (0, 1))),
    "sort": lambda x, y: np.sort(x, axis=0),
    "cumsum": lambda x, y: np.cumsum(x, axis=1),
    "real": lambda x, y: np.real(x) + np.conjugate(x),
    "nan_to_num": lambda x, y: np.nan_to_num(x, nan=1.0),
}


def text_of(f, shape=(2, 3)):
    x = np.linspace(-1.0, 1.0, 6).reshape(shape)
    return format_module(tapec.jit(f).traced(x, x + 0.1))


@pytest.fixture(autouse=True)
def fresh():
    templates.clear()


@pytest.mark.parametrize("name", list(CALLS))
def test_the_same_is_recorded_each_time(name):
    call = CALLS[name]
    first = text_of(call)
    assert [text_of(call) for _ in range(4)] == [first] * 4


def test_one_trace_with_many_calls():
    def f(x, y):
        total = 0.0
        for _ in range(5):
            x = np.concatenate([x[1:], y[:1]]) + np.mean(x, axis=0)
            total = total + x
        return total

    x = np.linspace(-1.0, 1.0, 6).reshape(2, 3)
    a, b, total = x, x + 0.1, 0.0
    for _ in range(5):
        a = np.concatenate([a[1:], b[:1]]) + np.mean(a, axis=0)
        total = total + a
    np.testing.assert_allclose(tapec.jit(f)(x, x + 0.1), total, rtol=1e-14)
    assert templates._known


def test_equal_operands_are_another_call():
    assert text_of(lambda x, y: np.stack([x, y])) != text_of(
        lambda x, y: np.stack([x, x])
    )
    for _ in range(3):
        found = tapec.jit(lambda x, y: np.stack([x, y]) - np.stack([x, x]))(1.0, 3.0)
        assert found.tolist() == [0.0, 2.0]
        found = tapec.jit(lambda x, y: np.stack([x, x]) - np.stack([x, y]))(1.0, 3.0)
        assert found.tolist() == [0.0, -2.0]


def test_numbers_that_are_equal_in_python_only():
    x = np.array([0.5, -1.5])
    for _ in range(3):
        for k in (0.0, -0.0):
            found = tapec.jit(lambda x, k=k: np.where(x > 1.0, x, k))(x)
            assert np.signbit(found).tolist() == [np.signbit(k)] * 2
        for n in (1, 1.0, True):
            found = tapec.jit(lambda x, n=n: np.full_like(x, n, dtype=None))(x)
            assert found.tolist() == [1.0, 1.0]


def test_what_depends_on_numbers_is_called_each_time():
    f = tapec.jit(lambda x: np.sum(x[x > 0.0]) + np.sum(x[np.argmax(x) :]))
    for k in range(6):
        x = np.roll(np.array([1.0, -2.0, 3.0, -4.0]), k)
        expected = np.sum(x[x > 0]) + np.sum(x[np.argmax(x) :])
        assert f(x) == pytest.approx(expected)


def test_what_changes_an_operand_is_called_each_time():
    def f(x, y):
        for _ in range(4):
            z = x * 1.0
            np.copyto(z, y)
            np.put(z, 0, 7.0)
            x = x + z
        return x

    x, y = np.zeros(2), np.ones(2)
    for _ in range(3):
        assert tapec.jit(f)(x, y).tolist() == [28.0, 4.0]


def test_operations_that_fail_do_so_on_their_line():
    for _ in range(4):
        tapec.jit(lambda a: np.linalg.inv(a))(np.eye(2))
    for _ in range(3):
        with tapec.GradientTape(), pytest.raises(np.linalg.LinAlgError):
            np.linalg.inv(tapec.constant(np.zeros((2, 2))) * 1.0)


def test_symbolic_extents_have_no_templates():
    f = tapec.jit(lambda x: np.mean(x[1:]) + x[-1], dynamic=True)
    for n in (3, 4, 5, 6):
        x = np.arange(float(n))
        assert f(x) == pytest.approx(np.mean(x[1:]) + x[-1])


def test_they_are_bounded(monkeypatch):
    monkeypatch.setattr(templates, "MOST", 20)

    def f(x, y, k):
        return sum(x[i % 2, i % 3] * i for i in range(60)) + x[0, :k]

    for k in range(1, 30):
        text_of(lambda x, y, k=k: f(x, y, k))
        assert len(templates._known) <= 20
