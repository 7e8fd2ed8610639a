"""What steps compute from invariants is done before the loop, then differentiated."""

import numpy as np

import tapec


def net(w, x):
    for t in range(12):
        x = np.tanh(x * w[0] + w[1, t % 3] + tapec.stop_gradient(w[2] * 2.0))
    return np.sum(x * np.sum(np.exp(w[0])))


W, X = np.random.default_rng(0).normal(size=(2, 3, 3))
X = X[0]


def carried(fn):
    """The shapes of what the loops carry."""
    for op in fn.ops:
        if op.prim.name == "scan":
            yield from (a.shape for a in op.args[: op.attr("carries")])


def test_a_gradient_adds_up_what_the_steps_read():
    gradient = tapec.grad(net)
    shapes = set(carried(gradient.inspect(W, X).stage("dce")))
    assert (3, 3) not in shapes
    assert (1, 3) in shapes or (3,) in shapes


def test_the_gradient():
    found = tapec.jit(tapec.grad(net))(W, X)
    for i, j in np.ndindex(2, 3):
        step = np.zeros((3, 3))
        step[i, j] = 1e-6
        slope = (net(W + step, X) - net(W - step, X)) / 2e-6
        np.testing.assert_allclose(found[i, j], slope, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found[2], 0.0)
