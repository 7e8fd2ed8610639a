"""What the tests of NumPy's functions share: one function, four ways to compute it.

`check(f, *arrays)` compares `f` on arrays with `f` on tensors outside a recording and
with the recorded function, and its gradient with differences, to second order.
"""

import numpy as np

import tapec.numpy  # noqa: F401
from tapec import containers
from tapec.interpret import evaluate
from tapec.ops.const import with_constants
from tapec.passes.vjp import vjp
from tapec.tensor import Tensor
from tapec.tracing import trace

STEP = 1e-6


def flat(result):
    """The arrays of a result that may be a tuple or a list."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [result.array if isinstance(result, Tensor) else np.asarray(result)]


def same(found, wanted, tol=1e-12):
    found, wanted = flat(found), flat(wanted)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape, (a.shape, b.shape)
        assert a.dtype == b.dtype, (a.dtype, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol)


def recorded(f, *arrays):
    """The recorded function; arrays that `f` closes over become constants."""
    leaves, structure = containers.flatten((arrays, {}))
    traced = trace(f, leaves, structure, "f")
    fn = traced.function
    captured = map(np.array, traced.bindings.sources)
    return with_constants(
        fn, dict(zip(fn.params[len(leaves) :], captured, strict=True))
    )


def check(f, *arrays, order=2, tol=1e-5, exact=1e-12):
    """Values four ways, gradients against differences."""
    arrays = [np.asarray(a) for a in arrays]
    wanted = f(*arrays)
    same(f(*map(Tensor.holding, arrays)), wanted, exact)
    fn = recorded(f, *arrays)
    same(list(evaluate(fn, *arrays)), wanted, exact)
    check_gradient(fn, arrays, order, tol)


def check_gradient(fn, arrays, order=1, tol=1e-5):
    """<ct, df> against differences along a random direction; then the same for vjp."""
    rng = np.random.default_rng(0)

    def draw(a):
        x = rng.uniform(-1.0, 1.0, a.shape)
        return x + 1j * rng.uniform(-1.0, 1.0, a.shape) if a.dtype.kind == "c" else x

    outs = evaluate(fn, *arrays)
    cts = {i: draw(o) for i, o in enumerate(outs) if o.dtype.kind in "fc"}
    wrt = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    if not wrt or not cts:
        return
    backward = vjp(fn, wrt=wrt)
    found = evaluate(backward, *arrays, *cts.values())[len(outs) :]
    directions = {i: draw(arrays[i]) for i in wrt}

    def along(t):
        moved = [a + t * directions.get(i, 0) for i, a in enumerate(arrays)]
        outs = evaluate(
            fn, *[m.astype(a.dtype) for m, a in zip(moved, arrays, strict=True)]
        )
        return sum(np.sum(np.real(np.conj(ct) * outs[i])) for i, ct in cts.items())

    numeric = (along(STEP) - along(-STEP)) / (2 * STEP)
    analytic = 0.0
    for i, g in zip(wrt, found, strict=True):
        assert g.shape == arrays[i].shape and g.dtype == arrays[i].dtype
        analytic += np.sum(np.real(np.conj(g) * directions[i]))
    np.testing.assert_allclose(analytic, numeric, rtol=tol, atol=tol)
    if order > 1:
        gradient = backward.with_(results=backward.results[len(outs) :])
        check_gradient(gradient, [*arrays, *cts.values()], order - 1, tol * 10)


def gradient(f, *arrays):
    """The gradients of a function with one number as its result."""
    arrays = [np.asarray(a) for a in arrays]
    fn = recorded(f, *arrays)
    wrt = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    backward = vjp(fn, wrt=wrt)
    one = np.ones(fn.results[0].shape, fn.results[0].dtype)
    return evaluate(backward, *arrays, one)[1:]
