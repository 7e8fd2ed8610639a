"""Rosenbrock's valley, for two Python floats and for a vector."""

import numpy as np

from benchmarks.workloads.record import Workload


def valley(x, y):
    return 100.0 * (y - x * x) ** 2 + (1.0 - x) ** 2


def valley_by_hand(x, y):
    def call():
        d = y - x * x
        e = 1.0 - x
        return 100.0 * d * d + e * e, (-400.0 * d * x - 2.0 * e, 200.0 * d)

    return call


def chain(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def chain_by_hand(x):
    d, e, squares = (np.empty(len(x) - 1) for _ in range(3))
    gradient = np.empty_like(x)

    def call():
        head = x[:-1]
        np.multiply(head, head, out=d)
        np.subtract(x[1:], d, out=d)
        np.subtract(1.0, head, out=e)
        value = 100.0 * np.vdot(d, d) + np.vdot(e, e)
        np.multiply(d, head, out=squares)
        np.multiply(squares, -400.0, out=gradient[:-1])
        gradient[-1] = 0.0
        np.multiply(e, 2.0, out=e)
        gradient[:-1] -= e
        np.multiply(d, 200.0, out=d)
        gradient[1:] += d
        return value, (gradient,)

    return call


rosen2 = Workload(
    name="rosen2",
    about="Rosenbrock's function of two Python floats",
    function=valley,
    argnums=(0, 1),
    make=lambda: (-1.2, 1.0),
    by_hand=valley_by_hand,
)

rosen1000 = Workload(
    name="rosen1000",
    about="its sum over a vector of 1,000",
    function=chain,
    argnums=(0,),
    make=lambda: (np.random.default_rng(0).normal(size=1000),),
    by_hand=chain_by_hand,
)
