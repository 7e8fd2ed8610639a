"""The points where a careless derivative is wrong, and NumPy's options."""

import numpy as np
import pytest
import scipy.special as sp

import tapec
from tapec.numpy import elementwise  # noqa: F401  (registers NumPy's functions)

INF, NAN = np.inf, np.nan


def total(f):
    return lambda *xs: np.sum(f(*xs))


def second(f):
    """The second derivative of an elementwise function."""
    return tapec.grad(total(tapec.grad(total(f))))


def third(f):
    return tapec.grad(total(second(f)))


FIRST = {
    "sqrt": (np.sqrt, [0.0, 4.0], [INF, 0.25]),
    "absolute": (np.abs, [-2.0, 0.0, 3.0], [-1.0, 0.0, 1.0]),
    "fabs": (np.fabs, [-2.0, 0.0, 3.0], [-1.0, 0.0, 1.0]),
    "sign": (np.sign, [-2.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "x ** 0": (lambda x: x**0, [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
    "x ** 1": (lambda x: x**1, [-1.0, 0.0, 2.0], [1.0, 1.0, 1.0]),
    "x ** 2": (lambda x: x**2, [-1.0, 0.0, 2.0], [-2.0, 0.0, 4.0]),
    "x ** 3": (lambda x: x**3, [-1.0, 0.0, 2.0], [3.0, 0.0, 12.0]),
    "x ** -1": (lambda x: x**-1, [-1.0, 2.0], [-1.0, -0.25]),
    "x ** 2.0": (lambda x: x**2.0, [-1.0, 0.0, 2.0], [-2.0, 0.0, 4.0]),
    "x ** 0.5": (lambda x: x**0.5, [0.0, 4.0], [INF, 0.25]),
    "x ** array": (
        lambda x: np.power(x, np.array([0.0, 0.0, 1.0, 2.0])),
        [0.0, -2.0, 0.0, -3.0],
        [0.0, 0.0, 1.0, -6.0],
    ),
    "0 ** y": (lambda y: np.power(0.0, y), [0.5, 1.0, 2.0], [0.0, 0.0, 0.0]),
    "sinc": (np.sinc, [0.0, 1.0], [0.0, -1.0]),
    "maximum tie": (lambda x: np.maximum(x, 1.0), [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]),
    "minimum tie": (lambda x: np.minimum(x, 1.0), [0.0, 1.0, 2.0], [1.0, 0.5, 0.0]),
    "fmax nan": (lambda x: np.fmax(x, NAN), [1.0, 2.0], [1.0, 1.0]),
    "fmin nan": (lambda x: np.fmin(NAN, x), [1.0, 2.0], [1.0, 1.0]),
    "clip": (
        lambda x: np.clip(x, -1.0, 1.0),
        [-2.0, -1.0, 0.0, 1.0, 2.0],
        [0.0, 1.0, 1.0, 1.0, 0.0],
    ),
    "clip below": (lambda x: np.clip(x, 0.0, None), [-1.0, 0.0, 1.0], [0.0, 1.0, 1.0]),
    "clip above": (lambda x: np.clip(x, None, 0), [-1.0, 0.0, 1.0], [1.0, 1.0, 0.0]),
    "nan_to_num": (np.nan_to_num, [NAN, INF, -INF, 1.0], [0.0, 0.0, 0.0, 1.0]),
    "logaddexp": (
        lambda x: np.logaddexp(x, -INF),
        [-INF, 0.0, 700.0],
        [0.0, 1.0, 1.0],
    ),
    "logaddexp2": (lambda x: np.logaddexp2(-INF, x), [-INF, 3.0], [0.0, 1.0]),
    "logaddexp of itself": (lambda x: np.logaddexp(x, x), [0.0, 1e4], [1.0, 1.0]),
    "xlogy": (lambda x: sp.xlogy(0.0, x), [0.0, 1.0], [0.0, 0.0]),
    "tanh": (np.tanh, [-400.0, 0.0, 400.0], [0.0, 1.0, 0.0]),
    "remainder": (lambda x: x % 2.0, [-3.5, 3.5], [1.0, 1.0]),
    "fmod": (lambda x: np.fmod(x, 2.0), [-3.5, 3.5], [1.0, 1.0]),
    "unwrap": (np.unwrap, [0.0, 6.0, 12.0], [1.0, 1.0, 1.0]),
    "modf": (lambda x: np.modf(x)[0], [-1.5, 2.25], [1.0, 1.0]),
}

SECOND = {
    "sinc": (np.sinc, [0.0, 1e-5], [-(np.pi**2) / 3, -(np.pi**2) / 3]),
    "x ** 1": (lambda x: x**1, [0.0, 2.0], [0.0, 0.0]),
    "x ** 2": (lambda x: x**2, [0.0, 2.0], [2.0, 2.0]),
    "x ** [1, 2]": (lambda x: x ** np.array([1.0, 2.0]), [0.0, 0.0], [0.0, 2.0]),
    "absolute": (np.abs, [-2.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "logaddexp": (lambda x: np.logaddexp(x, 0.0), [-INF, 0.0], [0.0, 0.25]),
    "expit": (sp.expit, [-800.0, 0.0], [0.0, 0.0]),
    "log_expit": (sp.log_expit, [-800.0, 0.0], [0.0, -0.25]),
    "clip": (lambda x: np.clip(x, 0, 1) ** 2, [-1.0, 0.5, 2.0], [0.0, 2.0, 0.0]),
}


@pytest.mark.parametrize("name", FIRST)
def test_first_derivative(name):
    f, x, expected = FIRST[name]
    found = tapec.grad(total(f))(np.array(x))
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", SECOND)
def test_second_derivative(name):
    f, x, expected = SECOND[name]
    np.testing.assert_allclose(second(f)(np.array(x)), expected, rtol=1e-6, atol=1e-13)


def test_third_derivative_of_sinc_at_zero():
    assert third(np.sinc)(np.array([0.0])) == pytest.approx([0.0])


@pytest.mark.parametrize("f", [np.hypot, np.arctan2])
def test_gradient_at_the_origin_is_zero(f):
    zero = np.zeros(1)
    dx, dy = tapec.grad(total(f), argnums=(0, 1))(zero, zero)
    assert dx == 0 and dy == 0


def test_mixed_derivative_of_power():
    def dx(x, y):
        return tapec.grad(total(np.power))(x, y)

    x, y = np.array([2.0, 3.0]), np.array([0.0, 1.0])
    mixed = tapec.grad(total(dx), argnums=1)(x, y)
    np.testing.assert_allclose(mixed, x ** (y - 1) * (1 + y * np.log(x)))


# --- complex numbers ----------------------------------------------------------

Z = np.array([1.0 + 2.0j, -0.5 + 0.3j])


def test_holomorphic_gradient_is_the_conjugate_derivative():
    found = tapec.grad(lambda z: np.sum(np.real(np.exp(z) * z)))(Z)
    np.testing.assert_allclose(found, np.conj(np.exp(Z) * (Z + 1)))


def test_modulus():
    found = tapec.grad(lambda z: np.sum(np.abs(z)))(np.array([3 + 4j, 0j]))
    np.testing.assert_allclose(found, [0.6 + 0.8j, 0])


def test_squared_modulus():
    found = tapec.grad(lambda z: np.sum(np.real(z * np.conj(z))))(Z)
    np.testing.assert_allclose(found, 2 * Z)


def test_angle():
    found = tapec.grad(lambda z: np.sum(np.angle(z)))(np.array([1j, 2 + 0j]))
    np.testing.assert_allclose(found, [-1, 0.5j], atol=1e-15)


def test_real_operand_gets_a_real_gradient():
    found = tapec.grad(lambda x: np.sum(np.imag(np.exp(1j * x))))(np.array([0.3]))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.cos([0.3]))


# --- values and dtypes of NumPy's functions -----------------------------------

X = np.array([[-1.5, 0.0, 2.5], [0.5, -0.2, INF]])
COMPLEX = np.array([1 + 2j, -3j, 0j])

SAME = {
    "round": lambda x: np.round(x, 1),
    "round to tens": lambda x: np.round(x, -1),
    "fix": np.fix,
    "nan_to_num": lambda x: np.nan_to_num(x, posinf=9.0),
    "modf": lambda x: np.modf(x)[0],
    "modf whole": lambda x: np.modf(x)[1],
    "divmod": lambda x: np.divmod(x, 0.7)[1],
    "isclose": lambda x: np.isclose(x, x + 1e-9),
    "isposinf": np.isposinf,
    "iscomplex": np.iscomplex,
    "isreal": np.isreal,
    "imag": np.imag,
    "angle": np.angle,
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "clip": lambda x: np.clip(x, None, 1.0),
    "sinc": np.sinc,
    "degrees": np.degrees,
    "ldexp": lambda x: x * 2.0**3,
    "float_power": lambda x: np.float_power(np.abs(x), 2),
    "copysign": lambda x: np.copysign(x, -1.0),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", SAME)
def test_value_and_dtype_are_numpys(name, dtype):
    f, x = SAME[name], X.astype(dtype)
    with np.errstate(all="ignore"):
        expected = f(x)
        found = f(tapec.constant(x)).numpy()
    assert found.dtype == expected.dtype and found.shape == expected.shape
    rtol = {2: 2e-3, 4: 2e-6, 8: 1e-14}[np.dtype(dtype).itemsize]
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "f",
    [np.real, np.imag, np.angle, np.conj, np.abs, np.nan_to_num, np.sign, np.isreal],
)
def test_complex_values_are_numpys(f):
    found, expected = f(tapec.constant(COMPLEX)).numpy(), f(COMPLEX)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected)


def test_integers_are_clipped_with_one_bound():
    x = np.array([-3, 4], np.int8)
    found = np.clip(tapec.constant(x), None, 2).numpy()
    assert found.dtype == np.int8 and found.tolist() == [-3, 2]


def test_negative_power_of_an_integer_is_refused():
    with pytest.raises(ValueError, match="negative integer powers"):
        _ = tapec.constant(np.array([2])) ** -1


def test_power_of_a_boolean():
    found = (tapec.constant(np.array([True])) ** 2).numpy()
    assert found.dtype == np.power(np.array([True]), 2).dtype


def test_python_bool_is_an_operand():
    found = (tapec.constant(np.array([1.0])) + True).numpy()
    assert found.dtype == np.float64 and found == [2.0]


def test_real_if_close():
    x = np.array([1.0 + 1e-20j])
    assert np.real_if_close(tapec.constant(x)).dtype == np.float64
    assert np.real_if_close(tapec.constant(x + 1j)).dtype == np.complex128


def test_boolean_subtraction_names_the_dtypes():
    x = tapec.constant(np.array([True]))
    with pytest.raises(tapec.DTypeError, match="subtract: not defined for dtypes bool"):
        _ = x - x


CUTS = {
    "arcsin": (1.0, (-3.1, -2.0, 2.0, 3.1)),
    "arccos": (1.0, (-3.1, -2.0, 2.0, 3.1)),
    "arccosh": (1.0, (-3.1, -0.5, 0.5)),
    "arcsinh": (1j, (-3.1, -2.0, 2.0, 3.1)),
}
"""Along which direction each has branch cuts, and points on them."""


@pytest.mark.parametrize("side", [0.0, -0.0])
@pytest.mark.parametrize("name", CUTS)
def test_derivatives_on_a_branch_cut_are_those_of_its_side(name, side):
    f, (along, points) = getattr(np, name), CUTS[name]

    def at(t):
        return np.complex128(complex(side, t) if along == 1j else complex(t, side))

    for t in points:
        wanted = (f(at(t + 1e-6)) - f(at(t - 1e-6))) / 2e-6
        found = tapec.jvp(f, (at(t),), (np.complex128(along),))[1]
        assert found == pytest.approx(wanted, rel=1e-8)
        back = tapec.grad(lambda x: np.real(f(x) * (0.5 - 2j)))(at(t))
        slope = np.real(wanted * (0.5 - 2j))
        assert np.real(back * np.conj(along)) == pytest.approx(slope, rel=1e-8)
