"""The program cache: what is compiled, and when nothing is."""

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant, programs
from tapec.passes import pipeline
from tests.tape.forms import equals


@pytest.fixture(autouse=True)
def fresh():
    programs.clear()


def counted(action):
    """What `action` adds to the statistics, and how often a pass ran."""
    before = dict(programs.stats)
    action()
    return {k: v - before[k] for k, v in programs.stats.items()}


def step(v, factor=2.0):
    with GradientTape() as tape:
        loss = np.sum(v * v) * factor
    v.assign_sub(0.1 * tape.gradient(loss, v))


def test_interpreted_then_compiled_then_found(monkeypatch):
    v = Variable(np.ones(3))
    assert counted(lambda: step(v)) == {"hits": 0, "misses": 1, "compiled": 0}
    assert counted(lambda: step(v)) == {"hits": 1, "misses": 0, "compiled": 1}
    monkeypatch.setattr(pipeline, "run", None)
    assert counted(lambda: step(v)) == {"hits": 1, "misses": 0, "compiled": 0}


def test_another_shape_is_another_program():
    step(Variable(np.ones(3)))
    found = counted(lambda: step(Variable(np.ones(4))))
    assert found == {"hits": 0, "misses": 1, "compiled": 0}


def test_another_source_or_target_is_another_program():
    def ask(sources):
        x, y = constant(2.0), constant(3.0)
        with GradientTape() as tape:
            z = x * y
        return tape.gradient(z, [(x, y)[i] for i in sources])

    equals(ask([0]), [3.0])
    equals(ask([1]), [2.0])
    equals(ask([0, 1]), [3.0, 2.0])
    equals(ask([0]), [3.0])


def test_a_gap_is_part_of_the_structure():
    def ask(gap):
        x = constant(2.0)
        with GradientTape() as tape:
            if gap:
                with tape.stop_recording():
                    y = x * x
            else:
                y = x * x
            z = y * x
        return tape.gradient(z, x)

    equals([ask(g) for g in (0, 1, 0, 1)], [12.0, 4.0, 12.0, 4.0])


def test_a_changing_number_compiles_again_at_most_once():
    x = constant([1.0, 2.0])

    def run(rate):
        with GradientTape() as tape:
            y = np.sum(x * x) * rate
        equals(tape.gradient(y, x), np.array([2.0, 4.0]) * rate)

    run(0.1)
    run(0.1)
    found = counted(lambda: [run(0.1 * k) for k in range(1, 8)])
    assert found == {"hits": 7, "misses": 0, "compiled": 1}


def test_a_schedule_from_the_start_compiles_once():
    x = constant([1.0, 2.0])

    def run(rate):
        with GradientTape() as tape:
            y = np.sum(x * rate + rate)
        equals([y, tape.gradient(y, x)], [3 * rate + 2 * rate, np.full(2, rate)])

    found = counted(lambda: [run(0.5**k) for k in range(8)])
    assert found == {"hits": 7, "misses": 1, "compiled": 1}


def test_numbers_that_are_equal_in_python_only():
    def run(k, dtype):
        x = constant([1.0, 2.0], dtype)
        with GradientTape() as tape:
            y = np.sum(x * k)
        return tape.gradient(y, x)

    for k in (1, 1.0, True, 0.0, -0.0):
        for dtype in (np.float32, np.float64):
            g = run(k, dtype)
            assert g.dtype == dtype
            assert np.signbit(g.numpy()).tolist() == [np.signbit(k)] * 2


def test_attributes_are_structure():
    def run(n):
        x = constant(np.arange(6.0).reshape(2, 3))
        with GradientTape() as tape:
            y = np.sum(np.sum(x * x, axis=n) ** 2)
        return tape.gradient(y, x).numpy()

    x = np.arange(6.0).reshape(2, 3)
    for n in (0, 1, 0, 1):
        expected = 4 * x * np.sum(x * x, axis=n, keepdims=True)
        np.testing.assert_allclose(run(n), expected)


def test_a_program_holds_no_data():
    import gc
    import weakref

    gc.disable()
    try:
        x = constant(np.ones(100))
        with GradientTape() as tape:
            y = np.sum(x * np.ones(100))
        tape.gradient(y, x)
        gone = weakref.ref(x)
        del x, y, tape
        assert gone() is None
    finally:
        gc.enable()


def test_looking_inside_the_loop_is_cached_too():
    def run():
        x = constant(3.0)
        with GradientTape() as tape:
            y = x
            while y < 100.0:
                y = y * x
        return tape.gradient(y, x)

    equals(run(), 5 * 3.0**4)
    run()
    assert counted(run)["misses"] == 0


def test_a_line_that_always_misses_says_so_once():
    import warnings

    def run(n):
        x = constant(np.ones(n))
        with GradientTape() as tape:
            y = np.sum(x * x)
        equals(tape.gradient(y, x), 2 * np.ones(n))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(programs.MANY + 20):
            run(n)
    (warning,) = caught
    text = "256 recordings of different structure were made here"
    assert text in str(warning.message)


def test_function_shows_the_program():
    x = constant(2.0)
    with GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    text = str(tape.function())
    assert text.startswith("func @gradient(")
    assert "multiply" in text


def test_function_before_any_question():
    with pytest.raises(RuntimeError, match="not asked for a gradient"):
        tapec.GradientTape().function()


def test_very_long_programs_stay_interpreted(monkeypatch) -> None:
    monkeypatch.setattr(programs, "MOST_OPS", 10)
    x = tapec.constant(2.0)
    before = programs.stats["compiled"]
    for _ in range(3):
        with tapec.GradientTape() as tape:
            y = x
            for _ in range(20):
                y = y * 1.5
        assert float(tape.gradient(y, x)) == 1.5**20
    assert programs.stats["compiled"] == before


def test_eager_tapes_compute_each_op_at_once(monkeypatch) -> None:
    from tapec.tensor import binding

    monkeypatch.setattr(binding, "EAGER", True)
    x = tapec.constant(2.0)
    with tapec.GradientTape() as tape:
        y = x * x
        assert y.known is not None
    assert float(tape.gradient(y, x)) == 4.0
