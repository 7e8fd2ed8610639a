"""A question asked again at the same end of a trail is not worked out again."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, programs
from tapec import tape as tape_module
from tests.tape.forms import equals


@pytest.fixture(autouse=True)
def fresh():
    programs.clear()


@pytest.fixture
def worked_out(monkeypatch):
    """The questions that were worked out."""
    asked = []
    usual = tape_module.gradients

    def noted(request):
        asked.append(request)
        return usual(request)

    monkeypatch.setattr(tape_module, "gradients", noted)
    return asked


def recorded(*variables):
    a, b = variables
    tape = GradientTape()
    with tape:
        h = np.tanh(a * b)
        y = np.sum(h * a)
    return tape, h, y


def by_hand(a, b):
    a, b = a.numpy(), b.numpy()
    h = np.tanh(a * b)
    return [h + a * (1 - h * h) * b, a * (1 - h * h) * a]


def two():
    return Variable([0.5, -1.0, 2.0], name="a"), Variable([1.5, 0.25, -0.5], name="b")


def settled(a, b):
    """Ask the same until it is answered at once."""
    for _ in range(4):
        tape, h, y = recorded(a, b)
        del h
        equals(tape.gradient(y, [a, b]), by_hand(a, b))


def test_the_same_again(worked_out):
    a, b = two()
    settled(a, b)
    worked_out.clear()
    for _ in range(5):
        tape, h, y = recorded(a, b)
        del h
        equals(tape.gradient(y, [a, b]), by_hand(a, b))
        equals(y, np.sum(np.tanh(a.numpy() * b.numpy()) * a.numpy()))
        assert y.rec is None
        a.assign_add(0.125)
        b.assign_sub([0.5, 0.25, 1.0])
    assert not worked_out


def test_other_variables_along_the_same_trail(worked_out):
    settled(*two())
    worked_out.clear()
    a, b = two()
    a.assign([3.0, 1.0, 0.0])
    tape, h, y = recorded(a, b)
    del h
    equals(tape.gradient(y, [a, b]), by_hand(a, b))
    assert not worked_out


def test_other_sources():
    a, b = two()
    settled(a, b)
    da, db = by_hand(a, b)
    for sources, wanted in (
        ([b, a], [db, da]), ([a], [da]), ([b], [db]), ([a, b, a], [da, db, da]),
        ([a, Variable([1.0])], [da, None]), ([], []),
    ):  # fmt: skip
        for _ in range(4):
            tape, h, y = recorded(a, b)
            del h
            found = tape.gradient(y, sources)
            assert len(found) == len(wanted)
            for f, w in zip(found, wanted, strict=True):
                assert f is w is None or np.allclose(f.numpy(), w, 1e-14, 1e-14)
    settled(a, b)


def test_tensors_that_are_alive():
    a, b = two()
    settled(a, b)
    for _ in range(3):
        tape, h, y = recorded(a, b)
        equals(tape.gradient(y, [a, b]), by_hand(a, b))
        equals(h, np.tanh(a.numpy() * b.numpy()))
    for _ in range(3):
        tape, h, y = recorded(a, b)
        equals(y, np.sum(np.tanh(a.numpy() * b.numpy()) * a.numpy()))
        equals(tape.gradient(y, [a, b]), by_hand(a, b))
        equals(h, np.tanh(a.numpy() * b.numpy()))


def test_what_is_asked_otherwise():
    a, b = two()
    settled(a, b)
    da, db = by_hand(a, b)
    tape, _, y = recorded(a, b)
    equals(
        tape.gradient(y, [a, b], output_gradients=2.0 * np.ones(())), [2 * da, 2 * db]
    )
    tape, _, y = recorded(a, b)
    other = Variable([1.0])
    zero = tape.gradient(y, [a, b, other], unconnected_gradients="zero")[2]
    equals(zero, np.zeros(1))
    with pytest.raises(ValueError, match="unconnected_gradients"):
        recorded(a, b)[0].gradient(y, [a, b], unconnected_gradients="none?")
    tape, _, y = recorded(a, b)
    a.trainable = False
    found = tape.gradient(y, [a, b])
    assert found[0] is None
    equals(found[1], db)
    a.trainable = True
    settled(a, b)


def test_watched_and_partly_recorded():
    a, b = two()
    settled(a, b)
    _, db = by_hand(a, b)
    tape, _, y = recorded(a, b)
    tape.watch(a)
    equals(tape.gradient(y, [a, b])[1], db)
    tape = GradientTape(watch_accessed_variables=False)
    with tape:
        tape.watch(b)
        y = np.sum(np.tanh(a * b) * a)
    found = tape.gradient(y, [a, b])
    assert found[0] is None
    equals(found[1], db)


def test_inside_and_outside_of_tapes():
    a, b = two()
    for _ in range(5):
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = np.sum(a * a * b)
            (g,) = inner.gradient(y, [a])
            z = np.sum(g * g)
        found = outer.gradient(z, [a, b])
        x, w = a.numpy(), b.numpy()
        equals(found, [8 * x * w * w, 8 * x * x * w])
        tape, h, y = recorded(a, b)
        del h
        with GradientTape() as around:
            c = a * 1.0
            found = tape.gradient(y, [a, b])
            z = np.sum(found[1] * c)
        equals(found, by_hand(a, b))
        assert around.gradient(z, [a])[0] is not None


def test_a_persistent_tape():
    a, b = two()
    for _ in range(4):
        with GradientTape(persistent=True) as tape:
            y = np.sum(np.tanh(a * b) * a)
        for _ in range(3):
            equals(tape.gradient(y, [a, b]), by_hand(a, b))
            assert tape.watched_variables() == (a, b)
        a.assign_add(0.5)
        equals(y, np.sum(np.tanh((a.numpy() - 0.5) * b.numpy()) * (a.numpy() - 0.5)))


def test_a_second_question_is_refused():
    a, b = two()
    settled(a, b)
    tape, _, y = recorded(a, b)
    tape.gradient(y, [a, b])
    with pytest.raises(RuntimeError, match="already called"):
        tape.gradient(y, [a, b])


def test_what_the_tape_knows_afterwards(worked_out):
    a, b = two()
    settled(a, b)
    tape, h, y = recorded(a, b)
    del h
    worked_out.clear()
    tape.gradient(y, [a, b])
    assert not worked_out
    assert tape.watched_variables() == (a, b)
    assert "reaches the source" in tape.explain(y, a)
    assert "tanh" in str(tape.function())


def test_an_added_pass_changes_the_program():
    a, b = two()
    settled(a, b)
    seen = []

    @tapec.add_pass
    def noted(fn):
        seen.append(fn.name)
        return fn

    try:
        settled(a, b)
    finally:
        tapec.remove_pass(noted)
    assert seen
    settled(a, b)


def test_nothing_is_kept_alive():
    a, b = two()
    settled(a, b)
    x = np.ones(3)
    for _ in range(4):
        with GradientTape() as tape:
            y = np.sum(a * x * b)
        found = tape.gradient(y, [a, b])
    refs = [weakref.ref(t) for t in (y, *found)]
    old = weakref.ref(a.read().array.base)
    a.assign([1.0, 1.0, 1.0])
    del y, found
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3
    assert old() is None


def test_many_threads_ask():
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        a, b = Variable(rng.normal(size=3)), Variable(rng.normal(size=3))
        for _ in range(100):
            tape, h, y = recorded(a, b)
            del h
            found = tape.gradient(y, [a, b])
            for f, w in zip(found, by_hand(a, b), strict=True):
                if not np.allclose(f.numpy(), w):
                    wrong.append(seed)
            a.assign_add(0.01)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_target_without_a_gradient():
    a, _ = two()
    for _ in range(4):
        with GradientTape() as tape:
            y = np.argmax(a * 2.0)
        assert tape.gradient(y, [a]) == [None]


def test_one_source_or_a_tuple(worked_out):
    a, b = two()
    settled(a, b)
    worked_out.clear()
    tape, h, y = recorded(a, b)
    del h
    found = tape.gradient(y, (a, b))
    assert type(found) is tuple
    equals(list(found), by_hand(a, b))
    assert not worked_out
    for k in range(4):
        with GradientTape() as tape:
            y = np.sum(a * a)
        worked_out.clear()
        found = tape.gradient(y, a)
        assert type(found) is tapec.Tensor
        equals(found, 2 * a.numpy())
        assert bool(worked_out) is (k < 2)
        assert tape.explain(y, a).startswith("the gradient reaches")


def test_some_of_the_variables_that_were_read(worked_out):
    a, b = two()
    for k in range(5):
        tape, h, y = recorded(a, b)
        del h
        worked_out.clear()
        equals(tape.gradient(y, [b]), by_hand(a, b)[1:])
        assert bool(worked_out) is (k < 2)
    b.trainable = False
    tape, _, y = recorded(a, b)
    assert tape.gradient(y, [b]) == [None]
    for _ in range(4):
        tape, h, y = recorded(a, b)
        del h
        equals(tape.gradient(y, [a]), by_hand(a, b)[:1])
    b.trainable = True


def test_a_variable_in_the_place_of_another():
    a, b = two()
    c = Variable([0.25, 0.5, 1.0], name="b")
    for first, second, asked in (
        (a, b, [a]), (a, b, [a]), (a, b, [a]), (a, c, [a]), (a, c, [c]), (a, b, [b]),
        (a, c, [c, a]), (a, b, [a, b]), (a, b, [a]),
    ):  # fmt: skip
        with GradientTape() as tape:
            y = np.sum(first * second * second)
        x, w = first.numpy(), second.numpy()
        wanted = {id(first): w * w, id(second): 2 * x * w}
        equals(tape.gradient(y, asked), [wanted[id(v)] for v in asked])


def test_one_variable_read_in_two_places_or_two():
    a = Variable([1.0, 2.0])
    b = Variable([3.0, 4.0])
    for _ in range(4):
        for first, second in ((a, b), (b, a), (a, a), (a, b)):
            with GradientTape() as tape:
                y = np.sum(first * 2.0 + second * first)
            x, w = first.numpy(), second.numpy()
            wanted = 2.0 + w + (x if first is second else 0.0)
            equals(tape.gradient(y, [first]), [wanted])
