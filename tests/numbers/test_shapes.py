"""Shapes, dtypes, layouts and indices: each form against differences, to second order.

A function's gradient is compared with differences of the function, and the gradient of
its sum with differences of the gradient, in every form.
"""

import numpy as np
import pytest

import tapec
from tests.numbers.forms import Row, agree

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 2.0, (2, 3)), RNG.uniform(0.5, 2.0, (3, 4))
SQUARE = RNG.uniform(0.5, 2.0, (3, 3)) + 3.0 * np.eye(3)
STACK = RNG.uniform(0.5, 2.0, (2, 3, 3)) + 3.0 * np.eye(3)
LINE, COLUMN = RNG.uniform(0.5, 2.0, 4), RNG.uniform(0.5, 2.0, (3, 1))
WHERE = np.array([True, False, True])

FUNCTIONS = {
    "broadcast": (lambda b: (A[:, :, None] * b) ** 2, COLUMN),
    "broadcast a number": (lambda b: (A * b) ** 2, 1.5),
    "index array": (lambda x: x[[0, 0, 2]] ** 3, LINE),
    "negative index": (lambda x: x[-1] * x[1:3] ** 2, LINE),
    "boolean mask": (lambda x: x[np.array([True, False, True, True])] ** 3, LINE),
    "slices and arrays": (lambda x: x[:, [0, 1, 1]] ** 3 * x[0, ::-1][:3], B),
    "newaxis": (lambda x: x[None, :, None] ** 3, LINE),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, np.array([[1, 1, 0]]), 0) ** 3, A),
    "solve": (lambda a: np.linalg.solve(a, np.arange(3.0)), SQUARE),
    "solve, stacked sides": (lambda a: np.linalg.solve(a, np.ones((3, 2))), SQUARE),
    "solve, batch": (lambda a: np.linalg.solve(a, np.ones((2, 3, 1))), STACK),
    "inv": (np.linalg.inv, SQUARE),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], SQUARE),
    "cholesky": (lambda a: np.linalg.cholesky(a @ a.T), SQUARE),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a + a.T) ** 3, SQUARE),
    "svdvals": (lambda a: np.linalg.svd(a, compute_uv=False) ** 3, A),
    "qr": (lambda a: np.abs(np.linalg.qr(a)[1]), SQUARE),
    "pinv": (np.linalg.pinv, A),
    "norm of rows": (lambda a: np.linalg.norm(a, axis=1), A),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 3), SQUARE),
    "einsum, repeated": (lambda a: np.einsum("ii->i", a) ** 3, SQUARE),
    "einsum, ellipsis": (lambda a: np.einsum("...ij,jk", a, SQUARE) ** 2, STACK),
    "einsum, implicit": (lambda a: np.einsum("ij,jk", a, B) ** 2, A),
    "einsum, one letter summed": (lambda a: np.einsum("ij,k->k", a, LINE) ** 2, A),
    "tensordot": (lambda a: np.tensordot(a, B, 1) ** 2, A),
    "kron": (lambda a: np.kron(a, a), A),
    "fft": (
        lambda x: np.abs(np.fft.fft(x)) ** 2 * np.arange(5.0), LINE[[0, 1, 2, 3, 0]]),
    "rfft and back, odd": (
        lambda x: np.fft.irfft(np.fft.rfft(x**2), 5), np.arange(1.0, 6)),
    "fft, ortho": (
        lambda x: np.real(np.fft.ifft(np.fft.fft(x**2, norm="ortho"))), LINE),
    "sum over axes": (lambda x: np.sum(x**3, axis=(0, -1), keepdims=True), STACK),
    "sum where": (lambda x: np.sum(x**3, axis=1, where=WHERE, initial=2.0), A),
    "var with ddof": (lambda x: np.var(x, axis=1, ddof=1), B),
    "mean": (lambda x: np.mean(x, axis=0) ** 3, B),
    "pad, reflect": (lambda x: np.pad(x, 2, "reflect") ** 3, LINE),
    "pad, edge": (lambda x: np.pad(x, ((1, 0), (0, 2)), "edge") ** 3, A),
    "roll two axes": (lambda x: np.roll(x, (1, 2), (0, 1)) * x**2, B),
    "repeat with counts": (lambda x: np.repeat(x, [0, 2, 1, 3]) ** 3, LINE),
    "stack": (lambda x: np.stack([x, x * 2.0], axis=1) ** 3, LINE),
    "tile": (lambda x: np.tile(x, (2, 1)) ** 3, LINE),
    "cumsum": (lambda x: np.cumsum(x, axis=0) ** 3, B),
    "diff": (lambda x: np.diff(x, n=2) ** 3, LINE),
    "triangle": (lambda x: np.tril(x) @ np.triu(x), SQUARE),
    "partition": (lambda x: np.partition(x, 2) ** 3, LINE),
    "median": (lambda x: np.median(x) ** 3, LINE),
    "interp": (lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 2.0, 1.0]) ** 2, LINE),
    "assigned": (lambda x: assigned(x), LINE),
    "convolve": (lambda x: np.convolve(x, [1.0, -2.0, 3.0]) ** 2, LINE),
    "gradient": (lambda x: np.gradient(x) ** 3, LINE),
}  # fmt: skip


def assigned(x):
    """A functional update under the notation of an assignment."""
    y = x * 1.0
    y[1:3] = y[0] * x[2]
    y[0] += 2.0
    return y**2


def differences(f, x, h=1e-6):
    """The gradient of f, by central differences."""
    x = np.array(x, float)
    found = np.empty_like(x)
    for i in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][i] += h
        moved[1][i] -= h
        found[i] = (f(moved[0]) - f(moved[1])) / (2 * h)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, x = FUNCTIONS[name]
    x = np.asarray(x)
    first = differences(lambda x: np.sum(f(x)), x)
    slope = tapec.grad(lambda x: np.sum(f(x)))
    second = differences(lambda x: np.sum(slope(x)), x)
    agree(Row(name, f, x, np.sum(f(x)), first, second, rtol=2e-5, atol=2e-7))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
@pytest.mark.parametrize(
    "f", [np.mean, np.var, np.linalg.norm, np.max, lambda x: np.sum(x * 2.0 + 1)]
)
def test_dtype_stays(f, dtype):
    x = np.array([1.0, 2.0, 4.0], dtype)
    value, gradient = tapec.value_and_grad(f)(x)
    assert value.dtype == f(x).dtype == dtype
    assert gradient.dtype == dtype
    assert tapec.vmap(tapec.grad(f))(np.stack([x, x])).dtype == dtype


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0)])
def test_small_and_empty_arrays_keep_their_shape(shape):
    x = np.ones(shape)
    agree(Row("squares", lambda x: x * x, x, np.sum(x), 2 * x, np.full(shape, 2.0)))
    agree(Row("mean of a concatenation", lambda x: np.sum(np.stack([x, x])), x,
              2 * np.sum(x), np.full(shape, 2.0), np.zeros(shape)))  # fmt: skip


def layouts(x):
    wide = np.repeat(np.repeat(x, 2, 0), 2, 1)
    shifted = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    shifted[:] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "Fortran": np.asfortranarray(x),
        "strided": wide[::2, ::2],
        "reversed": x[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "byte-swapped": x.astype(x.dtype.newbyteorder()),
        "unaligned": shifted,
        "transposed": x.T.copy().T,
        "broadcast": np.broadcast_to(x[:1], x.shape),
    }


@pytest.mark.parametrize("layout", layouts(np.ones((2, 3))))
def test_layout(layout):
    x = layouts(A)[layout]
    wanted = np.array(x, float)
    f = lambda x: x**3  # noqa: E731
    native = np.asarray(x, float).astype(float)
    agree(Row(layout, f, native, np.sum(wanted**3), 3 * wanted**2, 6 * wanted))
    value, gradient = tapec.value_and_grad(lambda x: np.sum(f(x)))(x)
    np.testing.assert_allclose(value, np.sum(wanted**3))
    np.testing.assert_allclose(gradient, 3 * wanted**2)
    t = tapec.constant(x)
    with tapec.GradientTape() as tape:
        y = np.sum(f(t))
    np.testing.assert_allclose(tape.gradient(y, t).numpy(), 3 * wanted**2)
    rows = tapec.vmap(tapec.grad(lambda x: np.sum(f(x))))(x)
    np.testing.assert_allclose(rows, 3 * wanted**2)


COMPLEX = np.array([1.0 + 2.0j, -0.5 + 0.25j])


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda z: np.sum(np.abs(z) ** 2), 2 * COMPLEX),
        (lambda z: np.sum(np.real(z * z)), 2 * np.conj(COMPLEX)),
        (lambda z: np.sum(np.imag(np.exp(z))), np.conj(-1j * np.exp(COMPLEX))),
        (lambda z: np.sum(np.real(np.conj(z) * 3j)), np.full(2, 3j)),
        (lambda z: np.sum(np.abs(np.fft.fft(z)) ** 2), 4 * COMPLEX),
    ],
)
def test_complex_gradient_is_steepest_ascent(f, gradient):
    """For real L: dL/da + i dL/db."""
    forms = [
        tapec.grad(f)(COMPLEX),
        tapec.vmap(tapec.grad(f))(np.stack([COMPLEX, COMPLEX]))[1],
    ]
    for _ in range(2):
        t = tapec.constant(COMPLEX)
        with tapec.GradientTape() as tape:
            y = f(t)
        forms.append(tape.gradient(y, t).numpy())
    for found in forms:
        np.testing.assert_allclose(found, gradient, rtol=1e-12)
    differs = differences(lambda a: f(a + 1j * COMPLEX.imag), COMPLEX.real)
    np.testing.assert_allclose(np.real(gradient), differs, atol=1e-6)


def test_real_input_gets_a_real_gradient():
    agree(Row("through complex", lambda x: np.abs(np.exp(1j * x) + x) ** 2, [0.5],
              1 + 0.25 + np.cos(0.5), 1 + 2 * np.cos(0.5) - np.sin(0.5),
              2 - 4 * np.sin(0.5) - np.cos(0.5)))  # fmt: skip


def test_one_array_twice_has_two_gradients_and_one_source_their_sum():
    x = np.array([1.0, 2.0])
    a, b = tapec.grad(lambda a, b: np.sum(a * b * b), argnums=(0, 1))(x, x)
    np.testing.assert_array_equal(a, x * x)
    np.testing.assert_array_equal(b, 2 * x * x)
    t = tapec.constant(x)
    with tapec.GradientTape() as tape:
        y = np.sum(t * t * t)
    np.testing.assert_allclose(tape.gradient(y, t).numpy(), 3 * x * x)


@pytest.mark.parametrize("f", [np.linalg.eigvalsh, np.linalg.svdvals])
def test_sums_at_degenerate_values_are_finite(f):
    found = tapec.grad(lambda a: np.sum(f(a + a.T)))(np.eye(3))
    np.testing.assert_allclose(found, 2.0 * np.eye(3), atol=1e-12)
