"""In-place assignment, numbers that leave the tape, and `explain`."""

import copy
import math
import pickle
import re
import warnings

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant
from tests.tape.forms import equals, run_in_all_forms

# --- x[i] = v, x += v --------------------------------------------------------------


def test_item_assignment():
    def program(x, v):
        with GradientTape() as tape:
            y = x * 1.0
            y[0] = v
            y[1:] += 2.0
            z = np.sum(y * y)
        return tape.gradient(z, [x, v, y])

    expected = [np.array([0.0, 8.0, 10.0]), 14.0, np.array([14.0, 8.0, 10.0])]
    equals(run_in_all_forms(program, [1.0, 2.0, 3.0], 7.0), expected)


def test_what_was_computed_before_keeps_the_old_value():
    def program(x):
        with GradientTape() as tape:
            y = x * 1.0
            before = y * y
            y[0] = 5.0
            z = np.sum(before) + np.sum(y)
        return tape.gradient(z, x), before, y

    g, before, after = run_in_all_forms(program, [1.0, 2.0])
    equals([g, before, after], [np.array([2.0, 5.0]), np.array([1.0, 4.0]), after])
    equals(after, np.array([5.0, 2.0]))


def test_a_watched_source_stays_the_watched_value():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        x[0] = 7.0
        y = np.sum(x * x)
    equals(tape.gradient(y, x), np.array([0.0, 4.0]))
    equals(x, np.array([7.0, 2.0]))


def test_an_unwatched_source_is_its_last_value():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        x[0] = 7.0
        y = np.sum(x * x)
    equals(tape.gradient(y, x), np.array([14.0, 4.0]))


def test_augmented_assignment_makes_another_tensor():
    x = constant([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        first = x
        x += 1.0
        y = np.sum(x * x)
    equals(tape.gradient(y, [first, x]), [np.array([4.0, 6.0])] * 2)
    equals(first, np.array([1.0, 2.0]))


def test_assignment_outside_any_tape():
    x = constant([1.0, 2.0])
    x[1] = 9.0
    equals(x, np.array([1.0, 9.0]))


def test_assignment_between_two_tapes():
    x = constant([1.0, 2.0])
    for k in range(3):
        with GradientTape() as tape:
            y = np.sum(x * x)
        equals(tape.gradient(y, x), 2 * x.numpy())
        x[0] = float(k)


def test_a_trace_cannot_assign_to_a_tensor_outside():
    x = constant([1.0, 2.0])

    @tapec.jit
    def f(a):
        x[0] = a
        return x * 1.0

    with pytest.raises(TypeError, match="outside of the traced function"):
        f(3.0)
    equals(x, np.array([1.0, 2.0]))


# --- looks -------------------------------------------------------------------------

IMPLICIT = {
    "float": lambda x: math.sin(x),
    "array": lambda x: np.array([float(x), 1.0])[0],
    "full": lambda x: np.full(2, x)[0],
    "store": lambda x: store(x),
}


def store(x):
    a = np.zeros(2)
    a[0] = x
    return a[0]


@pytest.mark.parametrize("how", IMPLICIT)
def test_implicit_looks_warn_once_per_line(how):
    x = constant(2.0)
    look = eval(f"lambda x: [IMPLICIT[{how!r}](x * 1.0) for _ in range(3)]")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with GradientTape() as tape:
            y = constant(look(x)[0]) * 2.0
        assert tape.gradient(y, x) is None
    assert len(caught) == 1
    assert "the gradient stops here; use " in str(caught[0].message)


def test_the_warning_names_the_remedy_and_the_line():
    x = constant(2.0)
    with GradientTape(), pytest.warns(UserWarning) as caught:
        math.cos(x)
    assert str(caught[0].message) == (
        "float(x): the gradient stops here; "
        "use x * 1.0, x.astype(float) or np.sin for math.sin"
    )
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "value",
    [
        lambda: constant(3),
        lambda: constant(3) * 2,
        lambda: tapec.stop_gradient(constant(2.0) * 1.0),
        lambda: np.argmax(constant([1.0, 2.0])),
        lambda: Variable(2.0, trainable=False),
    ],
)
def test_no_warning_when_nothing_differentiable_feeds_the_value(value):
    with warnings.catch_warnings(), GradientTape():
        warnings.simplefilter("error")
        float(value())


def test_no_warning_where_nothing_is_recorded():
    x = constant(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        math.sin(x)
        with GradientTape() as tape, tape.stop_recording():
            math.sin(x * 1.0)


@pytest.mark.parametrize("how", IMPLICIT)
def test_implicit_looks_raise_in_a_trace(how):
    with pytest.raises((TypeError, ValueError)) as caught:
        tapec.jit(IMPLICIT[how])(2.0)
    # where NumPy puts an error of its own on top, ours is the cause
    error = caught.value if how != "store" else caught.value.__cause__
    assert isinstance(error, TypeError)
    assert "would freeze a number; use " in str(error)


@pytest.mark.parametrize(
    ("look", "named"),
    [
        (lambda x: x.numpy(), ".numpy()"),
        (lambda x: x.item(), ".item()"),
        (lambda x: 1.0 if x > 0 else 2.0, "bool(x)"),
        (lambda x: float(str(x)[7]), "print(x)"),
        (lambda x: float(f"{x:.3f}"), "format(x)"),
    ],
)
def test_explicit_looks_are_silent_and_listed(look, named):
    x = constant(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with GradientTape() as tape:
            y = constant(look(x * 1.0)) * 3.0
        assert tape.gradient(y, x) is None
    text = tape.explain(y, x)
    assert text.startswith(
        f"the target does not depend on the source: {named} took its number"
    )
    assert "lambda x" in text


def test_a_look_at_the_source_itself():
    x = constant(2.0)
    with GradientTape() as tape:
        y = constant(x.numpy() * 2.0) * 3.0
    assert tape.gradient(y, x) is None
    assert ".numpy() took its number" in tape.explain(y, x)


# --- explain -----------------------------------------------------------------------


def test_explain_a_gradient():
    x = constant(2.0)
    with GradientTape() as tape:
        y = np.sin(x) * 2.0
    equals(tape.gradient(y, x), 2 * np.cos(2.0))
    first, sine, product = tape.explain(y, x).splitlines()
    assert first == "the gradient reaches the source through 2 recorded ops"
    assert re.fullmatch(r"  %1 = sin       test_looks.py:\d+  np.sin\(x\)", sine)
    assert re.fullmatch(
        r"  %3 = multiply  test_looks.py:\d+  np.sin\(x\) \* 2.0", product
    )


def test_a_long_path_is_shortened():
    x = constant(2.0)
    with GradientTape(persistent=True) as tape:
        y = x
        for _ in range(20):
            y = np.sin(y)
        z = y + x
    lines = tape.explain(y, x).splitlines()
    assert lines[0].endswith("through 20 recorded ops")
    assert lines[7] == "  ... 8 more"
    assert len(lines) == 14
    assert len(tape.explain(z, x).splitlines()) == 2


@pytest.mark.parametrize("asked", [True, False])
def test_explain_shows_the_cut(asked):
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        y = tapec.stop_gradient(x * 2.0) * 3.0
    if asked:
        assert tape.gradient(y, x) is None
    lines = tape.explain(y, x).splitlines()
    assert lines[0] == "the gradient is cut at stop_gradient, which has no derivative"
    assert lines[2].strip() == "y = tapec.stop_gradient(x * 2.0) * 3.0"
    assert lines[3].strip("^ ") == ""


def test_explain_a_cast():
    x = constant([1.0, 2.0])
    with GradientTape() as tape:
        y = np.sum(x.astype(np.int32)) * 2.0
    assert tape.explain(y, x).startswith(
        "the gradient is cut at cast, whose result is i32[2]"
    )


def test_explain_a_gap():
    x = constant(1.0)
    with GradientTape() as tape:
        with tape.stop_recording():
            y = x * 2.0
        z = y * 2.0
    assert tape.gradient(z, x) is None
    assert tape.explain(z, x).startswith(
        "the gradient is cut at multiply, which the tape did not record"
    )


def tape_says(tape, target, source):
    """The answer before and after `gradient` is the same."""
    before = tape.explain(target, source)
    assert tape.gradient(target, source) is None
    assert tape.explain(target, source) == before
    return before


def test_explain_other_reasons():
    x, n = constant(1.0), constant(2)
    tape = GradientTape()
    assert tape.explain(x, x) == "the tape never recorded"
    with tape:
        tape.watch(x)
        y = constant(3.0) * 2.0
        z = n * 2.0
    assert tape.explain(y, x) == "the target does not depend on the source"
    assert tape.explain(y, constant(1.0)) == (
        "the source was not recorded by this tape: not watched, or never used"
    )
    with GradientTape(watch_accessed_variables=False) as strict:
        w = x * 2.0
    assert tape_says(strict, w, x).startswith("the source was not watched: with watch_")
    fixed = Variable(1.0, trainable=False)
    with GradientTape() as plain:
        w = fixed * 2.0
    assert tape_says(plain, w, fixed).startswith("the source is a Variable with train")
    with pytest.warns(UserWarning):
        assert tape.explain(z, n) == "a source of dtype int64 has no gradient"
    del tape


# --- copies --------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: x.copy()])
def test_copies_are_differentiable_and_apart(duplicate):
    def program(x):
        with GradientTape() as tape:
            y = x * 2.0
            z = duplicate(y)
            z[0] = 0.0
            w = np.sum(y * y) + np.sum(z)
        return tape.gradient(w, x)

    equals(run_in_all_forms(program, [1.0, 2.0]), np.array([8.0, 18.0]))


def test_pickling_takes_the_numbers():
    x = constant([1.0, 2.0])
    with GradientTape():
        y = pickle.loads(pickle.dumps(x * 2.0))
    assert y.rec is None
    equals(y, np.array([2.0, 4.0]))


def test_copying_a_variable():
    v = Variable([1.0, 2.0], name="v")
    for w in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        w.assign_add([1.0, 1.0])
        assert w.name == "v"
        equals([v, w], [np.array([1.0, 2.0]), np.array([2.0, 3.0])])
