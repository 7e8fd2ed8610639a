"""Recordings that begin alike share values; what they compute stays their own."""

import threading
import weakref

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant, programs
from tapec.recording import trail
from tests.tape.forms import equals


@pytest.fixture(autouse=True)
def fresh():
    programs.clear()


def recorded(f, *sources):
    """Gradients of `f` by a tape whose line all tests share, and its function."""
    with GradientTape() as tape:
        y = f(*sources)
    found = tape.gradient(y, list(sources))
    return found, tape.function()


def test_a_recording_on_a_trail_makes_no_values():
    def run():
        with GradientTape() as tape:
            y = np.mean(np.tanh(x * 2.0)[1:]) ** 2
        value = y.value
        tape.gradient(y, x)
        return value

    x = constant([1.0, 2.0, 3.0])
    first, second, third, fourth = (run() for _ in range(4))
    assert first is not second
    assert second is third
    assert third is fourth


@pytest.mark.parametrize("count", [3, 2 * trail.MOST_FOLLOWING])
def test_many_ways_on_from_one_step(count):
    x = constant([1.0, 2.0])
    for _ in range(4):
        for n in range(count):
            (g,), _ = recorded(lambda x, n=n: np.sum(x * float(n)) * (n + 0.5), x)
            equals(g, np.full(2, n * (n + 0.5)))


def test_numbers_that_are_equal_in_python_only():
    x = constant([4, 9], np.float32)
    for _ in range(4):
        for k in (1, 1.0, True, np.float64(1.0), 0.0, -0.0):
            y = recorded(lambda x, k=k: np.sum(x * k), x)[0][0]
            assert y.dtype == np.float32
            assert np.signbit(y.numpy()).tolist() == [np.signbit(k)] * 2


def test_operands_changed_places():
    x, y = constant(2.0), constant(3.0)
    for _ in range(4):
        equals(recorded(lambda x, y: x - y, x, y)[0], [1.0, -1.0])
        equals(recorded(lambda x, y: y - x, x, y)[0], [-1.0, 1.0])


def test_variables_that_changed():
    v = Variable([1.0, 2.0], name="v")
    for k in range(5):
        (g,), fn = recorded(lambda v: np.sum(v * v * v), v)
        equals(g, 3 * np.array([1.0 + k, 2.0 + k]) ** 2)
        assert "%v: f64[2]" in str(fn)
        v.assign_add(1.0)


def test_variables_of_other_names_and_types():
    for _ in range(3):
        for name, dtype in (("a", "f4"), ("b", "f8"), ("c", "f8")):
            v = Variable([1.0, 2.0], name=name, dtype=dtype)
            (g,), fn = recorded(lambda v: np.sum(v * v), v)
            assert g.dtype == dtype
            assert f"%{name}: " in str(fn)


def test_an_operand_that_is_read_twice():
    def f(a, b):
        return np.sum(a * b)

    v, w = Variable([1.0, 2.0]), Variable([3.0, 5.0])
    for _ in range(3):
        for a, b, expected in (
            (v, v, [[2.0, 4.0]]),
            (v, w, [[3.0, 5.0], [1.0, 2.0]]),
            (w, v, [[1.0, 2.0], [3.0, 5.0]]),
        ):
            with GradientTape() as tape:
                y = f(a, b)
            sources = [a] if a is b else [a, b]
            for g, e in zip(tape.gradient(y, sources), expected, strict=True):
                equals(g, np.array(e))
            assert list(tape.watched_variables()) == sources


def test_constants_that_are_one_or_two():
    x, y = constant([1.0, 2.0]), constant([3.0, 5.0])
    for a, b in [(x, y), (x, x), (x, y), (y, y), (y, x), (x, x)] * 2:
        with GradientTape() as tape:
            z = np.sum(a * b + b * a)
        g, h = tape.gradient(z, [a, b])
        factor = 2 if a is b else 1
        equals(g, 2 * factor * b.numpy())
        equals(h, 2 * factor * a.numpy())


def test_arrays_that_changed():
    frozen = np.array([5.0, 7.0])
    frozen.setflags(write=False)
    data, x = np.array([1.0, 2.0]), constant([1.0, 1.0])
    for k in range(5):
        with GradientTape() as tape:
            y = x * data
            data += 1.0
            z = np.sum(y * data + frozen * x * frozen)
        equals(tape.gradient(z, x), (data - 1.0) * data + frozen**2)
        assert len(tape.function().params) == 4, k
    for shape, dtype in (((1,), "f8"), ((2,), "f4"), ((2, 2), "f8"), ((2,), "f8")):
        with GradientTape() as tape:
            z = np.sum(x * np.full(shape, 3.0, dtype))
        equals(tape.gradient(z, x), np.full(2, 3.0 * (len(shape))))


def test_an_array_where_a_variable_was():
    data, v = np.array([1.0, 2.0]), Variable([1.0, 2.0])
    x = constant([3.0, 4.0])
    for operand in [data, v, v, data, v] * 2:
        with GradientTape() as tape:
            y = np.sum(x * operand)
        equals(tape.gradient(y, x), np.array([1.0, 2.0]))
        assert tape.watched_variables() == ((v,) if operand is v else ())


def test_a_first_operand_that_fits_and_a_second_that_does_not():
    v, w = Variable([1.0, 2.0], name="v"), Variable([3.0, 5.0], name="w")
    other = Variable([7.0, 8.0], name="other")
    for b in [w, w, w, other, w, other]:
        with GradientTape() as tape:
            y = np.sum(v * b)
        assert [id(read) for _, read, _ in tape._rec.reads] == [id(v), id(b)]
        equals(tape.gradient(y, [v])[0], b.numpy())


def test_one_of_two_that_were_read_before():
    v, w = Variable([1.0, 2.0]), Variable([3.0, 5.0])
    for k in range(8):
        with GradientTape() as tape:
            y = v * 2.0 + w * 3.0
            z = np.sum(y * (w if k % 2 else v))
        both = 2 * v.numpy() + 3 * w.numpy()
        g, h = tape.gradient(z, [v, w])
        equals(g, 2 * w.numpy() if k % 2 else both + 2 * v.numpy())
        equals(h, both + 3 * w.numpy() if k % 2 else 3 * v.numpy())


def test_sources_in_any_order_and_number():
    v, w = Variable([1.0, 2.0]), Variable([3.0, 5.0])
    of = {id(v): w.numpy(), id(w): v.numpy()}
    for sources in [(v, w), (w, v), (v,), (v, v), (w, v), (v, w, v), (v, w)] * 2:
        with GradientTape() as tape:
            y = np.sum(v * w)
        for g, x in zip(tape.gradient(y, list(sources)), sources, strict=True):
            equals(g, of[id(x)])


def test_sources_that_others_were():
    variables = [Variable([k + 1.0, k + 2.0]) for k in range(3)]
    for a, b, c in [(0, 1, 2), (0, 1, 2), (1, 0, 2), (2, 2, 0), (0, 1, 1), (0, 1, 2)]:
        first, second, extra = variables[a], variables[b], variables[c]
        with GradientTape() as tape:
            y = np.sum(first * second)
            extra.read_value()
        g, h = tape.gradient(y, [first, extra])
        equals(g, (2 if a == b else 1) * second.numpy())
        if c in (a, b):
            equals(h, (2 if a == b else 1) * (second if c == a else first).numpy())
        else:
            assert h is None


def test_a_variable_that_is_assigned_between():
    for _ in range(4):
        v, w = Variable([1.0, 2.0]), Variable([3.0, 5.0])
        with GradientTape() as tape:
            y = v * w
            v.assign_add(1.0)
            z = np.sum(y * v)
        g, h = tape.gradient(z, [v, w])
        equals(g, np.array([3.0 * 2 + 3.0, 5.0 * 3 + 10.0]))
        equals(h, np.array([2.0, 6.0]))


def test_a_variable_that_may_not_be_trained_any_more():
    v, w = Variable([1.0, 2.0]), Variable([3.0, 5.0])
    for trainable in (True, True, True, False, True):
        v.trainable = trainable
        with GradientTape() as tape:
            y = np.sum(v * w)
        g, h = tape.gradient(y, [v, w])
        assert (g is not None) == trainable
        equals(h, v.numpy())
        assert len(tape.watched_variables()) == 1 + trainable


def test_numbers_of_numpys_types():
    x = constant([1.0, -4.0], np.float32)
    numbers = (np.float32(2.0), np.float64(2.0), np.float64(0.0), np.float64(-0.0))
    for _ in range(3):
        for k in (*numbers, np.int8(3), np.bool_(True), 1j, complex(0.0, -0.0)):
            with GradientTape() as tape:
                y = x * k
                assert y.dtype == (np.ones(1, np.float32) * k).dtype
            found, expected = y.numpy(), x.numpy() * k
            assert found.tobytes() == expected.tobytes()
            del tape


def test_tensors_that_are_held_get_their_numbers():
    x = constant([1.0, 2.0])
    for hold in (0, 1, 2, 1, 0, 2, 1):
        held = []

        def f(x, held=held, hold=hold):
            a = x * 3.0
            b = a + 1.0
            held += [a, b][:hold]
            return np.sum(b * b)

        (g,), _ = recorded(f, x)
        equals(g, 6 * (3 * np.array([1.0, 2.0]) + 1))
        for h, expected in zip(held, ([3.0, 6.0], [4.0, 7.0]), strict=False):
            assert h.known is not None
            equals(h, np.array(expected))


def test_two_tapes_of_one_line_at_a_time():
    def opened(x):
        tape = GradientTape(persistent=True)
        with tape:
            y = np.sum(x * x)
        return tape, y

    for _ in range(4):
        a, b = constant([1.0, 2.0]), constant([3.0, 5.0])
        (tape_a, y_a), (tape_b, y_b) = opened(a), opened(b)
        assert tape_a.gradient(y_a, b) is None
        assert tape_b.gradient(y_a, b) is None
        equals(tape_b.gradient(y_b, b), np.array([6.0, 10.0]))
        equals(tape_a.gradient(y_a, a), np.array([2.0, 4.0]))


def test_a_value_of_another_recording_is_a_constant_here():
    kept = []

    def run(x):
        with GradientTape() as tape:
            h = x * 2.0
            y = h * kept[-1] if kept else h * h
        kept.append(h)
        return tape.gradient(y, x)

    for k in range(1, 6):
        g = run(constant(float(k)))
        equals(g, 8.0 if k == 1 else 2.0 * 2.0 * (k - 1))


def test_lines_are_those_of_this_recording():
    def f(x, which):
        if which:
            return x * x
        return x * x

    def lines(which):
        with GradientTape() as tape:
            y = f(x, which)
        tape.gradient(y, x)
        ops = [op for op in tape.function().ops if op.meta.primal is None]
        return [op.meta.loc.line for op in ops if op.prim.name == "multiply"]

    x = constant(2.0)
    first = f.__code__.co_firstlineno
    for _ in range(4):
        assert lines(True)[0] == first + 2
        assert lines(False)[0] == first + 3


def test_callers_are_those_of_this_recording():
    def square(x):
        return x * x

    def callers(which):
        with GradientTape() as tape:
            if which:
                y = square(x)
            else:
                y = square(x)
        tape.gradient(y, x)
        return [code_at[1] for code_at in tape.function().ops[0].meta.loc.frames]

    x = constant(2.0)
    found = [callers(k % 2) for k in range(6)]
    assert found[2] == found[4]
    assert found[3] == found[5]
    assert found[2] != found[3]


def test_scopes_are_those_of_this_recording():
    x = constant(2.0)
    for _ in range(4):
        for name in ("a", "b", ""):

            def f(x, name=name):
                with tapec.scope(name):
                    return x * x

            fn = recorded(f, x)[1]
            assert fn.ops[0].meta.scope == name


def test_a_mask_is_read_each_time():
    for k in range(8):
        x = constant(np.roll([1.0, -2.0, 3.0, -4.0, 5.0], k) - (k % 3))
        (g,), _ = recorded(lambda x: np.sum((x * 1.0)[x * 1.0 > 0] ** 2), x)
        equals(g, np.where(x.numpy() > 0, 2 * x.numpy(), 0.0))


def test_a_mask_whose_numbers_are_known_is_read_each_time():
    for k in range(8):
        x = constant(np.roll([1.0, -2.0, 3.0, -4.0, 5.0], k))

        def f(x):
            mask = x * 1.0 > 0
            mask.numpy()
            return np.sum((x * 1.0)[mask] ** 2) + np.sum(np.compress(mask, x * 3.0))

        (g,), _ = recorded(f, x)
        equals(g, np.where(x.numpy() > 0, 2 * x.numpy() + 3.0, 0.0))


def test_numbers_looked_at_decide_each_time():
    for k in (1.0, 3.0, 1.0, 3.0, 1.0, 3.0):
        (g,), _ = recorded(
            lambda x: x * x if float((x * 1.0).item()) > 2 else x * 5.0, constant(k)
        )
        equals(g, 2 * k if k > 2 else 5.0)


def test_assignment_into_tensors():
    for k in range(5):
        x = constant([1.0 + k, 2.0, 3.0])

        def f(x):
            y = x * 2.0
            y[0] = y[1] * y[1]
            np.fill_diagonal(m := y * np.ones((3, 1)), 0.0)
            return np.sum(m)

        (g,), _ = recorded(f, x)
        np.testing.assert_allclose(g.numpy(), [0.0, 2 * 2 * 4.0 * 2 + 4, 4.0])


def test_a_recording_keeps_no_array_on_its_trail():
    for _ in range(4):
        data = np.ones(2000)
        v = Variable(np.ones(2000))
        gone = weakref.ref(v.array)
        recorded(lambda v, data=data: np.sum(v * data + np.arange(2000.0)), v)
        del v, data
        assert gone() is None


def test_trails_are_bounded(monkeypatch):
    monkeypatch.setattr(trail, "MOST_STEPS", 100)
    x = constant(2.0)
    for n in [*range(1, 60), *range(1, 60)]:
        (g,), _ = recorded(lambda x, n=n: x**n * n, x)
        equals(g, n * n * 2.0 ** (n - 1))
        assert trail._steps <= 100


def test_plans_are_bounded(monkeypatch):
    monkeypatch.setattr(trail, "MOST_KEPT", 5000)
    x = constant(2.0)
    roots = []
    for n in [*range(1, 12), *range(1, 12)]:

        def f(x, n=n):
            for _ in range(n):
                x = x * 1.5
            return x

        equals(recorded(f, x)[0], [1.5**n])
        roots.append(len(trail._roots))
        assert trail._kept <= 5000
    assert 0 in roots


def test_long_recordings_leave_the_trail(monkeypatch):
    monkeypatch.setattr(trail, "LONGEST", 20)

    def f(x):
        for _ in range(50):
            x = x * 1.5
        return x

    for _ in range(4):
        equals(recorded(f, constant(2.0))[0], [1.5**50])


def test_an_operation_that_fails_leaves_the_trail():
    def f(x, bad):
        y = x * 2.0
        if bad:
            with pytest.raises(np.linalg.LinAlgError):
                np.linalg.cholesky(-np.eye(2) * y)
        return y * y

    for bad in (0, 0, 1, 0, 1, 1, 0):
        (g,), _ = recorded(lambda x, bad=bad: f(x, bad), constant(3.0))
        equals(g, 24.0)


def test_threads_on_one_trail():
    wrong = []

    def work(k):
        for i in range(40):
            x = constant([float(k), float(i)])
            n = (i + k) % 5 + 1
            (g,), _ = recorded(lambda x, n=n: np.sum(x * float(n)) * 2.0, x)
            if g.numpy().tolist() != [2.0 * n] * 2:
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_nested_tapes():
    def run(k):
        x = constant(k)
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = np.sin(x) * x * x
            g = inner.gradient(y, x)
            z = g * g
        return outer.gradient(z, x)

    for k in (0.5, 1.5, 2.5, 0.5, 1.5):
        g = 2 * k * np.sin(k) + k * k * np.cos(k)
        h = 2 * np.sin(k) + 4 * k * np.cos(k) - k * k * np.sin(k)
        np.testing.assert_allclose(run(k).numpy(), 2 * g * h, rtol=1e-13)


def test_an_added_pass_is_not_passed_by():
    met = []

    def watching(fn):
        met.append(fn.name)
        return fn

    x = constant([1.0, 2.0])

    def run():
        with GradientTape() as tape:
            y = np.sum(x * x)
        equals(tape.gradient(y, x), np.array([2.0, 4.0]))

    for _ in range(4):
        run()
    added = tapec.add_pass(watching)
    try:
        for _ in range(3):
            run()
        assert met
    finally:
        tapec.remove_pass(added)


def random_program(rng):
    """A function of two arrays made of a few operations, perhaps one of few."""
    picks = rng.integers(0, 8, 6)

    def f(x, y):
        a = x
        for p in picks:
            if p == 0:
                a = a * y
            elif p == 1:
                a = np.sin(a)
            elif p == 2:
                a = a + 0.5 * float(picks[0])
            elif p == 3:
                a = np.mean(a) + a
            elif p == 4:
                a = a[::-1]
            elif p == 5:
                a = np.where(a > 0.1, a, y)
            elif p == 6:
                a = np.concatenate([a[1:], y[:1]])
            else:
                a = a @ np.ones((3, 3)) + np.stack([a, y]).sum(axis=0)
        return np.sum(a * a)

    return f


def test_random_programs_give_what_a_fresh_recording_gives():
    rng = np.random.default_rng(7)
    programs_ = [random_program(rng) for _ in range(12)]
    for _ in range(120):
        f = programs_[rng.integers(12)]
        x, y = (constant(rng.uniform(-1, 1, 3)) for _ in range(2))
        found, _ = recorded(f, x, y)
        with GradientTape() as tape:
            tape._rec.step = None
            z = f(x, y)
        for g, expected in zip(found, tape.gradient(z, [x, y]), strict=True):
            assert (g is None) == (expected is None)
            if g is not None:
                np.testing.assert_allclose(
                    g.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14
                )
