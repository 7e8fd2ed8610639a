"""Variables: what they are, assigning, and gradients of what was read before."""

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant
from tapec.errors import ShapeError
from tests.tape.forms import equals


def test_what_a_variable_is():
    v = Variable([[1.0, 2.0]], name="v")
    assert (v.shape, v.dtype, v.ndim, v.size) == ((1, 2), np.float64, 2, 2)
    assert (v.name, v.trainable) == ("v", True)
    assert not v.numpy().flags.writeable
    equals([v.read_value(), v.value()], [np.array([[1.0, 2.0]])] * 2)
    assert Variable(1, dtype=np.float32).dtype == np.float32
    assert not Variable(1.0, trainable=False).trainable


def test_the_initial_array_is_copied():
    a = np.zeros(2)
    v = Variable(a)
    a[0] = 1.0
    assert v.numpy()[0] == 0.0


def test_assigning():
    v = Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]) is v
    v.assign_add([1.0, 1.0])
    v.assign_sub(constant([0.5, 0.5]))
    equals(v, np.array([3.5, 4.5]))


def test_assigning_keeps_type_and_shape():
    v = Variable([1.0, 2.0], dtype=np.float32)
    v.assign_add(np.ones(2))
    assert v.dtype == np.float32
    with pytest.raises(ShapeError, match=r"variable f32\[2\] cannot hold shape \(3,\)"):
        v.assign(np.ones(3))
    with pytest.raises(ShapeError):
        v.assign_add(np.ones((2, 2)))


def test_scatter():
    v = Variable(np.zeros(4))
    v[1] = 5.0
    v[2:] = constant([6.0, 7.0])
    v.scatter_add([1, 1, 0], [1.0, 1.0, 2.0])
    v.scatter_sub([3, 3], 1.0)
    v.scatter_update([0], [9.0])
    equals(v, np.array([9.0, 7.0, 6.0, 5.0]))


def test_scatter_in_a_compiled_function():
    v = Variable(np.zeros(3))

    @tapec.jit
    def step(x):
        v[0] = x
        v.scatter_add(np.array([1, 1]), x)
        return v * 1.0

    equals(step(2.0), np.array([2.0, 4.0, 0.0]))
    equals(step(3.0), np.array([3.0, 10.0, 0.0]))
    equals(v, np.array([3.0, 10.0, 0.0]))


def test_gradient_of_what_was_read_before_an_assign():
    v = Variable(3.0)
    with GradientTape() as tape:
        y = v * v
        v.assign(100.0)
    equals(tape.gradient(y, v), 6.0)
    assert v.item() == 100.0


def test_gradients_of_all_reads_add_up():
    v = Variable(3.0)
    with GradientTape() as tape:
        y = v * v
        v.assign(10.0)
        z = y + v * v
    equals(tape.gradient(z, v), 26.0)


def test_item_assignment_inside_a_tape():
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = np.sum(v * v)
        v[0] = 10.0
    equals(tape.gradient(y, v), np.array([2.0, 4.0]))


def test_a_variable_as_target():
    v = Variable(3.0)
    with GradientTape() as tape:
        tape.watch(v)
        v * 2.0
    equals(tape.gradient(v, v), 1.0)


def test_watched_variables():
    a, b, c = Variable(1.0), Variable(2.0), Variable(3.0)
    with GradientTape() as tape:
        y = a * b
        with tape.stop_recording():
            c * 2.0
    assert tape.watched_variables() == (a, b)
    tape.gradient(y, a)
    assert tape.watched_variables() == (a, b)


def test_looking_at_a_variable_does_not_watch_it():
    v = Variable(1.0)
    with GradientTape() as tape:
        v.numpy()
        str(v)
    assert tape.watched_variables() == ()


def test_reads_in_the_gap_do_not_count():
    v = Variable(3.0)
    with GradientTape() as tape:
        with tape.stop_recording():
            y = v * v
        z = y * 2.0
    assert tape.gradient(z, v) is None


def train(w, steps, rate=0.1):
    for _ in range(steps):
        with GradientTape() as tape:
            loss = np.sum((w - 3.0) ** 2)
        w.assign_sub(rate * tape.gradient(loss, w))


def test_training_steps_in_one_compiled_function():
    eager, compiled = Variable([1.0, 5.0]), Variable([1.0, 5.0])

    @tapec.jit
    def two_steps():
        train(compiled, 2)

    for _ in range(3):
        train(eager, 2)
        two_steps()
        equals(compiled, eager.numpy())
    assert len(two_steps.signatures) == 1


def test_second_gradient_after_an_assign_in_jit():
    v = Variable(1.0)

    @tapec.jit
    def step():
        with GradientTape() as tape:
            a = v * v
            v.assign(v * 10.0)
            b = a + v * v
        return tape.gradient(b, v)

    eager = Variable(1.0)
    with GradientTape() as tape:
        a = eager * eager
        eager.assign(eager * 10.0)
        b = a + eager * eager
    expected = tape.gradient(b, eager).item()
    assert expected == 22.0
    equals([step(), v.numpy()], [22.0, 10.0])


def test_an_argument_assigned_stays_the_callers():
    v, x = Variable(np.zeros(2)), np.ones(2)

    @tapec.jit
    def f(a):
        v.assign(a)

    f(x)
    x[0] = 7.0
    equals(v, np.ones(2))


@pytest.mark.parametrize("watched", [True, False])
def test_integer_variable(watched):
    n = Variable(3, name="steps")
    with GradientTape() as tape, pytest.warns(UserWarning) as caught:
        if watched:
            tape.watch(n)
        y = n * 2.0
        found = tape.gradient(y, n)
    assert found is None
    (warning,) = caught
    assert str(warning.message) == (
        "variable 'steps' of dtype int64 has no gradient; make it float"
    )
    assert warning.filename == __file__


def test_integer_tensor():
    x = constant([1, 2])
    with GradientTape() as tape:
        y = np.sum(x * 2.0)
    with pytest.warns(UserWarning, match="a source of dtype int64 has no gradient"):
        assert tape.gradient(y, x) is None


def test_a_variable_that_is_target_and_source():
    def program(v):
        with GradientTape() as tape:
            result = v
        return tape.gradient(result, v)

    v, fixed = Variable(3.0), Variable(1.0, trainable=False)
    equals(program(v), 1.0)
    assert program(fixed) is None
    equals(tapec.jit(lambda: program(v))(), 1.0)
