"""What the benchmarks time is right, and their tables are tables. No time is tested."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import timing
from benchmarks.contestant import Contestant, copied, take_turns
from benchmarks.peers import by_hand, c_, tapec_, tapec_tape
from benchmarks.report import Table, page
from benchmarks.suites import SUITES
from benchmarks.suites.peers import difference
from benchmarks.suites.tape_length import measured
from benchmarks.workloads import WORKLOADS

MATRICES = ("ba10k", "hess50")  # the function's derivative is no gradient
LARGE = ("bs1m", "gmm64_50", "mlp512")


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param(w, id=w.name, marks=[pytest.mark.slow] * (w.name in LARGE))
        for w in WORKLOADS
    ],
)
def test_tapec_and_c_agree_with_the_gradient_by_hand(workload):
    args = workload.make()
    wanted = copied(by_hand.prepare(workload, args)())
    for peer in filter(lambda peer: peer.available(), (tapec_, tapec_tape, c_)):
        call = peer.prepare(workload, args)
        if call is not None:
            assert not difference(copied(call()), wanted, workload.rtol), peer.NAME


@pytest.mark.parametrize(
    "workload",
    [w for w in WORKLOADS if w.name not in (*LARGE, *MATRICES, "mlp64", "step")],
    ids=lambda w: w.name,
)
def test_the_gradient_by_hand_is_the_slope(workload):
    """By differences along a direction, without tapec."""
    args = workload.make()
    rng = np.random.default_rng(0)
    _, *gradients = copied(workload.by_hand(*args)())
    along = [rng.normal(size=np.shape(args[i])) for i in workload.argnums]
    slope = sum(np.vdot(g, d) for g, d in zip(gradients, along, strict=True))

    def value(step):
        moved = list(args)
        for i, d in zip(workload.argnums, along, strict=True):
            moved[i] = moved[i] + step * d
        return workload.function(*moved)

    h = 1e-6
    assert np.isclose((value(h) - value(-h)) / (2 * h), slope, rtol=1e-5)


def test_a_wrong_gradient_is_noticed():
    right = [np.array([1.0, 2.0])]
    assert not difference([np.array([1.0, 2.0 + 1e-12])], right, 1e-9)
    assert (
        difference([np.array([1.0, 2.1])], right, 1e-9) == "result 0 is off by 5.0e-02"
    )
    assert difference([np.array([np.nan, 2.0])], right, 1e-9)
    assert "shape" in difference([np.zeros(3)], right, 1e-9)


def test_long_tapes_in_a_process_of_their_own():
    found = measured(300)
    assert found["ops"] >= 300
    assert {"record", "gradient", "optimize", "interpret", "compile", "run"} <= set(
        found
    )


@pytest.mark.parametrize(
    "name", ["recording", "second_tape", "demo_gradient", "threads"]
)
@pytest.mark.slow
def test_suite(name):
    for table in SUITES[name](True):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_page():
    table = Table("Title", "About.", ["what", "time"], [["a", "1 s"], ["bb", "20 ms"]])
    assert page([table], 1).endswith(
        "## Title\n\nAbout.\n\n"
        "| what |  time |\n"
        "| ---- | ----: |\n"
        "| a    |   1 s |\n"
        "| bb   | 20 ms |\n"
    )


def test_rounds_are_interleaved():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    found = timing.interleaved(calls, budget=0.0, least=3)
    assert found["a"].rounds == found["b"].rounds == 3
    changes = sum(x != y for x, y in pairwise(order))
    assert changes >= 6


def test_a_contestant_is_a_process():
    one = Contestant("tapec", "rosen2", patience=100.0)
    try:
        assert not one.why_not
        reference = copied(by_hand.prepare(WORKLOADS[0], WORKLOADS[0].make())())
        assert not difference(one.result, reference, 1e-9)
        times = take_turns({"tapec": one}, budget=0.0, threads=2, least=2)
        assert len(times["tapec"]) == 2 and min(times["tapec"]) > 0.0
    finally:
        one.leave()
    assert not one.process.is_alive()


def test_who_does_not_take_part_says_why():
    none = Contestant("tapec tape", "rosen2", patience=100.0)
    late = Contestant("tapec", "rosen2", patience=0.0)
    assert (none.why_not, late.why_not) == ("-", "over 0 s")
    for one in (none, late):
        one.leave()


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (1.5e-3, "1.50 ms"), (3e-9, "3.00 ns")]
)
def test_durations(seconds, text):
    assert timing.show(seconds) == text


@pytest.mark.skipif(not c_.available(), reason="no C compiler")
def test_c_leaves_subnormal_numbers_alone():
    c_.library("rosenbrock")
    assert np.float64(5e-324) * 1.0 > 0.0
