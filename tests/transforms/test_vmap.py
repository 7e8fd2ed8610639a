"""`vmap`: what it gives is what a Python loop over the elements gives."""

import dataclasses
import re
from typing import NamedTuple

import numpy as np
import pytest

import tapec
from tapec.errors import ShapeError, TraceError
from tapec.inspect import Inspection
from tapec.passes.batch import batch
from tapec.text import parse

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3))
X = RNG.standard_normal((5, 3))
SQUARE = X @ X.T + 5 * np.eye(5)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def loss(w, x):
    return np.sum(np.tanh(w @ x) ** 2)


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Layer:
    w: object
    b: object


# --- axes and containers ------------------------------------------------------


def test_shared_argument():
    found = tapec.vmap(lambda w, x: w @ x, in_axes=(None, 0))(W, X)
    close(found, X @ W.T)
    assert type(found) is np.ndarray


@pytest.mark.parametrize(("axis", "out"), [(0, 0), (1, 0), (-1, 1), (2, -1), (-3, -2)])
def test_axes(axis, out):
    x = RNG.standard_normal((2, 3, 4))
    found = tapec.vmap(np.sin, in_axes=axis, out_axes=out)(x)
    close(found, np.moveaxis(np.sin(x), axis, out))


def test_axes_of_entries():
    tree = {"a": X, "b": (W, 2.0)}
    spec = {"b": (None, None), "a": 0}

    def f(t, y):
        return {"s": t["b"][0] @ t["a"] * t["b"][1], "y": (y,)}

    axes = {"s": -1, "y": 0}
    found = tapec.vmap(f, in_axes=(spec, 1), out_axes=axes)(tree, X.T)
    close(found["s"], (X @ W.T * 2).T)
    close(found["y"][0], X)


@pytest.mark.parametrize("make", [Pair, Layer, lambda a, b: [a, b]])
def test_containers(make):
    def f(p):
        a, b = p if isinstance(p, list | tuple) else (p.w, p.b)
        return make(a + b, a * b)

    found = tapec.vmap(f)(make(X, X[:, 0]))
    assert type(found) is type(make(0, 0))
    a, b = (found.w, found.b) if isinstance(found, Layer) else found
    close(a, X + X[:, :1])
    close(b, X * X[:, :1])


def test_none_and_flags_pass_through():
    f = tapec.vmap(lambda x, how, nothing: (x if how == "same" else -x, nothing))
    found, nothing = f(X, "same", None)
    close(found, X)
    assert nothing is None


def test_keywords():
    f = tapec.vmap(lambda x, scale=1.0, power=1: scale * x**power)
    close(f(X[:, 0], scale=X[:, 1]), X[:, 0] * X[:, 1])
    close(f(X[:, 0], power=2.0, scale=3.0), 3 * (X[:, 0] ** 2))


def test_shared_results():
    f = tapec.vmap(lambda x: (x, W[0, 0], 3), out_axes=(0, None, None))
    _, a, b = f(X)
    assert a == W[0, 0] and b == 3 and type(b) is int


def test_python_numbers_become_arrays():
    a, b, c = tapec.vmap(lambda x: (1.5, 2, x.shape[0]))(X)
    assert [r.dtype for r in (a, b, c)] == [np.float64, np.int64, np.int64]
    assert [r.tolist() for r in (a, b, c)] == [[1.5] * 5, [2] * 5, [3] * 5]


def test_dtypes_follow_one_element():
    single = X.astype(np.float32)
    assert tapec.vmap(lambda x: x * 2.0)(single).dtype == np.float32
    assert tapec.vmap(lambda x: x / 2)(np.arange(3)).dtype == np.float64
    shared = tapec.vmap(lambda x, s: x * s, in_axes=(0, None))
    assert shared(single, 2.0).dtype == np.float32
    assert shared(single, np.float64(2.0)).dtype == np.float64


def test_size_without_arguments():
    assert tapec.vmap(lambda: 2.0, axis_size=3)().tolist() == [2.0] * 3


def test_empty_batch():
    f = tapec.vmap(lambda x: (x @ W.T, np.linalg.det(np.outer(x, x)), x.max()))
    shapes = [r.shape for r in f(np.zeros((0, 3)))]
    assert shapes == [(0, 4), (0,), (0,)]


def test_decorator():
    @tapec.vmap
    def f(x):
        """Of f."""
        return np.sum(x)

    @tapec.vmap(in_axes=1)
    def g(x):
        return np.sum(x)

    close(f(X), X.sum(1))
    close(g(X), X.sum(0))
    assert f.__name__ == "f" and f.__doc__ == "Of f."


def test_method():
    class Model:
        def __init__(self):
            self.w = W

        @tapec.vmap
        def predict(self, x):
            return self.w @ x

    model = Model()
    close(model.predict(X), X @ W.T)
    model.w = 2 * W
    close(model.predict(X), 2 * X @ W.T)


# --- composed -------------------------------------------------------------------


def test_gradients_per_example():
    found = tapec.vmap(tapec.grad(loss), in_axes=(None, 0))(W, X)
    close(found, [tapec.grad(loss)(W, x) for x in X])


def test_value_and_grad_per_example():
    f = tapec.value_and_grad(loss, argnums=(0, 1))
    value, (dw, dx) = tapec.vmap(f, in_axes=(None, 0))(W, X)
    for i, x in enumerate(X):
        v, (a, b) = f(W, x)
        close(value[i], v)
        close(dw[i], a)
        close(dx[i], b)


def test_gradients_per_example_of_a_network():
    params = [
        {"w": RNG.standard_normal((m, n)), "b": RNG.standard_normal(n)}
        for m, n in ((3, 8), (8, 8), (8, 2))
    ]
    y = RNG.integers(0, 2, 5)

    def network(params, x, label):
        for layer in params[:-1]:
            x = np.tanh(x @ layer["w"] + layer["b"])
        out = x @ params[-1]["w"] + params[-1]["b"]
        return np.log(np.sum(np.exp(out))) - out[label]

    gradient = tapec.grad(network)
    found = tapec.vmap(gradient, in_axes=(None, 0, 0))(params, X, y)
    for i in range(5):
        wanted = gradient(params, X[i], y[i])
        for a, b in zip(found, wanted, strict=True):
            for key in a:
                close(a[key][i], b[key])
    mean = tapec.grad(
        lambda p: np.mean(tapec.vmap(network, in_axes=(None, 0, 0))(p, X, y))
    )(params)
    close(mean[0]["w"], found[0]["w"].mean(0))


def test_nested():
    table = tapec.vmap(tapec.vmap(loss, (None, 0)), (0, None))
    many = np.stack([W, 2 * W])
    close(table(many, X), [[loss(w, x) for x in X] for w in many])
    gradients = tapec.vmap(tapec.vmap(tapec.grad(loss), (None, 0)), (0, None))
    wanted = [[tapec.grad(loss)(w, x) for x in X] for w in many]
    close(gradients(many, X), wanted)


def test_nested_with_captured_values():
    def inner(x):
        return np.sum(tapec.vmap(lambda y: x * y + W[0])(x))

    wanted = [sum(np.sum(x * y + W[0]) for y in x) for x in X]
    close(tapec.vmap(inner)(X), wanted)


@pytest.mark.parametrize("f", [np.linalg.inv, np.linalg.cholesky, np.linalg.det])
def test_linear_algebra(f):
    stack = np.stack([SQUARE, 2 * SQUARE, SQUARE + np.eye(5)])
    close(tapec.vmap(f)(stack), [f(a) for a in stack])
    of = lambda a: np.sum(f(a) ** 2)  # noqa: E731
    found = tapec.vmap(tapec.grad(of))(stack)
    wanted = [tapec.grad(of)(a) for a in stack]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_solve_with_either_side_shared():
    def f(a, b):
        return np.linalg.solve(a, b)

    close(tapec.vmap(f, (None, 0))(SQUARE, SQUARE), [f(SQUARE, b) for b in SQUARE])
    stack = np.stack([SQUARE, 2 * SQUARE])
    close(tapec.vmap(f, (0, None))(stack, SQUARE[0]), [f(a, SQUARE[0]) for a in stack])


def test_second_derivatives():
    def f(x):
        return np.prod(x) + np.sum(x**3)

    for transform in (tapec.hessian, tapec.jacfwd, tapec.jacrev):
        close(tapec.vmap(transform(f))(X), [transform(f)(x) for x in X])


def test_inside_jit_grad_and_jacobian():
    def total(x):
        return np.sum(tapec.vmap(np.prod)(x))

    close(tapec.jit(total)(X), X.prod(1).sum())
    close(tapec.grad(total)(X), [tapec.grad(np.prod)(x) for x in X])
    wanted = np.einsum("ij,ik->ijk", np.cos(X), np.ones((5, 3))) * np.eye(3)
    full = tapec.jacobian(tapec.vmap(np.sin))(X)
    close(np.einsum("ijik->ijk", full), wanted)


def test_custom_gradient():
    @tapec.custom_gradient
    def f(x):
        return np.sin(x), lambda ct: ct * x

    close(tapec.vmap(tapec.grad(f))(X[:, 0]), X[:, 0])
    close(tapec.grad(lambda x: np.sum(tapec.vmap(f)(x)))(X[:, 0]), X[:, 0])


def test_loops_inside():
    def polynomial(x):
        return tapec.fori_loop(0, 4, lambda i, c: c * x + i, 1.0)

    close(tapec.vmap(polynomial)(X[:, 0]), [polynomial(x) for x in X[:, 0]])
    gradient = tapec.grad(polynomial)
    close(tapec.vmap(gradient)(X[:, 0]), [gradient(x) for x in X[:, 0]])


def test_what_is_looped_is_listed():
    text = """func @f(%x: bool[3]) {
      %1: i64[2] = flatnonzero %x count=2
      return %1
    }"""
    seen = Inspection(batch(parse(text), 4))
    assert seen.looped == ["flatnonzero"]
    assert "looped: flatnonzero" in repr(seen)
    assert tapec.vmap(np.sort).inspect(X).looped == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_in_other_arrays(side):
    rows = np.sort(np.vstack([X, [0.5, 0.5, np.nan]]))
    v = np.array([-0.1, 0.5, np.nan, np.inf])
    f = tapec.vmap(lambda a, v: np.searchsorted(a, v, side), in_axes=(0, None))
    close(f(rows, v), [np.searchsorted(a, v, side) for a in rows])


def test_convolution_with_other_kernels():
    f = tapec.vmap(lambda x, k: np.convolve(x, k))
    close(f(X, X), [np.convolve(x, x) for x in X])
    of = lambda x: np.sum(np.convolve(x, x) ** 2)  # noqa: E731
    close(tapec.vmap(tapec.grad(of))(X), [tapec.grad(of)(x) for x in X])


def test_gradient_ops_belong_to_what_they_differentiate():
    fn = tapec.vmap(tapec.grad(loss), in_axes=(None, 0)).traced(W, X)
    uids = {op.uid: op.prim.name for op in fn.ops}
    primals = {uids[op.meta.primal] for op in fn.ops if op.meta.primal is not None}
    assert {"tanh", "sum", "integer_power"} <= primals


def test_retrace_only_for_other_shapes():
    f = tapec.vmap(lambda x: x * 2)
    f(X), f(X + 1), f(X[:2])
    assert len(f.signatures) == 2


# --- positions --------------------------------------------------------------------


def test_positions_that_differ():
    i = np.array([2, 0, -1, 1, 2])
    close(tapec.vmap(lambda x, i: x[i])(X, i), X[np.arange(5), i])
    close(tapec.vmap(lambda i: tapec.numpy.take(W, i, axis=0))(i), W[i])
    pick = tapec.grad(lambda x, i: x[i] ** 2)
    close(tapec.vmap(pick)(X, i), [pick(x, k) for x, k in zip(X, i, strict=True)])


def test_positions_out_of_range():
    f = tapec.vmap(lambda x, i: x[i])
    good, bad = np.array([0, 1, 2, 0, 1]), np.array([0, 1, 2, 0, 3])
    for indices in (good, bad):
        if indices is bad:
            with pytest.raises(IndexError, match="index 3 is out of bounds"):
                f(X, indices)
        else:
            f(X, indices)


def test_assignment_to_elements():
    def f(x, i):
        x = x * 1
        x[i] = 0.0
        return x

    found = tapec.vmap(f)(X, np.array([0, 1, 2, 0, 1]))
    wanted = X.copy()
    wanted[np.arange(5), [0, 1, 2, 0, 1]] = 0
    close(found, wanted)


# --- tapes, variables ---------------------------------------------------------------


def test_on_a_tape():
    w = tapec.Variable(W)
    with tapec.GradientTape() as tape:
        y = tapec.vmap(lambda x: np.tanh(w @ x))(X)
        total = np.sum(y * y)
    wanted = sum(tapec.grad(loss)(W, x) for x in X)
    close(tape.gradient(total, w), wanted)


def test_tape_jacobians_are_recorded_once():
    counts = []
    for n in (3, 30):
        x = tapec.constant(np.linspace(0.0, 1.0, n))
        with tapec.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tapec.GradientTape() as tape:
                tape.watch(x)
                y = np.sin(x) * x
            j = tape.jacobian(y, x)
            trace = np.sum(np.diagonal(j))
        counts.append(len(outer.function(trace, x).ops))
        close(j, np.diag(np.sin(x.numpy()) + x.numpy() * np.cos(x.numpy())))
        slope = 2 * np.cos(x.numpy()) - x.numpy() * np.sin(x.numpy())
        close(outer.gradient(trace, x), slope)
    assert counts[0] == counts[1]


def test_tape_inside():
    def f(x):
        with tapec.GradientTape() as tape:
            tape.watch(x)
            y = np.sum(x**3)
        return tape.gradient(y, x)

    close(tapec.vmap(f)(X), 3 * X**2)


def test_variable_is_read_at_each_call():
    v = tapec.Variable(2.0)
    f = tapec.vmap(lambda x: x * v)
    close(f(X), 2 * X)
    v.assign(3.0)
    close(f(X), 3 * X)


def test_variable_as_argument():
    v = tapec.Variable(X)
    close(tapec.vmap(np.sum)(v), X.sum(1))
    close(tapec.vmap(lambda x, v: v @ x, in_axes=(0, None))(X, v), X @ X.T)


def test_other_tensors_stay_pending():
    """Neither arguments nor captured values are computed for the sake of `vmap`."""
    x = tapec.constant(X)
    with tapec.GradientTape() as tape:
        tape.watch(x)
        moved, scale = x + 1, np.sum(x)
        y = tapec.vmap(lambda e: e * scale)(moved)
        assert moved.known is None and scale.known is None
        total = np.sum(y)
    wanted = tapec.grad(lambda x: np.sum((x + 1) * np.sum(x)))(X)
    close(tape.gradient(total, x), wanted)


# --- what cannot be -----------------------------------------------------------------


def raises(error, text, f, *args, **kw):
    with pytest.raises(error, match=re.escape(text)):
        f(*args, **kw)


def test_different_sizes():
    f = tapec.vmap(lambda x, params: x, in_axes=(1, 0))
    text = (
        "vmap of <lambda>: different numbers of elements: x has 3 (axis 1), "
        "params['w'] has 4 (axis 0)"
    )
    raises(ShapeError, text, f, X, {"w": W})


def test_axis_out_of_range():
    text = "axis 2 is out of range for x, of shape (5, 3)"
    raises(ShapeError, text, tapec.vmap(lambda x: x, in_axes=2), X)
    text = "axis 0 is out of range for y, of no axis; give None for it"
    raises(ShapeError, text, tapec.vmap(lambda x, y: x), X, 1.0)
    text = "axis 3 is out of range for a result of vmap of <lambda>, of shape (5, 3)"
    raises(ShapeError, text, tapec.vmap(lambda x: x, out_axes=3), X)


def test_structure_of_axes():
    f = tapec.vmap(lambda x, y: x, in_axes=(0,))
    raises(ValueError, "in_axes has 1 entries for 2 arguments", f, X, X)
    f = tapec.vmap(lambda d: d["a"], in_axes=({"b": 0},))
    raises(ValueError, "in_axes is ({'b': 0},) for", f, {"a": X})
    f = tapec.vmap(lambda x: x, in_axes="a")
    raises(ValueError, "in_axes is 'a' for", f, X)
    f = tapec.vmap(lambda x: x, in_axes=0.5)
    raises(ValueError, "0.5 is neither an integer nor None", f, X)
    f = tapec.vmap(lambda x: (x, x), out_axes=(0, 0, 0))
    raises(ValueError, "out_axes is (0, 0, 0) for", f, X)


def test_nothing_to_map():
    f = tapec.vmap(lambda x: x, in_axes=None)
    raises(ValueError, "no argument has an axis to map over", f, X)


def test_shared_result_that_differs():
    f = tapec.vmap(lambda x: x, out_axes=None)
    raises(ValueError, "out_axes is None for a result of shape (3,)", f, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: x * x[0].item(),
        lambda x: x[x > 0],
        lambda x: x * x.numpy(),
        lambda x: W[np.argmax(x)],
    ],
)
def test_elements_that_would_part_ways(f):
    with pytest.raises(TraceError, match=r"elements of a batch .* use np.where") as e:
        tapec.vmap(f)(X)
    assert "test_vmap.py" in str(e.value) and "^" in str(e.value)


def test_branch_on_what_all_share():
    f = tapec.vmap(lambda x, c: x if c > 0 else -x, in_axes=(0, None))
    close(f(X, 1.0), X)
    close(f(X, -1.0), -X)


def test_variable_assigned_inside():
    v = tapec.Variable(0.0, name="v")

    def f(x):
        v.assign(x)
        return x

    text = "vmap of f: v is assigned inside; return the value instead"
    raises(TraceError, text, tapec.vmap(f), X[:, 0])
    assert v.item() == 0.0
