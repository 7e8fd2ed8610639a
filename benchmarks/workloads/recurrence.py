"""A scalar recurrence: 10,000 steps, each a few operations on one number."""

import math

import numpy as np

from benchmarks.workloads.record import Workload

STEPS = 10_000


def mean(x, r, a):
    total = 0.0
    for _ in range(STEPS):
        x = r * x * (1.0 - x) + a * np.sin(x)
        total = total + x
    return total / STEPS


def by_jax(*numbers):
    """With a scan: the plain loop would compile for an hour."""
    import jax

    def mean(x, r, a):
        def step(carry, _):
            x, total = carry
            x = r * x * (1.0 - x) + a * jax.numpy.sin(x)
            return (x, total + x), None

        return jax.lax.scan(step, (x, 0.0), None, STEPS)[0][1] / STEPS

    both = jax.jit(jax.value_and_grad(mean, (0, 1, 2)))
    return lambda: jax.block_until_ready(both(*numbers))


def by_hand(x0, r, a):
    def call():
        x, total, states = x0, 0.0, [x0]
        for _ in range(STEPS):
            x = r * x * (1.0 - x) + a * math.sin(x)
            total += x
            states.append(x)
        ct, by_r, by_a = 0.0, 0.0, 0.0
        for x in reversed(states[:-1]):
            ct += 1.0 / STEPS
            by_r += ct * x * (1.0 - x)
            by_a += ct * math.sin(x)
            ct *= r * (1.0 - 2.0 * x) + a * math.cos(x)
        return total / STEPS, (ct, by_r, by_a)

    return call


rec10000 = Workload(
    name="rec10000",
    about="the mean of a recurrence of 10,000 steps, a plain loop, by three numbers",
    function=mean,
    argnums=(0, 1, 2),
    make=lambda: (0.3, 2.1, 0.1),
    by_hand=by_hand,
    own={"jax": by_jax},
)
