"""`odeint` against SciPy's, and its derivatives against differences of that."""

import numpy as np
import pytest
from scipy.integrate import odeint as original

import tapec
from tapec.scipy.integrate import odeint

TIMES = np.array([0.0, 0.5, 2.0, 2.25])
START = np.array([1.0, -0.5])


def pendulum(y, t, a, b):
    return np.stack([y[1], -a * np.sin(y[0]) - b * y[1] + 0.1 * np.cos(t)])


def reference(start, a, b, times):
    return original(
        lambda y, t: np.array(pendulum(y, t, a, b)), start, times,
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip


@pytest.mark.parametrize("times", [TIMES, TIMES[::-1].copy(), TIMES[:1]])
def test_solution(times):
    found = odeint(pendulum, START, times, (2.0, 0.3))
    np.testing.assert_allclose(found, reference(START, 2.0, 0.3, times), atol=1e-6)


def test_gradient():
    def loss(start, a, b, times):
        solve = reference if type(a) is np.float64 else compiled
        return np.sum(solve(start, a, b, times)[1:] ** 2)

    def compiled(start, a, b, times):
        return odeint(pendulum, start, times, (a, b))

    args = [START, np.float64(2.0), np.float64(0.3), TIMES]
    found = tapec.grad(loss, argnums=(0, 1, 2, 3))(*args)
    h = 1e-5
    for i, gradient in enumerate(found):
        for place in np.ndindex(args[i].shape):
            moved = [[*args], [*args]]
            for side, step in zip(moved, (h, -h), strict=True):
                side[i] = np.array(args[i], float)
                side[i][place] += step
                side[i] = side[i] if i in (0, 3) else np.float64(side[i])
            slope = (loss(*moved[0]) - loss(*moved[1])) / (2 * h)
            assert np.asarray(gradient)[place] == pytest.approx(slope, abs=2e-5)


def test_on_a_tape():
    rate = tapec.constant(0.5)
    with tapec.GradientTape() as tape:
        y = odeint(lambda y, t: -rate * y, np.ones(1), np.array([0.0, 1.0]))[-1, 0]
    assert y.numpy() == pytest.approx(np.exp(-0.5), abs=1e-7)
    assert tape.gradient(y, rate).numpy() == pytest.approx(-np.exp(-0.5), abs=1e-6)


def test_under_vmap():
    def end(rate):
        return odeint(lambda y, t: -rate * y, np.ones(1), np.array([0.0, 1.0]))[-1, 0]

    rates = np.array([0.1, 3.0, 0.5])
    found = tapec.vmap(tapec.grad(end))(rates)
    np.testing.assert_allclose(found, -np.exp(-rates), atol=1e-6)


def test_time_first():
    found = odeint(lambda t, y: 2.0 * t * y, [1.0], [0.0, 1.0], tfirst=True)
    np.testing.assert_allclose(found[-1], [np.e], rtol=1e-6)


def test_what_is_not_reached_is_nan():
    found = odeint(lambda y, t: -y, [1.0], [0.0, 0.1, 50.0], mxstep=30)
    assert np.isfinite(found.numpy()[:2]).all() and np.isnan(found.numpy()[2]).all()
    found = odeint(lambda y, t: np.sqrt(y - 2.0), [1.0], [0.0, 1.0], mxstep=30)
    assert np.isnan(found.numpy()[1]).all()


def test_shapes():
    with pytest.raises(tapec.errors.ShapeError, match="y0 and t are vectors, not 0-d"):
        odeint(lambda y, t: y, 1.0, [0.0, 1.0])
    with pytest.raises(
        tapec.errors.ShapeError, match=r"func returns \(\), y is \(2,\)"
    ):
        odeint(lambda y, t: y[0], [1.0, 2.0], [0.0, 1.0])
