"""`vmap` of gradients of loops with a condition: all elements in one loop."""

import numpy as np
import pytest

import tapec
from tapec.passes.batch import looped

A = np.array([2.0, 1.0, 900.0, 4.0, 0.3])


def root(a, tol):
    def more(x):
        return abs(x * x - a) > tol

    return tapec.while_loop(more, lambda x: 0.5 * (x + a / x), a) * a


def python_root(a, tol):
    x = a
    while abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
    return x * a


def same_number_of_steps(x, w):
    def step(c):
        return c[0] + 1, np.cos(c[1]) * w + 0.1 * c[1]

    return np.sum(tapec.while_loop(lambda c: c[0] < 4, step, (0, x))[1])


def decaying(x, w):
    """Each element has an array, and its own number of steps."""

    def more(c):
        return np.sum(c * c) > 1.0

    return np.sum(tapec.while_loop(more, lambda c: np.tanh(w @ c) * 0.9, x) * x)


def until_it_is_singular(x):
    """The last step is at the edge of where `sqrt` has a derivative."""
    end = tapec.while_loop(lambda c: c > 0.0, lambda c: np.maximum(c - 1.0, 0.0), x)
    return np.sqrt(end + 1.0) * x


def one_program(f, *args):
    """The recording has no op that was made element by element."""
    fn = tapec.jit(f).traced(*args)
    assert looped(fn) == []
    return fn


@pytest.mark.parametrize("f", [root, python_root])
def test_as_a_loop_of_gradients(f):
    batched = tapec.vmap(tapec.value_and_grad(f), (0, None))
    values, slopes = batched(A, 1e-12)
    each = [tapec.value_and_grad(f)(a, 1e-12) for a in A.tolist()]
    np.testing.assert_allclose(values, [v for v, _ in each], rtol=1e-14)
    np.testing.assert_allclose(slopes, [g for _, g in each], rtol=1e-12)
    fn = one_program(batched, A, 1e-12)
    assert sum(op.prim.name == "while_reverse" for op in fn.ops) == 1


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_carries_and_invariants(axes, argnums):
    rng = np.random.default_rng(1)
    x = rng.uniform(0.5, 3.0, (4, 3) if axes[0] == 0 else 3)
    w = rng.uniform(-1.0, 1.0, (4, 3, 3) if axes[1] == 0 else (3, 3))
    g = tapec.grad(decaying, argnums)
    found = tapec.vmap(g, axes)(x, w)
    rows = [
        g(x[i] if axes[0] == 0 else x, w[i] if axes[1] == 0 else w) for i in range(4)
    ]
    for a, b in zip(
        leaves(found), map(np.stack, zip(*map(leaves, rows), strict=True)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    one_program(tapec.vmap(g, axes), x, w)


def leaves(found):
    return list(found) if isinstance(found, tuple) else [found]


def test_a_condition_that_all_share():
    x = np.linspace(0.1, 1.0, 6).reshape(3, 2)
    g = tapec.grad(same_number_of_steps, (0, 1))
    found = tapec.vmap(g, (0, None))(x, 1.3)
    each = [g(row, 1.3) for row in x]
    np.testing.assert_allclose(found[0], [r[0] for r in each], rtol=1e-13)
    np.testing.assert_allclose(found[1], [r[1] for r in each], rtol=1e-13)


def test_of_vmap_of_vmap_and_second_order():
    a = A[:4].reshape(2, 2)
    inner = tapec.vmap(tapec.grad(root), (0, None))
    found = tapec.vmap(inner, (0, None))(a, 1e-12)
    each = [tapec.grad(root)(x, 1e-12) for x in a.ravel().tolist()]
    np.testing.assert_allclose(found.ravel(), each, rtol=1e-12)
    twice = tapec.grad(tapec.grad(root))
    found = tapec.vmap(twice, (0, None))(A, 1e-12)
    each = [twice(x, 1e-12) for x in A.tolist()]
    np.testing.assert_allclose(found, each, rtol=1e-9)
    of_batch = tapec.grad(
        lambda a: np.sum(tapec.vmap(tapec.grad(root), (0, None))(a, 1e-12))
    )
    np.testing.assert_allclose(of_batch(A), each, rtol=1e-9)


def test_elements_that_are_done_add_nothing():
    x = np.array([0.5, 3.5, 2.0, 0.0])
    found = tapec.vmap(tapec.grad(until_it_is_singular))(x)
    np.testing.assert_allclose(
        found, [tapec.grad(until_it_is_singular)(v) for v in x.tolist()], rtol=1e-13
    )
    assert np.isfinite(found).all()


def test_a_jacobian_of_several_roots():
    def roots(v):
        return np.stack([root(v[0], 1e-12), root(v[1] * v[0], 1e-12)])

    v = np.array([2.0, 5.0])
    found = tapec.jacrev(roots)(v)
    np.testing.assert_allclose(found, tapec.jacfwd(roots)(v), rtol=1e-9)


def test_an_empty_batch():
    assert tapec.vmap(tapec.grad(root), (0, None))(A[:0], 1e-12).shape == (0,)
