"""Fourier transforms: values and gradients against NumPy and differences."""

import numpy as np
import pytest

import tapec
import tapec.numpy as tnp
from tests.ops.checking import check, gradient

RNG = np.random.default_rng(6)
R = RNG.uniform(-1.0, 1.0, (3, 4, 5))
C = R + 1j * RNG.uniform(-1.0, 1.0, R.shape)
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
REAL_ONLY = {"rfft", "ihfft", "rfft2", "rfftn"}
EXACT = 1e-11


def operands(name):
    return [R] if name in REAL_ONLY else [R, C]


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize(("n", "axis"), [(None, -1), (None, 1), (3, 0), (6, 1), (7, 2)])
@pytest.mark.parametrize("name", ONE)
def test_one_axis(name, n, axis, norm):
    f = getattr(np.fft, name)
    for x in operands(name):
        check(lambda x: f(x, n, axis, norm), x, order=1, exact=EXACT)


@pytest.mark.parametrize(
    ("s", "axes"),
    [(None, (-2, -1)), (None, (0, 2)), ((3, 6), (1, 0)), ((2, -1), (0, 1))],
)
@pytest.mark.parametrize("name", SEVERAL)
def test_several_axes(name, s, axes):
    f = getattr(np.fft, name)
    for x in operands(name):
        check(lambda x: f(x, s, axes), x, order=1, exact=EXACT)


@pytest.mark.parametrize("name", ["fftn", "rfftn", "irfftn"])
def test_all_axes(name):
    for x in operands(name):
        check(getattr(np.fft, name), x, order=1, exact=EXACT)


@pytest.mark.parametrize("f", [np.fft.fftshift, np.fft.ifftshift])
@pytest.mark.parametrize("axes", [None, 0, (0, 2)])
def test_shifts(f, axes):
    check(lambda x: f(x, axes), C, order=1)


def test_second_order():
    check(lambda x: np.abs(np.fft.rfft(x)) ** 2, R[0], exact=EXACT)
    check(lambda x: np.fft.irfft(np.fft.rfft(x) ** 2, 5), R[0], exact=EXACT)


def test_dtypes():
    for dtype in "efdFDhl?":
        x = (R[0] * 3).astype(dtype)
        for name in ONE:
            if name in REAL_ONLY and x.dtype.kind == "c":
                continue
            wanted = getattr(np.fft, name)(x)
            found = tapec.jit(getattr(np.fft, name))(x)
            assert found.dtype == wanted.dtype, (name, dtype)
            tol = {"e": 2e-2, "f": 1e-5, "F": 1e-5}.get(dtype, 1e-12)
            np.testing.assert_allclose(found, wanted, rtol=tol, atol=tol)


def test_gradient_of_a_real_signal_is_real():
    power = lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2)  # noqa: E731
    x = R[0, 0]
    found = tapec.grad(power)(x)
    assert found.dtype == float
    h = 1e-6
    for i, g in enumerate(found):
        e = h * np.eye(5)[i]
        assert g == pytest.approx((power(x + e) - power(x - e)) / (2 * h), rel=1e-6)


def test_convolution_by_transforms():
    def convolved(x, w):
        return np.fft.irfft(np.fft.rfft(x, 8) * np.fft.rfft(w, 8), 8)

    x, w = R[0, 0], R[1, 1, :4]
    np.testing.assert_allclose(
        tapec.jit(convolved)(x, w), np.convolve(x, w), atol=1e-12
    )
    found = gradient(lambda x: np.sum(convolved(x, w) ** 2), x)
    wanted = gradient(lambda x: np.sum(np.convolve(x, w) ** 2), x)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_batched():
    f = lambda x: np.fft.fft(x) * x  # noqa: E731
    np.testing.assert_allclose(tapec.vmap(f)(C[0]), np.fft.fft(C[0]) * C[0], atol=1e-12)


def test_namespace():
    assert sorted(tnp.fft.__all__) == sorted(np.fft.__all__)
    np.testing.assert_allclose(tnp.fft.fft(C), np.fft.fft(C), atol=1e-12)
    assert tnp.fft.fftfreq(4).tolist() == np.fft.fftfreq(4).tolist()


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: np.fft.fft(x, 0), tapec.ShapeError, "np.fft.fft: 0 elements"),
        (lambda x: np.fft.irfft(x[:1]), tapec.ShapeError, "np.fft.irfft: 0 elements"),
        (lambda x: np.fft.fft(x, norm="no"), ValueError, "Invalid norm value 'no'"),
        (lambda x: np.fft.rfft(x * 1j), TypeError, "np.fft.rfft takes real numbers"),
        (lambda x: np.fft.fftn(x, (3, 3), (0,)), ValueError, "different lengths"),
    ],
)
def test_errors(f, error, message):
    with pytest.raises(error, match=message):
        tapec.jit(f)(np.ones(4))
