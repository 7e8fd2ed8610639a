"""Loops of any length share one program: nothing is compiled for another length."""

import numpy as np
import pytest

import tapec
from tapec import containers, programs, shared, transform
from tapec.interpret import evaluate
from tapec.native import engine
from tapec.passes import pipeline

RNG = np.random.default_rng(11)
LENGTHS = (50, 51, 38, 200)


def draw(*shape):
    return RNG.normal(size=shape)


@pytest.fixture
def unrolled(monkeypatch):
    """What a compiled function gives if there are no loops, nor native code."""

    def call(f, *args):
        with monkeypatch.context() as patch:
            patch.setattr(transform, "rolled_again", lambda *args, **kw: {})
            fn = f.traced(*args)
        return evaluate(fn, *[np.asarray(x) for x in flat(args)])

    return call


@pytest.fixture
def counted():
    """The programs of any length compiled, and shared, since it was asked last."""
    shared.clear()
    last = dict(shared.stats)

    def since():
        found = {k: n - last[k] for k, n in shared.stats.items()}
        last.update(shared.stats)
        return found["compiled"], found["shared"]

    return since


# --- what is computed; each makes (function, arguments) for a length -----------


def mean_of_a_recurrence(T):
    def f(x, r, a):
        s = 0.0
        for _ in range(T):
            x = r * x * (1 - x) + a * np.sin(x)
            s = s + x
        return s / T

    return f, (0.3, 2.8, 0.1)


def appended_and_stacked(T):
    def f(x, a):
        seen = []
        for _ in range(T):
            x = np.sin(x) * a
            seen.append(x)
        return np.stack(seen).mean() + seen[-1] * seen[0]

    return f, (0.3, 1.2)


def along_an_array(T):
    def f(w, x):
        h, loss = np.zeros(3), 0.0
        for t in range(len(x)):
            h = np.tanh(w @ h + x[t])
            loss = loss + np.sum(h * h)
        return loss

    return f, (draw(3, 3), draw(T, 3))


def next_element(T):
    def f(w, x):
        h, loss = np.zeros(3), 0.0
        for t in range(len(x) - 1):
            h = np.tanh(w @ h + x[t])
            loss = loss + np.sum((h - x[t + 1]) ** 2)
        return loss / (len(x) - 1)

    return f, (draw(3, 3), draw(T, 3))


def backwards(T):
    def f(w, x):
        h = 0.0
        for t in reversed(range(len(x))):
            h = np.tanh(w * h + x[t])
        return h

    return f, (0.7, draw(T))


def nested(T):
    def f(x, w):
        h = 0.1
        for _ in range(T // 6 + 5):
            for _ in range(T // 8 + 6):
                h = np.sin(w * h + 0.1)
            h = h * x
        return h

    return f, (0.9, 0.7)


def tables(T):
    order, edge = np.random.default_rng(3).permutation(T), 0.9 ** np.arange(T)

    def f(w, x):
        h = 0.1
        for t in range(T):
            h = np.tanh(w * h + x[order[t]] * edge[t])
        return h

    return f, (0.7, draw(T))


def step_width(T):
    def f(x, w):
        d = 1.0 / T
        for _ in range(T):
            x = x + d * np.sin(w * x)
        return x

    return f, (0.3, 0.7)


def two_loops(T):
    def f(x, c):
        a, b = 0.0, 1.0
        for t in range(T):
            a = a * 0.9 + np.sin(x[t])
        for t in range(T):
            b = b * 0.8 + a * x[t] * c
        return a * b

    return f, (draw(T), 0.4)


def as_wide_as_long(T):
    """A weight whose extents are the number of rounds for some lengths only."""

    def f(w, x):
        h = np.zeros(51)
        for t in range(T):
            h = np.tanh(w @ h + x[t])
        return np.sum(h)

    return f, (draw(51, 51) / 9, draw(T, 51))


def layers(T):
    def cell(x, h, c, w, b):
        z = np.concatenate([x, h], axis=-1) @ w + b
        keep, enter, leave, new = np.split(z, 4, axis=-1)
        c = c * np.tanh(keep) + np.tanh(enter) * np.tanh(new)
        return np.tanh(c) * np.tanh(leave), c

    def f(weights, x):
        states, total = [(np.zeros((2, 4)), np.zeros((2, 4)))] * 2, 0.0
        for t in range(len(x) - 1):
            y, after = x[t], []
            for w, b, (h, c) in zip(weights["w"], weights["b"], states, strict=True):
                y, c = cell(y, h, c, w, b)
                after.append((y, c))
            states = after
            top = np.max(y, axis=-1, keepdims=True)
            total = total + np.sum((y - top) * x[t + 1])
        return -total / ((len(x) - 1) * x.shape[1])

    weights = {"w": [draw(8, 16) / 3, draw(8, 16) / 3], "b": [draw(16), draw(16)]}
    return f, (weights, draw(T, 2, 4))


CASES = [
    mean_of_a_recurrence, appended_and_stacked, along_an_array, next_element,
    backwards, nested, tables, step_width, two_loops, layers,
]  # fmt: skip


def flat(tree):
    return containers.flatten(tree)[0]


def alike(found, wanted, rtol=1e-9):
    for a, b in zip(flat(found), flat(wanted), strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol, 1e-12)


@pytest.mark.parametrize("case", CASES, ids=[c.__name__ for c in CASES])
@pytest.mark.parametrize("transform", [tapec.jit, tapec.value_and_grad])
def test_one_program_for_all_lengths(case, transform, counted, unrolled, monkeypatch):
    made = [case(T) for T in LENGTHS]
    first, args = made[0]
    transform(first)(*args)
    assert counted() == (1, 0)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "compile_module", pytest.fail)
        found = [transform(f)(*args) for f, args in made[1:]]
    assert counted() == (0, 3)
    for got, (f, args) in zip(found[:2], made[1:], strict=False):
        alike(got, unrolled(transform(f), *args))


def test_the_second_length_is_a_lookup(monkeypatch):
    f, args = layers(30)
    tapec.value_and_grad(f)(*args)
    f, args = layers(31)
    g = tapec.value_and_grad(f)
    monkeypatch.setattr(pipeline, "DEFAULT", (*pipeline.RECORDED, "another"))
    g(*args)


@pytest.mark.parametrize(
    "make",
    [
        lambda f: tapec.grad(f, argnums=(0, 1)),
        lambda f: tapec.grad(lambda x, w: tapec.grad(f)(x, w) ** 2, argnums=(0, 1)),
        lambda f: tapec.jit(lambda x, w: tapec.jvp(f, (x, w), (1.0, 0.5))),
        lambda f: tapec.hessian(f, argnums=(0, 1)),
        lambda f: tapec.jit(tapec.vmap(f, in_axes=(0, None))),
    ],
    ids=["grad", "grad of grad", "jvp", "hessian", "vmap"],
)
def test_transforms(make, counted, unrolled):
    for T in (20, 21, 33):
        f, (x, w) = step_width(T)
        if make.__code__.co_names[1:3] == ("jit", "vmap"):
            x = np.array([0.3, 0.4, 0.5])
        alike(make(f)(x, w), unrolled(make(f), x, w), 1e-8)
        if T == 20:
            counted()
    assert counted() == (0, 2)


def on_tape(f, args):
    args = [tapec.constant(a) for a in args]
    with tapec.GradientTape() as tape:
        for a in args:
            tape.watch(a)
        y = f(*args)
    return y, tape.gradient(y, args)


@pytest.mark.parametrize(
    "case", [mean_of_a_recurrence, along_an_array, appended_and_stacked]
)
def test_recordings_of_tapes(case, counted, monkeypatch):
    programs.clear()
    for _ in range(2):  # compiled when it is met again
        on_tape(*case(50))
    assert counted()[0] >= 1
    monkeypatch.setattr(engine, "compile_module", pytest.fail)
    for T in (51, 90):
        f, args = case(T)
        y, grads = on_tape(f, args)
        assert counted()[0] == 0
        value, wanted = tapec.value_and_grad(f, argnums=(*range(len(args)),))(*args)
        alike((float(y), [np.asarray(g) for g in grads]), (value, list(wanted)))
        counted()


def test_a_decorated_function_says_so(counted):
    @tapec.jit
    def f(x):
        h = 0.0
        for t in range(len(x)):
            h = np.tanh(h * 0.5 + x[t])
        return h

    for n in (50, 51, 1000):
        f(draw(n))
    assert counted() == (1, 2)
    assert f.explain_retrace().splitlines() == [
        "1. first call: float64[50]",
        "2. other types: argument 0: float64[50] -> float64[51]",
        "   shares the program of other lengths: T = 51",
        "3. other types: argument 0: float64[51] -> float64[1000]",
        "   shares the program of other lengths: T = 1000",
    ]


def test_the_length_is_an_argument(counted):
    """Each length has a check and a version, beyond the limit for programs."""

    @tapec.value_and_grad
    def f(x, n):
        for _ in range(n):
            x = np.sin(x) * 1.2
        return x

    rounds = range(50, 75)
    for n in (*rounds, *reversed(rounds)):
        x = 0.3
        for _ in range(n):
            x = np.sin(x) * 1.2
        assert f(0.3, n)[0] == pytest.approx(x, rel=1e-12)
    assert len(f.signatures) == len(rounds)
    assert counted() == (1, len(rounds) - 1)


def test_a_number_that_differs_becomes_an_argument_once(counted):
    def at(T, k):
        def f(x):
            for _ in range(T):
                x = x + np.sin(x) * (k / 7)
            return x * k

        return tapec.jit(f)(0.3), f(0.3)

    for T, k in ((40, 3.0), (41, 0.25), (42, 0.11), (60, 0.25)):
        got, wanted = at(T, k)
        assert got == pytest.approx(wanted, rel=1e-12)
    assert counted() == (2, 2)


def test_numbers_that_steer_rewrites_stay(counted):
    def at(T, k):
        def f(x):
            for _ in range(T):
                x = np.abs(np.sin(x)) ** k
            return x

        return tapec.jit(f)(0.3), f(0.3)

    for T, k in ((40, 2.0), (41, 3.0), (42, 2.0)):
        got, wanted = at(T, k)
        assert got == pytest.approx(wanted, rel=1e-12)
    assert counted() == (2, 1)


def test_a_width_that_is_the_length_by_accident(counted, unrolled):
    for T in (50, 51, 52):
        f, args = as_wide_as_long(T)
        alike(tapec.grad(f)(*args), unrolled(tapec.grad(f), *args))
    assert sum(counted()) >= 3


def test_equal_numbers_that_are_not_the_same(counted):
    """Two loops of one length are not the program of two lengths."""

    def at(n, m):
        def f(x):
            a, b = x, x
            for _ in range(n):
                a = np.sin(a) * 1.1
            for _ in range(m):
                b = np.cos(b) * a
            return a * b

        return tapec.value_and_grad(f)(0.3), f(0.3)

    for n, m in ((20, 20), (20, 30), (31, 30), (40, 40)):
        (value, _), wanted = at(n, m)
        assert value == pytest.approx(wanted, rel=1e-12)
    assert counted() == (2, 2)


def test_short_loops_and_none():
    def f(T):
        def g(x):
            s = 0.0
            for _ in range(T):
                x = np.sin(x) * 1.3
                s = s + x * x
            return s / (T + 1)

        return g

    for T in (40, 0, 1, 2, 3, 4, 5, 6, 41):
        value, grad = tapec.value_and_grad(f(T))(0.3)
        h = 1e-6
        slope = (f(T)(0.3 + h) - f(T)(0.3 - h)) / (2 * h)
        assert value == pytest.approx(f(T)(0.3), rel=1e-13, abs=1e-13)
        assert grad == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_variables_and_checks(counted):
    v = tapec.Variable(0.5)

    def make(T):
        @tapec.jit
        def f(x):
            if x > 0:
                x = x * 2.0
            for _ in range(T):
                x = np.sin(x) + v
            v.assign(x)
            return x

        return f

    def plain(T, x, w):
        x = x * 2.0 if x > 0 else x
        for _ in range(T):
            x = np.sin(x) + w
        return x

    for T in (40, 41, 42):
        f = make(T)
        for x in (0.3, -0.3, 0.2):
            w = float(v)
            assert f(x) == pytest.approx(plain(T, x, w), rel=1e-12)
            assert float(v) == pytest.approx(plain(T, x, w), rel=1e-12)
    assert counted() == (2, 4)


def test_errors_name_the_line_of_their_own_function():
    def make():
        def f(a):
            for _ in range(30):
                a = np.linalg.inv(a) * 0.5 + a
            return a

        return f

    def other():
        def g(a):
            for _ in range(31):
                a = np.linalg.inv(a) * 0.5 + a
            return a

        return g

    f, g = tapec.jit(make()), tapec.jit(other())
    good = np.eye(2)
    f(good), g(good)
    for h, name in ((f, "in f"), (g, "in g")):
        with pytest.raises(np.linalg.LinAlgError) as error:
            h(np.zeros((2, 2)))
        assert name in "\n".join(error.value.__notes__)
