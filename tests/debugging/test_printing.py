"""`tapec.print` and `tapec.assert_`: once per call and step, wherever they stand."""

import numpy as np
import pytest

import tapec
from tapec.interpret import evaluate
from tapec.ops.effects import filled


def loss(x):
    def step(c, t):
        tapec.print("step {} c={:.3f}", t, c)
        return np.sin(c) * x, c

    c, ys = tapec.scan(step, x, np.arange(3))
    return c + np.sum(ys)


STEPS = "step 0 c=0.500\nstep 1 c=0.240\nstep 2 c=0.119\n"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda: loss(0.5),
        lambda: tapec.jit(loss)(0.5),
        lambda: tapec.grad(loss)(0.5),
        lambda: tapec.grad(tapec.grad(loss))(0.5),
        lambda: tapec.jvp(loss, (0.5,), (1.0,)),
        lambda: tapec.jvp(tapec.grad(loss), (0.5,), (1.0,)),
        lambda: tapec.hessian(loss)(0.5),
        lambda: evaluate(tapec.grad(loss).traced(0.5), np.array(0.5)),
        lambda: evaluate(tapec.hessian(loss).traced(0.5), np.array(0.5)),
        lambda: tapec.grad(tapec.checkpoint(loss))(0.5),
    ],
)
def test_a_step_prints_once_whatever_is_differentiated(wrapped, capsys):
    wrapped()
    assert capsys.readouterr().out == STEPS


def test_a_loop_within_a_loop_prints_once(capsys):
    def nested(x):
        def outer(c, t):
            def inner(d, u):
                tapec.print(t, u)
                return np.sin(d) * x, None

            return tapec.scan(inner, c, np.arange(2))[0] * x, None

        return tapec.scan(outer, x, np.arange(2))[0]

    slope = tapec.grad(nested)(0.5)
    assert capsys.readouterr().out == "0 0\n0 1\n1 0\n1 1\n"
    step = 1e-6
    wanted = (nested(0.5 + step) - nested(0.5 - step)) / (2 * step)
    assert slope == pytest.approx(wanted, rel=1e-6)


def test_while_and_cond(capsys):
    def doubled(x):
        def step(c):
            tapec.print("w", c)
            return c * x

        return tapec.while_loop(lambda c: c < 10, step, 1.5)

    for run in (tapec.grad(doubled), lambda x: tapec.jvp(doubled, (x,), (1.0,))):
        run(2.0)
        assert capsys.readouterr().out == "w 1.5\nw 3.0\nw 6.0\n"

    def signed(x):
        def shown(v):
            tapec.print("positive")
            return v * v

        return tapec.cond(x > 0, shown, lambda v: -v, x)

    assert tapec.grad(signed)(-2.0) == -1.0
    assert capsys.readouterr().out == ""
    tapec.grad(signed)(2.0)
    tapec.jvp(signed, (2.0,), (1.0,))
    assert capsys.readouterr().out == "positive\n" * 2


def test_a_batch_prints_once_with_all_elements(capsys):
    x = np.array([0.5, 0.6])
    tapec.vmap(tapec.grad(loss))(x)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "step 0 c=[0.500 0.600]"
    assert len(lines) == 3


def test_on_a_tape_at_once(capsys):
    x = tapec.constant(np.arange(3.0))
    with tapec.GradientTape() as tape:
        y = x * x
        tapec.print("y =", y, y.shape)
        z = tapec.vmap(lambda v: (tapec.print("inside", v), v * v)[1])(y)
        out = capsys.readouterr().out
        total = np.sum(z)
    assert out == "y = [0. 1. 4.] (3,)\ninside [0. 1. 4.]\n"
    np.testing.assert_array_equal(tape.gradient(total, x), [0.0, 4.0, 32.0])
    assert capsys.readouterr().out == ""


def test_python_loops_and_the_order(capsys):
    @tapec.grad
    def f(x):
        for i in range(4):
            tapec.print("{i}: {x:.2f}", i=i, x=x)
            x = np.sin(x)
        return x

    f(0.5)
    f(0.1)
    wanted = []
    for x in (0.5, 0.1):
        for i in range(4):
            wanted.append(f"{i}: {x:.2f}")
            x = np.sin(x)
    assert capsys.readouterr().out.splitlines() == wanted


def test_extents_that_vary_are_numbers(capsys):
    @tapec.jit(dynamic=True)
    def f(x):
        tapec.print("{} rows", x.shape[0])
        return np.sum(x)

    f(np.ones(3))
    f(np.ones(5))
    assert capsys.readouterr().out == "3 rows\n5 rows\n"


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("values", "named", "text"),
    [
        (("a", 1, [2]), {}, "a 1 [2]"),
        (("{:>6.2f}|", np.array(2.5)), {}, "  2.50|"),
        (("{:.1f}", np.array([1.25, 2.0])), {}, "[1.2 2.0]"),
        (("{0[1]} {0.shape} {b!r}", np.array([1, 2])), {"b": "x"}, "2 (2,) 'x'"),
        (("{{}} {}", "{}"), {}, "{} {}"),
        (({"a": 1}, "{}"), {}, "{'a': 1} {}"),
        (("{x}",), {"x": True}, "True"),
        ((), {}, ""),
    ],
)
def test_formats(compiled, values, named, text, capsys):
    def f(x):
        tapec.print(*values, **named)
        return x

    (tapec.jit(f) if compiled else f)(1.0)
    assert capsys.readouterr().out == text + "\n"


def test_wrong_formats_are_refused_where_they_are_written():
    with pytest.raises(TypeError, match="but the values are 1"):
        tapec.print("{} {}", 1)
    with pytest.raises(TypeError, match="has no place for value 1"):
        tapec.print("{}", 1, 2)
    with pytest.raises(TypeError, match="no place for value b"):
        tapec.print("{a}", a=1, b=2)


def test_the_text_of_the_op():
    assert filled("{{a}} {:.1f}", (np.array(0.25),)) == "{a} 0.2"


# --- assert_ ------------------------------------------------------------------


@tapec.jit
def root(x):
    tapec.assert_(x >= 0, "x has {:.1f} in {x}", np.min(x), x=x)
    return np.sqrt(x)


def test_an_assertion_is_tested_at_each_call():
    good = np.array([4.0, 1.0])
    np.testing.assert_array_equal(root(good), [2.0, 1.0])
    with pytest.raises(AssertionError) as caught:
        root(np.array([4.0, -1.0]))
    assert str(caught.value) == "x has -1.0 in [ 4. -1.]"
    (note,) = caught.value.__notes__
    assert 'tapec.assert_(x >= 0, "x has' in note
    assert "^^^" in note
    np.testing.assert_array_equal(root(good), [2.0, 1.0])
    assert len(root.signatures) == 1


def test_assertions_in_loops_and_under_grad():
    def f(x):
        def step(c, _):
            tapec.assert_(c < 10, "too large: {}", c)
            return c * x, None

        return tapec.scan(step, 1.0, length=3)[0]

    assert tapec.grad(f)(2.0) == pytest.approx(12.0)
    for run in (f, tapec.jit(f), tapec.grad(f)):
        with pytest.raises(AssertionError, match=r"too large: 81.0"):
            run(9.0)
    with pytest.raises(AssertionError, match=r"too large: \[81.  1.\]"):
        tapec.vmap(f)(np.array([9.0, 1.0]))


@pytest.mark.parametrize("message", [(), ("no {}",), ("no {}", 1)])
def test_eager_assertions(message):
    tapec.assert_(np.array([True]))
    if message == ("no {}",):
        with pytest.raises(TypeError, match="has a place"):
            tapec.assert_(False, *message)
        return
    with pytest.raises(AssertionError) as caught:
        tapec.assert_(np.array([True, False]), *message)
    assert str(caught.value) == ("no 1" if message else "")


def test_a_number_is_a_condition_when_it_is_not_zero():
    f = tapec.jit(lambda x: (tapec.assert_(x, "zero"), x)[1])
    assert f(2.0) == 2.0
    with pytest.raises(AssertionError, match="zero"):
        f(0.0)


def test_a_false_python_condition_fails_the_trace():
    with pytest.raises(AssertionError, match="never"):
        tapec.jit(lambda x: (tapec.assert_(x.ndim == 1, "never"), x)[1])(2.0)
