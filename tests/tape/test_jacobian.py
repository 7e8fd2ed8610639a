"""`jacobian` and `batch_jacobian`: shapes, values, structure, errors."""

import numpy as np
import pytest

import tapec
from tapec import GradientTape, constant
from tests.tape.forms import equals, run_in_all_forms


def test_shape_is_target_then_source():
    def program(x, w):
        with GradientTape() as tape:
            y = np.tanh(x @ w)
        return tape.jacobian(y, {"x": x, "w": w})

    x, w = np.array([[0.1, 0.2, 0.3]]), np.linspace(-1, 1, 6).reshape(3, 2)
    found = run_in_all_forms(program, x, w)
    assert found["x"].shape == (1, 2, 1, 3)
    assert found["w"].shape == (1, 2, 3, 2)
    slope = 1 - np.tanh(x @ w) ** 2
    equals(found["x"], (slope[:, :, None, None] * w.T[None, :, None, :]))
    h = 1e-6
    for i, j in np.ndindex(3, 2):
        d = np.zeros_like(w)
        d[i, j] = h
        diff = (np.tanh(x @ (w + d)) - np.tanh(x @ (w - d))) / (2 * h)
        np.testing.assert_allclose(found["w"][..., i, j], diff, rtol=1e-7)


def test_scalar_target_gives_the_gradient():
    def program(x):
        with GradientTape() as tape:
            y = np.sum(x**3)
        return tape.jacobian(y, x)

    x = np.array([1.0, 2.0])
    equals(run_in_all_forms(program, x), 3 * x**2)


def test_hessian():
    def program(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = np.sum(x**3) + x[0] * x[1]
            g = inner.gradient(y, x)
        return outer.jacobian(g, x)

    equals(run_in_all_forms(program, [1.0, 2.0]), np.array([[6.0, 1.0], [1.0, 12.0]]))


def test_jacobian_can_be_differentiated():
    def program(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = x**3
            j = inner.jacobian(y, x)
            z = np.sum(j)
        return outer.gradient(z, x)

    equals(run_in_all_forms(program, [1.0, 2.0]), np.array([6.0, 12.0]))


def test_unconnected():
    x, y = constant([1.0, 2.0]), constant([3.0])
    for zero, missing in (("none", None), ("zero", np.zeros((2, 1)))):
        with GradientTape() as tape:
            z = x * 2.0
        found = tape.jacobian(z, [x, y], unconnected_gradients=zero)
        equals(found, [2 * np.eye(2), missing])


def test_empty_target():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        y = x[:0] * 2.0
    assert tape.jacobian(y, x).shape == (0, 2)


def test_batch_jacobian():
    def program(x):
        with GradientTape() as tape:
            y = np.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2], axis=1)
        return tape.batch_jacobian(y, x)

    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    expected = np.stack([[[b, a], [2 * a, 0.0]] for a, b in x])
    equals(run_in_all_forms(program, x), expected)


def test_batch_jacobian_of_matrices():
    x = constant(np.arange(12.0).reshape(2, 3, 2))
    with GradientTape(persistent=True) as tape:
        y = np.sin(x[:, :, 0])
    found = tape.batch_jacobian(y, x)
    assert found.shape == (2, 3, 3, 2)
    whole = tape.jacobian(y, x)
    equals(found, np.stack([whole.numpy()[i, :, i] for i in range(2)]))


def refused(target, source):
    with GradientTape() as tape:
        y = target(source)
    with pytest.raises(ValueError) as caught:
        tape.batch_jacobian(y, source)
    return str(caught.value)


def test_batch_jacobian_errors():
    x = constant(np.ones((2, 3)))
    assert refused(lambda x: x[:1] * 2.0, x) == (
        "batch_jacobian: need first dimension of target and source to match, "
        "not (1, 3) and (2, 3)"
    )
    assert refused(lambda x: x[:, 0] * 2.0, x) == (
        "batch_jacobian: the target must have rank at least 2, its shape is (2,)"
    )
    assert refused(lambda x: np.stack([x, x]), constant([1.0, 2.0])) == (
        "batch_jacobian: the source must have rank at least 2, its shape is (2,)"
    )


def test_single_use():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        y = x * x
    tape.jacobian(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.jacobian(y, x)


def test_target_must_be_one_tensor():
    with GradientTape() as tape:
        y = constant(1.0) * 2.0
    with pytest.raises(ValueError, match="jacobian needs one tensor, not list"):
        tape.jacobian([y, y], y)


def test_one_program_for_all_rows():
    def ask():
        x = constant(np.arange(8.0))
        with GradientTape() as tape:
            y = np.sin(x)
        return tape.jacobian(y, x)

    tapec.programs.clear()
    before = dict(tapec.programs.stats)
    ask()
    ask()
    after = tapec.programs.stats
    assert after["misses"] - before["misses"] == 1
    assert after["compiled"] - before["compiled"] == 1
