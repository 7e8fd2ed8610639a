"""Entering, leaving, stopping, losing and reusing tapes; what they leave in memory."""

import gc
import resource
import threading
import weakref

import numpy as np
import pytest

import tapec
from tapec import GradientTape, Variable, constant
from tapec.recording import state
from tests.tape.forms import equals, run_in_all_forms


@pytest.fixture(autouse=True)
def nothing_is_recording():
    assert state.recording is None
    yield
    assert state.recording is None


# --- without `with` -------------------------------------------------------------


def test_watch_starts_a_tape():
    x = constant(3.0)
    tape = GradientTape()
    tape.watch(x)
    y = x * x
    assert state.recording is not None
    equals(tape.gradient(y, x), 6.0)
    assert state.recording is None


def test_watch_starts_a_tape_inside_jit():
    def program(x):
        tape = GradientTape()
        tape.watch(x)
        y = x * x
        return tape.gradient(y, x)

    equals(run_in_all_forms(program, 3.0), 6.0)


def test_stop_ends_a_watching_tape():
    x = constant(3.0)
    tape = GradientTape()
    tape.watch(x)
    y = x * x
    tape.stop()
    assert state.recording is None
    z = y * x
    equals(tape.gradient([y, z], x), 6.0)


def test_losing_a_watching_tape_ends_it():
    x = constant(3.0)
    tape = GradientTape()
    tape.watch(x)
    y = x * x
    del tape
    assert state.recording is None
    assert y.item() == 9.0


def test_a_watching_tape_can_be_used_again():
    x = constant(3.0)
    tape = GradientTape()
    for k in range(3):
        tape.watch(x)
        y = x * x * float(k)
        equals(tape.gradient(y, x), 6.0 * k)


def test_a_tape_may_be_entered_again_after_its_gradient():
    x = constant(3.0)
    tape = GradientTape()
    for _ in range(2):
        with tape:
            y = x * x
        equals(tape.gradient(y, x), 6.0)


def test_a_persistent_tape_goes_on_where_it_ended():
    x = constant(3.0)
    tape = GradientTape(persistent=True)
    with tape:
        y = x * x
    z = y * 100.0
    with tape:
        w = y * x
    equals(tape.gradient(w, x), 27.0)
    assert tape.gradient(z, x) is None
    del tape


def test_tapes_that_overlap_without_nesting():
    x = constant(3.0)
    a, b = GradientTape(), GradientTape()
    a.watch(x)
    y = x * x
    b.watch(x)
    z = y * x
    equals(a.gradient(z, x), 27.0)
    w = z * x
    equals(b.gradient(w, [x, z]), [54.0, 3.0])


# --- errors ---------------------------------------------------------------------


def error_of(action):
    with pytest.raises(Exception) as caught:
        action()
    return f"{type(caught.value).__name__}: {caught.value}"


def test_second_gradient():
    x = constant(3.0)
    with GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    assert error_of(lambda: tape.gradient(y, x)) == (
        "RuntimeError: gradient was already called on this tape; "
        "use GradientTape(persistent=True) to call it more than once"
    )


def test_never_entered():
    x = constant(3.0)
    assert error_of(lambda: GradientTape().gradient(x, x)) == (
        "RuntimeError: gradient of a tape that never recorded; "
        "use `with GradientTape() as tape:` or tape.watch(x)"
    )


@pytest.mark.parametrize(
    ("given", "kind"),
    [(np.ones(2), "ndarray"), ("a", "str"), (3.0, "float"), ([np.ones(2)], "ndarray")],
)
def test_watch_needs_tensors(given, kind):
    assert error_of(lambda: GradientTape().watch(given)) == (
        f"ValueError: watch needs a tensor, not {kind}; "
        "make one with tapec.constant(...)"
    )


@pytest.mark.parametrize(
    ("given", "kind"), [(np.ones(2), "ndarray"), (2.0, "float"), ("w", "str")]
)
def test_sources_must_be_tensors(given, kind):
    with GradientTape() as tape:
        y = constant(1.0) * 2.0
    assert error_of(lambda: tape.gradient(y, [given])) == (
        "ValueError: a source of gradients must be a tensor or a variable, "
        f"not {kind}; make one with tapec.constant(...)"
    )


def test_a_target_that_is_none():
    x = constant(1.0)
    with GradientTape() as tape:
        tape.watch(x)
    assert error_of(lambda: tape.gradient(None, x)) == (
        "ValueError: the target is None; give the tensor to differentiate"
    )


def test_a_refused_question_does_not_use_up_the_tape():
    x = constant(3.0)
    with GradientTape() as tape:
        y = x * x
    for wrong in (lambda: tape.gradient(y, 3.0), lambda: tape.gradient(None, x)):
        assert error_of(wrong).startswith("ValueError")
    equals(tape.gradient(y, x), 6.0)


def test_entered_twice():
    with GradientTape() as tape, pytest.raises(RuntimeError, match="already recording"):
        tape.__enter__()


def test_stop_recording_needs_a_recording_tape():
    with pytest.raises(RuntimeError, match="needs a tape that is recording"):  # noqa: SIM117
        with GradientTape().stop_recording():
            pass


def test_an_error_inside_the_block_ends_the_tape():
    with pytest.raises(ZeroDivisionError), GradientTape():
        1 / 0  # noqa: B018
    assert state.recording is None


# --- stop_recording, reset --------------------------------------------------------


def test_stop_recording_leaves_a_gap():
    def program(x):
        with GradientTape() as tape:
            with tape.stop_recording():
                y = x * x
            z = y * x
        return tape.gradient(z, [x, y])

    equals(run_in_all_forms(program, 2.0), [4.0, 2.0])


def test_a_gap_concerns_one_tape_only():
    def program(x):
        with GradientTape() as outer:
            with GradientTape() as inner:
                with inner.stop_recording():
                    y = x * x
                z = y * x
            g = inner.gradient(z, x)
        return g, outer.gradient([z, g], x)

    equals(run_in_all_forms(program, 2.0), (4.0, 16.0))


def test_gradient_in_the_gap_of_its_tape():
    x = constant(2.0)
    with GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            g = tape.gradient(y, x)
        z = g * x
    equals(tape.gradient(z, x), 4.0)
    with GradientTape() as tape:
        y = x * x
        with tape.stop_recording():
            equals(tape.gradient(y, x), 4.0)


def test_a_tape_in_the_gap_of_another():
    x = constant(2.0)
    with GradientTape() as outer:
        y = x * x
        with outer.stop_recording():
            with GradientTape() as inner:
                z = x * x * x
            equals(inner.gradient(z, x), 12.0)
        w = y * x
    equals(outer.gradient(w, x), 12.0)


def test_reset_forgets():
    def program(x):
        with GradientTape() as tape:
            y = x * x
            tape.reset()
            z = y * x
        return tape.gradient(z, [x, y])

    equals(run_in_all_forms(program, 2.0), [4.0, 2.0])


def test_reset_makes_a_gradient_possible_again():
    x = constant(2.0)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
        z = x * 3.0
    assert tape.gradient(y, x) is None
    equals(tape.gradient(z, x), 3.0)


# --- persistent -------------------------------------------------------------------


def test_persistent_tape():
    def program(x):
        with GradientTape(persistent=True) as tape:
            y = x * x
            z = y * y
        return tape.gradient(z, x), tape.gradient(y, x), tape.gradient(z, y)

    equals(run_in_all_forms(program, 3.0), (108.0, 6.0, 18.0))


def test_gradient_inside_the_block():
    def program(x):
        with GradientTape(persistent=True) as tape:
            y = x * x
            g = tape.gradient(y, x)
            z = g * x
        return g, tape.gradient(z, x)

    equals(run_in_all_forms(program, 3.0), (6.0, 12.0))


def test_gradient_inside_the_block_ends_a_single_use_tape():
    x = constant(3.0)
    with GradientTape() as tape:
        y = x * x
        g = tape.gradient(y, x)
        assert state.recording is None
        z = g * x
    assert (g.item(), z.item()) == (6.0, 18.0)


# --- numbers ----------------------------------------------------------------------


def test_a_pending_tensor_is_computed_after_its_tape():
    x = constant(3.0)
    with GradientTape() as tape:
        y = x * x
        z = y + 1.0
    del tape
    assert y.known is None
    assert z.item() == 10.0
    assert y.item() == 9.0
    assert y.rec is None


def test_gradient_gives_live_tensors_their_numbers():
    x = constant(3.0)
    with GradientTape() as tape:
        y = x * x
        z = y + 1.0
    tape.gradient(z, x)
    assert (y.known, z.known) == (9.0, 10.0)
    assert y.rec is None


def test_an_array_counts_as_it_was():
    a = np.array([1.0, 2.0])
    x = constant(3.0)
    with GradientTape() as tape:
        y = np.sum(x * a)
        a[:] = 100.0
        z = np.sum(x * a)
    equals(tape.gradient(y, x), 3.0)
    assert z.item() == 600.0


def test_a_view_that_is_read_only_is_copied_too():
    a = np.array([1.0, 2.0])
    view = a.view()
    view.flags.writeable = False
    with GradientTape():
        y = constant(3.0) * view
    a[:] = 100.0
    equals(y, np.array([3.0, 6.0]))


def test_the_cotangent_is_copied():
    x, ct = constant([1.0, 2.0]), np.array([1.0, 1.0])
    with GradientTape() as tape:
        y = x + 0.0
    g = tape.gradient(y, x, output_gradients=ct)
    ct[:] = 7.0
    equals(g, np.array([1.0, 1.0]))


# --- memory -----------------------------------------------------------------------


def test_gradient_frees_the_recording():
    gc.disable()
    try:
        x = constant(np.ones(1000))
        with GradientTape() as tape:
            y = x * 2.0
            z = np.sum(y * y)
        rec = weakref.ref(tape._rec)
        middle = weakref.ref(y)
        tape.gradient(z, x)
        assert not rec().leaves and not rec().values
        del y
        assert middle() is None
        del tape
        assert rec() is None
        assert z.rec is None
    finally:
        gc.enable()


def test_watched_tensors_are_freed():
    gc.disable()
    try:
        x = constant(np.ones(1000))
        with GradientTape() as tape:
            tape.watch(x)
            z = np.sum(x * x)
        tape.gradient(z, x)
        gone = weakref.ref(x)
        del x
        assert gone() is None
        assert tape.explain(z, constant(1.0)).startswith("the recording was freed")
    finally:
        gc.enable()


@pytest.mark.parametrize("persistent", [True, False])
def test_a_lost_tape_frees_everything(persistent):
    gc.disable()
    try:
        with GradientTape(persistent=persistent) as tape:
            x = constant(np.ones(1000))
            tape.watch(x)
            y = np.sum(x * x)
        seen = weakref.ref(x), weakref.ref(y), weakref.ref(tape._rec)
        del x, y, tape
        assert [ref() for ref in seen] == [None, None, None]
    finally:
        gc.enable()


def test_variables_and_kept_losses_do_not_pin_recordings():
    gc.disable()
    try:
        v = Variable(np.ones(10))
        losses, kept = [], []
        for _ in range(3):
            with GradientTape() as tape:
                read = v.read_value()
                loss = np.sum(read * v)
            recording = weakref.ref(tape._rec)
            v.assign_sub(0.1 * tape.gradient(loss, v))
            losses.append((loss, read))
            del tape, loss, read
            kept.append(recording())
        assert kept == [None] * 3
    finally:
        gc.enable()


def test_many_tapes_do_not_grow():
    v = Variable(np.ones(10))
    gc.collect()
    gc.disable()
    try:
        for step in range(20_000):
            with GradientTape() as tape:
                loss = np.sum(v * v)
            v.assign_sub(tape.gradient(loss, v) * 1e-6)
            if step == 2000:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        gc.enable()
    assert grown < 3000  # KiB


# --- threads ----------------------------------------------------------------------


def in_threads(n, work):
    errors = []

    def guarded(k):
        try:
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[0]


def test_a_tape_belongs_to_its_thread():
    x = constant(3.0)
    seen = []

    def other():
        seen.append(state.recording)
        seen.append((x * x).known)

    with GradientTape() as tape:
        y = x * x
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [None, 9.0]
    equals(tape.gradient(y, x), 6.0)


def test_tapes_in_many_threads():
    v = Variable(2.0)
    found = {}

    def work(k):
        for step in range(50):
            with GradientTape() as tape:
                y = v * float(k) + v * v
            found[k, step] = tape.gradient(y, v).item()

    in_threads(6, work)
    assert found == {(k, s): k + 4.0 for k in range(6) for s in range(50)}


def test_no_update_is_lost():
    v = Variable(0.0)

    def work(k):
        for _ in range(500):
            v.assign_add(1.0)

    in_threads(4, work)
    assert v.item() == 2000.0


def test_tapes_lost_to_the_collector_of_any_thread():
    """Tapes in cycles end wherever the collector runs; no gradient is lost."""
    v, shared = Variable(np.ones(3)), []

    def work(k):
        for step in range(30):
            x = constant(np.arange(1.0, 4.0) * (k + 1))
            lost = GradientTape()
            lost.watch(x)
            shared.append(x * 2.0)
            lost.me = lost
            del lost
            if step % 7 == k:
                gc.collect()
            with GradientTape() as outer:
                with GradientTape() as inner:
                    y = np.sum(x * x * x)
                g = inner.gradient(y, x)
                z = np.sum(g * v + shared[-1] * 0.0)
            equals(outer.gradient(z, [x, v]), [6.0 * x.numpy(), g.numpy()])
        gc.collect()

    in_threads(4, work)
    assert len(shared) == 120
    assert {t.numpy()[0] for t in shared} == {2.0, 4.0, 6.0, 8.0}


def test_a_pending_tensor_used_by_another_thread():
    x = constant(3.0)
    seen = []
    with GradientTape() as tape:
        y = x * x
        in_threads(1, lambda k: seen.append((y * 2.0).item()))
        z = y * x
    assert seen == [18.0]
    equals(tape.gradient(z, [x, y]), [27.0, 3.0])


def test_a_tape_lost_in_another_thread_ends_all_the_same():
    box = [GradientTape()]
    box[0].watch(constant(1.0))
    in_threads(1, lambda k: box.clear())
    assert state.recording is None


def test_trace_in_a_thread_does_not_see_the_tape():
    x = constant(3.0)
    f = tapec.jit(lambda a: a * a)
    seen = []
    with GradientTape() as tape:
        y = x * x
        in_threads(1, lambda k: seen.append(f(2.0)))
    assert seen == [4.0]
    equals(tape.gradient(y, x), 6.0)


# --- traces -------------------------------------------------------------------------


def test_a_tape_that_outlives_its_trace():
    kept = []

    @tapec.jit
    def f(x):
        with GradientTape(persistent=True) as tape:
            y = x * x
        kept.append((tape, x, y))
        return y

    f(2.0)
    tape, x, y = kept[0]
    with pytest.raises(tapec.TraceError) as caught:
        tape.gradient(y, x)
    assert (
        str(caught.value) == "a tape was used after the trace it belongs to had ended"
    )


def test_a_jitted_function_with_branches_in_a_tape():
    @tapec.jit
    def leaky(x):
        return x if x > 0 else x * 0.1

    for value, slope in ((1.0, 3.0), (-1.0, 0.3)):
        x = constant(value)
        with GradientTape() as tape:
            y = leaky(x) * 3.0
        equals(tape.gradient(y, x), slope)


def test_an_op_that_fails_leaves_the_tape_usable():
    x = constant(np.zeros((2, 2)))
    with GradientTape() as tape:
        y = x + np.eye(2)
        with pytest.raises(np.linalg.LinAlgError):
            np.linalg.inv(x * 1.0)
        z = np.sum(np.linalg.inv(y))
    equals(tape.gradient(z, x), -np.ones((2, 2)))


def test_shape_errors_are_raised_at_once_with_the_line():
    x = constant([1.0, 2.0, 3.0])
    with GradientTape(), pytest.raises(ValueError) as caught:
        x + constant([1.0, 2.0])
    text = str(caught.value)
    assert text.startswith("add: shapes do not broadcast: f64[3] with f64[2]")
    assert "x + constant([1.0, 2.0])\n    ^^^^^" in text


def test_a_thread_that_ends_with_its_tape_open_records_no_more():
    from tapec.recording import threads_recording

    before = len(threads_recording)

    def work():
        tape = tapec.GradientTape()
        tape.watch(tapec.constant(1.0))
        kept.append(tape)

    kept: list[object] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(threads_recording) == before


def test_the_collector_keeps_its_pace_outside_of_tapes():
    usual = gc.get_threshold()
    with GradientTape():
        with GradientTape():
            assert gc.get_threshold()[0] > usual[0]
        assert gc.get_threshold()[0] > usual[0]
    assert gc.get_threshold() == usual
