"""`checkpoint`: the same values and derivatives, from less memory."""

from typing import NamedTuple

import numpy as np
import pytest

import tapec
from tapec import tf
from tapec.text import format_module, parse

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (3, 4))
W = RNG.uniform(-1.0, 1.0, (4, 4))


class Pair(NamedTuple):
    x: object
    y: object


def layers(x, w):
    return np.tanh(np.sin(np.tanh(x @ w) @ w.T) @ w)


def looped(x, w):
    for _ in range(6):
        x = np.tanh(x @ w) + x
    return x


def scanned(x, w):
    return tapec.scan(lambda c, _: (np.tanh(c @ w), c.sum()), x, length=5)[0]


def branched(x, w):
    return np.tanh(x @ w) if np.sum(x) > -100 else x


def several(x, w):
    y = np.exp(x @ w)
    return y * np.where(x > 0, np.sqrt(np.abs(x)), 0.0) + np.linalg.inv(w)[:3]


FUNCTIONS = [layers, looped, scanned, branched, several]


def chained(f):
    def loss(x, w):
        for _ in range(3):
            x = f(x, w)
        return np.mean(x * x)

    return loss


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_values_and_gradients(f):
    plain = tapec.value_and_grad(chained(f), (0, 1))
    again = tapec.value_and_grad(chained(tapec.checkpoint(f)), (0, 1))
    (value, slopes), (wanted, others) = again(X, W), plain(X, W)
    for a, b in zip((value, *slopes), (wanted, *others), strict=True):
        same(a, b)
    same(tapec.checkpoint(f)(X, W), f(X, W))


@pytest.mark.parametrize("f", FUNCTIONS)
def test_tapes(f):
    gradients = []
    for g in (f, tapec.checkpoint(f)) * 2:  # the second of each is compiled
        w = tapec.Variable(W)
        with tapec.GradientTape() as tape:
            loss = chained(g)(tapec.constant(X), w)
        gradients.append(tape.gradient(loss, w).numpy())
    for g in gradients:
        same(g, gradients[0])


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f is not branched])
def test_other_transforms(f):
    g = tapec.checkpoint(f)
    t = np.ones_like(W)
    transforms = [
        lambda f: tapec.hvp(lambda w: chained(f)(X, w), W, t),
        lambda f: tapec.jvp(lambda w: f(X, w), (W,), (t,))[1],
        lambda f: tapec.jacrev(lambda w: f(X, w))(W),
        lambda f: tapec.vmap(tapec.grad(lambda x: chained(f)(x, W)))(np.stack([X, -X])),
        lambda f: tapec.grad(
            lambda w: np.sum(tapec.vmap(lambda x: f(x, w))(np.stack([X, -X])))
        )(W),
    ]
    for transform in transforms:
        same(transform(g), transform(f))


def test_derivatives_of_any_order():
    f = tapec.checkpoint(lambda x: np.sin(x) * x)
    plain = lambda x: np.sin(x) * x  # noqa: E731
    for _ in range(3):
        f, plain = tapec.grad(f), tapec.grad(plain)
        same(f(0.7), plain(0.7))
    nested = tapec.checkpoint(lambda x: tapec.checkpoint(np.sin)(x) * x)
    same(tapec.grad(tapec.grad(nested))(0.7), tapec.grad(tapec.grad(np.sin))(0.7) * 0.7
         + 2 * np.cos(0.7))  # fmt: skip


def test_no_where_nan_trap():
    f = tapec.checkpoint(lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 0)), 0.0))
    np.testing.assert_array_equal(
        tapec.grad(lambda x: np.sum(f(x)))(np.array([-1.0, 4.0])), [0.0, 0.25]
    )


def test_containers_and_other_results():
    @tapec.checkpoint
    def f(p, *, scale):
        total = p["a"].x * p["a"].y * scale
        return {"y": total, "n": np.argmax(p["a"].x), "same": p["a"].y, "text": "t"}

    def loss(p):
        out = f(p, scale=2.0)
        assert out["text"] == "t" and out["n"].dtype == np.int64
        return np.sum(out["y"] + out["same"])

    got = tapec.grad(loss)({"a": Pair(np.ones(3), np.arange(3.0))})
    same(got["a"].x, 2 * np.arange(3.0))
    same(got["a"].y, 3.0)
    assert tapec.jit(f)({"a": Pair(1.0, 2.0)}, scale=3.0)["y"] == 6.0
    assert tapec.grad(lambda x: tapec.checkpoint(lambda: 3.0)() * x)(1.0) == 3.0
    assert tapec.grad(lambda x: tapec.checkpoint(lambda a: a)(x) * x)(1.0) == 2.0


def test_variables_and_captures():
    v = tapec.Variable(W)
    c = tapec.constant(X)

    @tapec.checkpoint
    def f():
        return np.tanh(c @ v) @ v

    def gradients(f):
        with tapec.GradientTape() as tape:
            loss = np.sum(f() * f())
        return tape.gradient(loss, [v, c])

    for a, b in zip(gradients(f), gradients(f.__wrapped__), strict=True):
        same(a.numpy(), b.numpy())

    @tapec.jit
    def step(x):
        with tapec.GradientTape() as tape:
            loss = np.sum(tapec.checkpoint(layers)(x, v) ** 2)
        g = tape.gradient(loss, v)
        v.assign_sub(0.1 * g)
        return g

    same(step(X), tapec.grad(lambda w: np.sum(layers(X, w) ** 2))(W))
    assert not np.allclose(v.numpy(), W)


def test_spellings():
    assert tapec.recompute_grad is tapec.checkpoint is tf.recompute_grad

    class Model:
        @tapec.checkpoint
        def call(self, x):
            """Squares."""
            return x * x

    assert Model.call.__doc__ == "Squares."
    assert tapec.grad(Model().call)(3.0) == 6.0


# --- what is kept -------------------------------------------------------------------


def deep(f):
    """16 different layers, in calls of `f` with 4 each."""

    def loss(ws, x):
        for i in range(0, len(ws), 4):
            x = f(x, ws[i : i + 4])
        return np.mean(x**2)

    return loss


def segment(x, ws):
    for w in ws:
        x = np.tanh(x @ w)
    return x


def test_less_memory_for_a_deep_chain():
    sizes = zip(range(60, 92, 2), range(62, 94, 2), strict=True)
    ws = [RNG.standard_normal(s) * 0.3 for s in sizes]
    x = RNG.standard_normal((64, 60))
    plans = []
    for f in (segment, tapec.checkpoint(segment)):
        found = tapec.value_and_grad(deep(f)).inspect(ws, x)
        assert {step.kind for step in found.program.steps} == {"kernel", "library"}
        plans.append(found.program.plan)
    plain, again = plans
    assert again.live_bytes < 0.65 * plain.live_bytes
    assert again.nbytes < 0.65 * plain.nbytes


def test_the_text():
    f = tapec.checkpoint(lambda x: np.sin(np.exp(x)))
    inspected = tapec.grad(lambda x: np.sum(f(x) ** 2)).inspect(np.ones(3))
    text = format_module(inspected.recorded)
    assert "checkpoint" in text and "barrier" in text
    assert format_module(parse(text)) == text
    optimized = format_module(inspected.stage("dce"))
    assert "checkpoint" not in optimized and optimized.count("exp") == 2
