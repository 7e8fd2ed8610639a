"""Inverses and systems of a few rows: accurate, and errors as from LAPACK."""

import numpy as np
import pytest

import tapec

RNG = np.random.default_rng(0)


def shown(f, *args):
    return tapec.jit(f).inspect(*args).text("optimized")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3)])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_values(n, batch, dtype):
    a = RNG.normal(size=(*batch, n, n)).astype(dtype)
    b = RNG.normal(size=(*batch, n, 3)).astype(dtype)

    def f(a, b):
        return np.linalg.inv(a), np.linalg.solve(a, b)

    assert "body=@kernel" in shown(f, a, b)
    eps = np.finfo(dtype).eps
    for found, wanted in zip(tapec.jit(f)(a, b), f(a, b), strict=True):
        assert found.dtype == dtype
        scale = np.linalg.cond(a).max() * np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=20 * eps * scale)


def test_rows_are_exchanged():
    a = np.array([[1e-20, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(tapec.jit(np.linalg.inv)(a), np.linalg.inv(a))
    turned = np.eye(4)[[2, 0, 3, 1]]
    np.testing.assert_array_equal(tapec.jit(np.linalg.inv)(turned), turned.T)


def test_one_matrix_for_many_right_sides():
    a, b = RNG.normal(size=(3, 3)), RNG.normal(size=(6, 3, 2))
    found = tapec.jit(lambda a, b: np.linalg.solve(a, b) * 2.0)(a, b)
    np.testing.assert_allclose(found, 2.0 * np.linalg.solve(a, b))


def test_singular_matrices_raise_each_time():
    f = tapec.jit(lambda a: np.sum(np.linalg.inv(a * 2.0)) + 1.0)
    good = np.array([[2.0, 1.0], [1.0, 3.0]])
    for _ in range(3):
        np.testing.assert_allclose(f(good), np.sum(np.linalg.inv(good * 2)) + 1)
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            f(np.ones((2, 2)))
    stack = np.stack([good, np.ones((2, 2))])
    with pytest.raises(np.linalg.LinAlgError):
        tapec.jit(lambda a: np.linalg.inv(a) + 1.0)(stack)


def test_in_a_loop():
    def f(a, x):
        for _ in range(30):
            x = np.linalg.solve(a, x) * 0.5 + np.linalg.inv(a) @ x
        return np.sum(x)

    a, x = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=3)
    np.testing.assert_allclose(tapec.jit(f)(a, x), f(a, x), rtol=1e-10)
    found = tapec.jit(tapec.grad(f))(a, x)
    step = np.zeros((3, 3))
    step[1, 2] = 1e-6
    slope = (f(a + step, x) - f(a - step, x)) / 2e-6
    np.testing.assert_allclose(found[1, 2], slope, rtol=1e-6)
    with pytest.raises(np.linalg.LinAlgError):
        tapec.jit(f)(np.ones((3, 3)), x)


def test_what_is_no_number():
    a = np.array([[np.nan, 1.0], [1.0, 2.0]])
    assert np.all(np.isnan(tapec.jit(np.linalg.inv)(a)))


def test_larger_ones_are_left_to_the_host():
    a = RNG.normal(size=(5, 5))
    assert "= inv" in shown(np.linalg.inv, a)
    np.testing.assert_allclose(tapec.jit(np.linalg.inv)(a), np.linalg.inv(a))
