"""The arena is hardly larger than what is in use at once, and shown as text."""

import numpy as np
import pytest

import tapec
from benchmarks.workloads import WORKLOADS

SLOW = ("lstm2_1024", "gmm64_50", "mlp512", "bs1m")


def plans(program):
    """The plan of a program, and those of the bodies inside."""
    yield program.plan
    for step in program.steps:
        if step.control is not None:
            for body in step.control.bodies:
                yield from plans(body)


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param(w, id=w.name, marks=[pytest.mark.slow] * (w.name in SLOW))
        for w in WORKLOADS
        if "tapec" not in w.own  # those are other transforms than a gradient
    ],
)
def test_the_arena_is_near_the_bound_by_liveness(workload):
    f = tapec.value_and_grad(workload.function, argnums=workload.argnums)
    for plan in plans(tapec.inspect(f, *workload.make()).program):
        assert plan.live_bytes <= plan.nbytes <= 1.1 * plan.live_bytes


def test_the_curve_as_text():
    def f(x, w):
        return np.sum(np.tanh(np.tanh(x @ w) @ w))

    x = np.zeros((100, 100))
    assert tapec.inspect(f, x, x).memory() == (
        "arena 160.00 KB; at most 160.00 KB in use at once\n"
        "0  library   80.00 KB  ####################\n"
        "1  kernel   160.00 KB  ########################################\n"
        "2  library  160.00 KB  ########################################\n"
        "3  kernel    80.00 KB  ####################"
    )


def test_nothing_is_in_use():
    text = tapec.inspect(lambda x: x + 1.0, np.zeros(3)).memory()
    assert text == "arena 0 B; at most 0 B in use at once\n0  kernel        0 B"


def test_a_long_program_has_short_lines():
    def f(x):
        for i in range(300):
            x = np.tanh(x) @ np.full((9, 9), float(i % 7) - 3.0 + 1.0 / (i + 1))
        return x

    lines = tapec.inspect(f, np.zeros((9, 9))).memory().splitlines()
    assert len(lines) <= 41
