"""Loops are found again, and what they compute is the same, bit by bit."""

from itertools import groupby

import numpy as np
import pytest
from loop_programs import ARGS, program
from loops import LOOPS, structure

import tapec
from tapec import containers
from tapec.interpret import evaluate
from tapec.ops.const import const
from tapec.passes.roll import roll
from tapec.verify import verify


def same_bits(before, after, args):
    arrays = [np.asarray(x) for x in containers.flatten(args)[0]]
    pairs = zip(evaluate(before, *arrays), evaluate(after, *arrays), strict=True)
    for a, b in pairs:
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("case", LOOPS, ids=[c.name for c in LOOPS])
def test_loops_are_found(case):
    before = case.recorded
    after = roll(before)
    verify(after)
    same_bits(before, after, case.args)
    if case.found is not None:
        assert structure(after) == case.found
    assert len(after.ops) <= case.most


def test_nothing_is_done_twice_for_no_reason():
    for case in LOOPS:
        once = roll(case.recorded)
        assert len(roll(once).ops) <= len(once.ops), case.name


@pytest.mark.parametrize("first", range(0, 120, 10))
def test_random_loops(first):
    for seed in range(first, first + 10):
        before = tapec.jit(program(seed)).traced(*ARGS)
        after = roll(before)
        verify(after)
        same_bits(before, after, ARGS)


def test_values_kept_apart_stay_outside():
    case = next(c for c in LOOPS if c.name == "recurrence")
    before = case.recorded
    ops = [op for op in before.ops if op.prim is not const]
    middle = ops[len(ops) // 2]
    after = roll(before, apart={middle.uid})
    assert middle.uid in {op.uid for op in after.ops}
    assert [length for length, _, _ in structure(after)] == [30, 29]
    same_bits(before, after, case.args)


def test_a_check_ends_a_loop():
    def f(x):
        for t in range(60):
            x = np.sin(x) * 1.5
            if t == 29 and x < -9:
                return -x
        return x

    before = tapec.jit(f).traced(0.3)
    after = roll(before)
    kinds = [op.prim.name for op in after.ops if op.prim.name in ("scan", "check")]
    assert [kind for kind, _ in groupby(kinds)] == ["scan", "check", "scan"]
    same_bits(before, after, (0.3,))


def test_large_inputs_are_not_copied_together():
    weights = [np.ones((64, 64))] * 20

    def f(x, weights):
        for w in weights:
            x = np.tanh(w @ x) + 1
        return x

    assert structure(roll(tapec.jit(f).traced(np.ones(64), weights))) == []
