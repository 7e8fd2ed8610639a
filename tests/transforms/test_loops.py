"""Python loops in functions that are differentiated: loops, and right as before."""

import numpy as np
import pytest

import tapec
from tapec import programs, transform
from tapec.passes import pipeline


def recurrence(x, r, rounds=60):
    s = 0.0
    for _ in range(rounds):
        x = r * x * (1 - x) + 0.1 * np.sin(x)
        s = s + x
    return s / rounds


def kinds(fn):
    return [op.prim.name for op in fn.ops]


@pytest.fixture
def unrolled(monkeypatch):
    """Call something as if there were no loops."""

    def call(make):
        with monkeypatch.context() as patch:
            patch.setattr(transform, "rolled_again", lambda *args, **kw: {})
            passes = [p for p in pipeline.DEFAULT if p != "roll"]
            patch.setattr(pipeline, "DEFAULT", tuple(passes))
            return make()

    return call


def test_the_rounds_are_gone():
    f = tapec.value_and_grad(recurrence)
    program = f.inspect(0.3, 2.8).stage("optimized")
    assert kinds(program).count("scan") + kinds(program).count("fused") >= 2
    assert len(program.ops) < 12
    value, grad = f(0.3, 2.8)
    h = 1e-6
    slope = (recurrence(0.3 + h, 2.8) - recurrence(0.3 - h, 2.8)) / (2 * h)
    assert value == pytest.approx(recurrence(0.3, 2.8), rel=1e-13)
    assert grad == pytest.approx(slope, rel=1e-7)


def test_what_else_is_returned_comes_from_the_loop():
    def f(x):
        seen = []
        for _ in range(40):
            x = np.sin(x) * 1.5
            seen.append(x)
        return x, {"all": np.stack(seen), "one": seen[4]}

    g = tapec.value_and_grad(f, has_aux=True)
    assert len(g.inspect(0.3).stage("optimized").ops) < 16
    (value, aux), _ = g(0.3)
    x, wanted = 0.3, []
    for _ in range(40):
        x = np.sin(x) * 1.5
        wanted.append(x)
    np.testing.assert_allclose(aux["all"], wanted, rtol=1e-14)
    assert value == aux["all"][-1] and aux["one"] == aux["all"][4]


def vector_loop(x):
    for _ in range(30):
        x = np.sin(x) * 0.9 + x[::-1] * 0.3
    return x


X = np.array([0.3, 0.4, 0.5])
TRANSFORMS = {
    "grad": lambda: tapec.grad(lambda x: np.sum(vector_loop(x)))(X),
    "grad of grad": lambda: tapec.grad(
        lambda x: np.sum(tapec.grad(lambda z: np.sum(vector_loop(z)))(x) ** 2)
    )(X),
    "hessian": lambda: tapec.hessian(lambda x: np.sum(vector_loop(x)))(X),
    "hvp": lambda: tapec.hvp(lambda x: np.sum(vector_loop(x)), X, np.ones(3)),
    "jacrev": lambda: tapec.jacrev(lambda x: vector_loop(x))(X),
    "jacfwd": lambda: tapec.jacfwd(lambda x: vector_loop(x))(X),
    "jvp": lambda: tapec.jvp(lambda x: vector_loop(x), (X,), (np.ones(3),))[1],
    "vjp": lambda: tapec.vjp(lambda x: vector_loop(x), X)[1](np.ones(3))[0],
    "linearize": lambda: tapec.linearize(lambda x: vector_loop(x), X)[1](np.ones(3)),
    "vmap": lambda: tapec.vmap(tapec.grad(lambda x: np.sum(vector_loop(x))))(
        np.stack([X, X + 0.1])
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_agree_with_the_unrolled_rounds(name, unrolled):
    make = TRANSFORMS[name]
    np.testing.assert_allclose(make(), unrolled(make), rtol=1e-12, atol=1e-15)


def some_elements(x):
    seen = []
    for t in range(30):
        x = np.sin(x) + x
        seen.append(np.sqrt(x * t))  # infinite slope at t = 0
    return seen[5] + seen[7]


def ends_in_zero(x):
    s = 0.0
    for t in range(30):
        s = s + x
        x = x / (29.0 - t) + 1.0
    return s


@pytest.mark.parametrize("f", [some_elements, ends_in_zero])
def test_rounds_that_nobody_asks_for_do_no_harm(f, unrolled):
    found = tapec.grad(f)(0.3)
    assert np.isfinite(found)
    assert found == pytest.approx(unrolled(lambda: tapec.grad(lambda x: f(x))(0.3)))


def test_branches_before_a_loop():
    def f(x):
        if np.sum(x) > 0:
            x = -x
        return np.sum(vector_loop(x))

    g = tapec.value_and_grad(f)
    assert len(g.inspect(X).stage("optimized").ops) < 40
    np.testing.assert_array_equal(g(X)[1], -g(-X)[1])


def clipped(x):
    s = 0.0
    for _ in range(40):
        x = x * 1.1
        if x > 50.0:
            x = x - 40.0
        s = s + np.sin(x)
    return s


def test_checks_of_all_rounds_are_one():
    f = tapec.value_and_grad(clipped)
    program = f.inspect(0.1).stage("optimized")
    assert kinds(program).count("check") == 1
    assert len(program.ops) < 20
    for x in (0.1, 1.0, 0.2, 1.05, 3.0, 0.1):
        value, grad = f(x)
        slope = (clipped(x + 1e-6) - clipped(x - 1e-6)) / 2e-6
        assert value == pytest.approx(clipped(x), rel=1e-12)
        assert grad == pytest.approx(slope, rel=1e-7)
    assert "if x > 50.0" in f.explain_retrace()


def test_numbers_that_are_looked_at_in_each_round():
    def f(x, n):
        for _ in range(30):
            x = np.sin(x) * [1.0, 2.0, 3.0, 4.0, 5.0][n]
            n = n + 0
        return x

    g = tapec.jit(f)
    for n in (3, 4, 3):
        assert g(0.3, n) == pytest.approx(f(0.3, n), rel=1e-14)
    assert len(g.inspect(0.3, 3).stage("optimized").ops) < 12


# --- tapes --------------------------------------------------------------------


def on_tape(x, r, rounds=60):
    with tapec.GradientTape() as tape:
        tape.watch(x)
        y = recurrence(x, r, rounds)
    return y, tape.gradient(y, x)


def test_a_number_that_each_round_writes_is_one_input():
    x = tapec.constant(0.3)
    compiled = programs.stats["compiled"]
    for k in range(5):
        y, g = on_tape(x, 2.8 + 0.01 * k, 70)
        value, grad = tapec.value_and_grad(recurrence)(0.3, 2.8 + 0.01 * k, 70)
        assert float(y) == pytest.approx(value, rel=1e-14)
        assert float(g) == pytest.approx(grad, rel=1e-12)
    assert programs.stats["compiled"] == compiled + 1


def test_a_tape_in_a_decorated_function():
    f = tapec.jit(on_tape)
    program = f.inspect(0.3, 2.8).stage("optimized")
    assert len(program.ops) < 14
    assert f(0.3, 2.8)[1] == tapec.grad(recurrence)(0.3, 2.8)


@pytest.mark.parametrize("compiled", [False, True])
def test_sources_and_pauses_inside(compiled, unrolled):
    def f(x):
        with tapec.GradientTape() as tape:
            z = x * 2
            tape.watch(z)
            for _ in range(30):
                z = np.sin(z) + z
            middle = z
            with tape.stop_recording():
                for _ in range(30):
                    z = np.sin(z) * 1.1
            u = z * middle
            for _ in range(30):
                u = np.sin(u) * 0.9 + middle
        return tape.gradient(u, middle)

    run = tapec.jit(f) if compiled else lambda x: f(tapec.constant(x))
    with np.errstate(all="raise"):
        found = float(run(0.3))
    wanted = unrolled(lambda: float(f(tapec.constant(0.3))))
    assert found == pytest.approx(wanted, rel=1e-12)


def test_sources_stay_what_they_are():
    def f(x):
        with tapec.GradientTape() as tape:
            tape.watch(x)
            out = tapec.numpy.zeros(40) * x
            twin = np.sin(x)
            source = np.sin(x)
            tape.watch(source)
            out[0] = source * 2
            first = out[0:1]
            tape.watch(first)
            z = source
            for t in range(1, 40):
                z = np.sin(z) + first[0]
                out[t] = z
            y = z * twin + out[0]
        return tape.gradient(y, [source, first])

    x = tapec.constant(0.3)
    found = [float(np.sum(g)) for g in f(x)]
    assert found == pytest.approx([float(np.sum(g)) for g in tapec.jit(f)(x)])

    def by_hand(source, first, start):
        z = source
        for _ in range(1, 40):
            z = np.sin(z) + first
        return z * np.sin(0.3) + start

    s, h = np.sin(0.3), 1e-6
    d_source = [by_hand(s + e, 2 * s, 2 * (s + e)) for e in (h, -h)]
    d_first = [by_hand(s, 2 * s + e, 2 * s) for e in (h, -h)]
    slope = [(a - b) / (2 * h) for a, b in (d_source, d_first)]
    slope[0] += slope[1] * 2  # `first` comes from the source
    assert found == pytest.approx(slope, rel=1e-6)


# --- what did not roll --------------------------------------------------------


def test_inspect_says_why_not():
    def checked(A, x):
        for _ in range(30):
            x = np.linalg.solve(A, np.sin(x))
            if x[0] < -9:
                x = -x
        return x

    def growing(x):
        for _ in range(20):
            x = np.sin(np.concatenate([x, x[:1]]))
        return x

    def heavy(x, weights):
        for w in weights:
            x = np.tanh(w @ x)
        return x

    def why(f, *args):
        return tapec.inspect(f, *args).why_not_rolled

    assert "30 times with a check at" in why(checked, np.eye(2), np.ones(2))
    assert "with changing types: f64[3], then f64[4]" in why(growing, np.ones(2))
    assert "would have to be copied" in why(
        heavy, np.ones(64), [np.ones((64, 64))] * 20
    )
    assert why(recurrence, 0.3, 2.8) == ""


def test_rounds_before_a_loop_are_no_reason():
    def rows(w, xs):
        h, out = 0.0, []
        for t in range(10):
            for k in range(5):
                h = np.tanh(h * w[k] + xs[t])
            out.append(h)
        return np.sum(np.stack(out))

    def half(x):
        for _ in range(20):
            x = np.sin(x) + 1.0
        for _ in range(6):
            x = np.sin(np.concatenate([x, x]))
        return np.sum(x)

    def widened(x, w):
        for _ in range(9):
            for _ in range(5):
                x = np.sin(x) * 2
            x = x * w
        return np.sum(x)

    args = np.ones(5), np.ones(10)
    for f in (rows, tapec.grad(rows)):
        assert tapec.inspect(f, *args).why_not_rolled == ""
    args = np.ones(5, np.float32), np.ones(5)
    for f in (widened, tapec.grad(widened)):
        assert tapec.inspect(f, *args).why_not_rolled == ""
    for f in (half, tapec.grad(half)):
        (line,) = tapec.inspect(f, np.ones(2)).why_not_rolled.splitlines()
        assert "6 times with changing types: f64[4], then f64[8]" in line
