"""`gradient`: sources, targets, structure, what is unconnected."""

from typing import NamedTuple

import numpy as np
import pytest

import tapec
from tapec import GradientTape, UnconnectedGradients, Variable, constant
from tests.tape.forms import equals, run_in_all_forms


class Pair(NamedTuple):
    a: object
    b: object


def test_square():
    def program(x):
        with GradientTape() as tape:
            y = x * x
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 3.0), 6.0)


@pytest.mark.parametrize("watch", [True, False])
def test_a_constant_needs_no_watch(watch):
    def program(x):
        with GradientTape() as tape:
            if watch:
                tape.watch(x)
            y = np.sum(np.sin(x) * x)
        return tape.gradient(y, x)

    x = np.array([0.5, -2.0])
    equals(run_in_all_forms(program, x), np.cos(x) * x + np.sin(x))


def test_strict_tape_knows_only_what_was_watched():
    def program(x, y):
        with GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            z = x * y
        return tape.gradient(z, {"x": x, "y": y})

    equals(run_in_all_forms(program, 2.0, 5.0), {"x": 5.0, "y": None})


def test_strict_tape_ignores_variables_until_watched():
    v, w = Variable(2.0), Variable(5.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        z = v * w
    assert tape.watched_variables() == (w,)
    equals(tape.gradient(z, [v, w]), [None, 2.0])


def test_untrainable_variable_is_a_source_only_when_watched():
    v = Variable(2.0, trainable=False)
    with GradientTape() as tape:
        y = v * v
    assert tape.watched_variables() == ()
    assert tape.gradient(y, v) is None
    with GradientTape() as tape:
        tape.watch(v)
        y = v * v
    equals(tape.gradient(y, v), 4.0)


def test_sources_keep_their_structure():
    def program(x, y):
        with GradientTape() as tape:
            z = x * x * y
        return tape.gradient(z, {"p": Pair(x, [y]), "n": None, "t": (x,)})

    found = run_in_all_forms(program, 3.0, 2.0)
    equals(found, {"p": Pair(12.0, [9.0]), "n": None, "t": (12.0,)})
    assert type(found["p"]) is Pair


def test_several_targets_are_summed():
    def program(x, y):
        with GradientTape() as tape:
            a, b = x * y, {"b": np.sum(x * x)}
        return tape.gradient([a, b], x)

    equals(run_in_all_forms(program, 3.0, 4.0), 10.0)


def test_the_same_target_twice_counts_twice():
    def program(x):
        with GradientTape() as tape:
            y = x * x
        return tape.gradient([y, y], [x, x])

    equals(run_in_all_forms(program, 3.0), [12.0, 12.0])


def test_array_targets_are_summed():
    def program(x):
        with GradientTape() as tape:
            y = x * x
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, np.arange(3.0)), 2 * np.arange(3.0))


def test_intermediate_values_are_sources():
    def program(x):
        with GradientTape() as tape:
            y = x * x
            z = y * y
        return tape.gradient(z, [x, y])

    equals(run_in_all_forms(program, 3.0), [108.0, 18.0])


def test_a_target_may_be_its_own_source():
    def program(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = x * 3.0
        return tape.gradient([y, x], [x, y])

    equals(run_in_all_forms(program, 2.0), [4.0, 1.0])


def test_a_block_that_does_nothing():
    def program(x):
        with GradientTape() as tape:
            y = x
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 2.0), 1.0)


def test_a_constant_target_has_no_gradient():
    x = constant(2.0)
    with GradientTape() as tape:
        tape.watch(x)
    equals(tape.gradient(constant(5.0), [x]), [None])
    with GradientTape() as tape:
        tape.watch(x)
    assert tape.gradient(5.0, x) is None


@pytest.mark.parametrize("zero", ["zero", UnconnectedGradients.ZERO])
def test_unconnected_gradients(zero):
    def program(x, y):
        with GradientTape(persistent=True) as tape:
            z = np.sum(x * 2.0)
        none = tape.gradient(z, [x, y])
        return none, tape.gradient(z, [x, y], unconnected_gradients=zero)

    x, y = np.ones((2, 3), np.float32), np.ones(4)
    none, zeros = run_in_all_forms(program, x, y)
    assert none[1] is None
    assert zeros[0].dtype == np.float32
    assert zeros[1].dtype == np.float64
    equals(zeros, [np.full((2, 3), 2.0), np.zeros(4)])


def test_unknown_choice_for_the_unconnected():
    with GradientTape() as tape:
        y = constant(1.0) * 2.0
    with pytest.raises(ValueError, match=r'"none" or "zero", not \'nothing\''):
        tape.gradient(y, y, unconnected_gradients="nothing")


def test_output_gradients():
    def program(x, ct):
        with GradientTape() as tape:
            y = x * x
        return tape.gradient(y, x, output_gradients=ct)

    equals(
        run_in_all_forms(program, [1.0, 2.0], [10.0, 100.0]), np.array([20.0, 400.0])
    )


def test_output_gradients_for_some_targets():
    def program(x):
        with GradientTape() as tape:
            y, z = x * x, x * 3.0
        return tape.gradient([y, z], x, output_gradients=[None, np.array(10.0)])

    equals(run_in_all_forms(program, 2.0), 34.0)


def test_output_gradients_must_fit():
    x = constant([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        y = x * x
    with pytest.raises(ValueError, match=r"output_gradients of shape \(3,\) for"):
        tape.gradient(y, x, output_gradients=np.ones(3))
    with pytest.raises(ValueError, match="2 output_gradients for 1 targets"):
        tape.gradient(y, x, output_gradients=[np.ones(2), np.ones(2)])


def test_gradients_have_shape_and_dtype_of_the_source():
    def program(x, y):
        with GradientTape() as tape:
            z = np.sum(x * y)
        return tape.gradient(z, [x, y])

    x, y = np.ones((3, 1), np.float32), np.ones((1, 4))
    gx, gy = run_in_all_forms(program, x, y)
    assert (gx.shape, gx.dtype) == ((3, 1), np.float32)
    assert (gy.shape, gy.dtype) == ((1, 4), np.float64)
    equals([gx, gy], [np.full((3, 1), 4.0), np.full((1, 4), 3.0)])


@pytest.mark.parametrize(
    "cut",
    [
        lambda x: np.argmax(x) * 1.0,
        lambda x: np.sum(x > 0.5) * 1.0,
        lambda x: np.sum(x.astype(np.int64)) * 2.0,
        lambda x: np.sum(tapec.stop_gradient(x)),
        lambda x: np.sum(np.floor(x)) * 0.0 + np.sum(np.sign(tapec.stop_gradient(x))),
    ],
)
def test_cut_paths_have_no_gradient(cut):
    def program(x):
        with GradientTape() as tape:
            y = cut(x)
        return tape.gradient(y, [x])

    found = run_in_all_forms(program, [0.3, 0.7])
    assert found[0] is None or not np.any(found[0])


def test_gradients_of_a_stopped_value():
    def program(x):
        with GradientTape() as tape:
            y = tapec.stop_gradient(x)
            z = y * x
        return tape.gradient(z, [x, y])

    equals(run_in_all_forms(program, 2.0), [2.0, 2.0])


def test_gradient_is_a_tensor_that_holds_its_numbers():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        y = np.sum(x * x)
    g = tape.gradient(y, x)
    assert isinstance(g, tapec.Tensor)
    assert not g.numpy().flags.writeable
    equals(y, 5.0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_python_control_flow(n):
    def program(x):
        with GradientTape() as tape:
            y = x
            for _ in range(n):
                y = y * x if y < 100.0 else -y
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 3.0), (n + 1) * 3.0**n)


def test_complex_source():
    def program(z):
        with GradientTape() as tape:
            y = np.abs(z) ** 2 + np.real(z)
        return tape.gradient(y, z)

    assert run_in_all_forms(program, 3.0 + 4.0j) == pytest.approx(7.0 + 8.0j)


def test_lists_are_operands():
    def program(x):
        with GradientTape() as tape:
            y = np.sum(x * [3.0, 4.0]) + np.sum([1.0, 2.0] - x)
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 2.0), 5.0)
