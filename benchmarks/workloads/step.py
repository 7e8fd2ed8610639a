"""One step of training a small network 2-32-32-1, all six parameters updated."""

import numpy as np

from benchmarks.workloads.record import Workload

RATE = 1e-3


def loss(w1, b1, w2, b2, w3, b3, x, y):
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    return np.mean((h2 @ w3 + b3 - y) ** 2)


def by_tapec(*args):
    """A tape, its gradient and the updates, compiled as one program."""
    import tapec

    *start, x, y = args
    parameters = [tapec.Variable(a) for a in start]

    @tapec.jit
    def step(x, y):
        with tapec.GradientTape() as tape:
            value = loss(*parameters, x, y)
        gradients = tape.gradient(value, parameters)
        for p, g in zip(parameters, gradients, strict=True):
            p.assign_sub(RATE * g)
        return value

    def call():
        value = step(x, y)
        return value, tuple(p.numpy() for p in parameters)

    return call


def by_tapec_tape(*args):
    """The same without `jit`: a tape that finds its program again."""
    import tapec

    *start, x, y = args
    parameters = [tapec.Variable(a) for a in start]

    def call():
        with tapec.GradientTape() as tape:
            value = loss(*parameters, x, y)
        gradients = tape.gradient(value, parameters)
        for p, g in zip(parameters, gradients, strict=True):
            p.assign_sub(RATE * g)
        return value.item(), tuple(p.numpy() for p in parameters)

    return call


def by_hand(*args):
    *start, x, y = args
    w1, b1, w2, b2, w3, b3 = (np.array(a) for a in start)
    n = len(x)
    h1, h2, e1, e2, t = (np.empty((n, 32)) for _ in range(5))
    e3 = np.empty((n, 1))
    grads = [np.empty_like(a) for a in (w1, b1, w2, b2, w3, b3)]

    def call():
        for inputs, w, b, out in ((x, w1, b1, h1), (h1, w2, b2, h2)):
            np.matmul(inputs, w, out=out)
            out += b
            np.tanh(out, out=out)
        np.matmul(h2, w3, out=e3)
        np.add(e3, b3, out=e3)
        np.subtract(e3, y, out=e3)
        value = np.vdot(e3, e3) / n
        np.multiply(e3, 2.0 / n, out=e3)
        layers = ((h2, w3, e3, e2, 4), (h1, w2, e2, e1, 2), (x, w1, e1, None, 0))
        for inputs, w, error, below, i in layers:
            np.matmul(inputs.T, error, out=grads[i])
            np.sum(error, axis=0, out=grads[i + 1])
            if below is not None:
                np.matmul(error, w.T, out=below)
                np.multiply(inputs, inputs, out=t)
                np.subtract(1.0, t, out=t)
                np.multiply(below, t, out=below)
        for p, g in zip((w1, b1, w2, b2, w3, b3), grads, strict=True):
            g *= RATE
            p -= g
        return value, (w1, b1, w2, b2, w3, b3)

    return call


def make():
    rng = np.random.default_rng(0)
    shapes = ((2, 32), (32,), (32, 32), (32,), (32, 1), (1,))
    start = [rng.normal(size=s) * 0.3 for s in shapes]
    x = rng.normal(size=(32, 2))
    return (*start, x, np.sin(x[:, :1]) * x[:, 1:])


step = Workload(
    name="step",
    about="a training step of 2-32-32-1, batch 32, six parameters updated",
    function=loss,
    argnums=tuple(range(6)),
    make=make,
    by_hand=by_hand,
    own={"tapec": by_tapec, "tapec tape": by_tapec_tape},
)
