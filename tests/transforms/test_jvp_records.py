"""Forward mode of every record, generated from the table of primitives.

A tangent agrees with differences, and with the vjp: <ct, J t> = <J' ct, t>. To second
order three ways to a Hessian product agree: forward over reverse, reverse over forward,
and reverse over reverse, which `tests/ops/test_records.py` compares with differences.
"""

import numpy as np
import pytest

from tapec.interpret import evaluate
from tapec.passes.jvp import jvp
from tapec.passes.vjp import vjp
from tests.ops import test_records as records


def is_double(case):
    prim, sample = case.values
    return records.is_double(records.program(prim, sample))


CASES = records.DIFFERENTIABLE
DOUBLE = [case for case in CASES if is_double(case)]


class Setting:
    """One op with directions of its operands and cotangents of its results."""

    def __init__(self, prim, sample):
        rng = np.random.default_rng(3)
        self.fn = records.program(prim, sample)
        self.args = records.promoted(prim, sample)
        self.wrt = records.active(prim, self.fn.params)
        self.n = len(self.fn.results)
        self.tangents = [records.noise(rng, self.fn.params[i]) for i in self.wrt]
        self.cts = [records.noise(rng, r) for r in self.fn.results]

    def moved(self, t):
        """The operands a distance `t` along the directions."""
        args = list(self.args)
        for i, d in zip(self.wrt, self.tangents, strict=True):
            args[i] = args[i] + t * d
        return args


def slope(f):
    """f'(0) by differences."""
    h = records.STEP
    return sum(w * (f(k * h) - f(-k * h)) / h for k, w in records.WEIGHTS.items())


@pytest.mark.parametrize(("prim", "sample"), CASES)
def test_tangents_agree_with_the_vjp(prim, sample):
    s = Setting(prim, sample)
    found = evaluate(jvp(s.fn, wrt=s.wrt), *s.args, *s.tangents)[s.n :]
    for t, r in zip(found, s.fn.results, strict=True):
        assert records.type_of(t) == r.type
    grads = evaluate(vjp(s.fn, wrt=s.wrt), *s.args, *s.cts)[s.n :]
    tol = 1e-9 if records.is_double(s.fn) else 2e-3
    forward, backward = records.dot(s.cts, found), records.dot(grads, s.tangents)
    assert forward == pytest.approx(backward, rel=tol, abs=tol)


@pytest.mark.parametrize(("prim", "sample"), DOUBLE)
def test_tangents_agree_with_differences(prim, sample):
    s = Setting(prim, sample)
    found = evaluate(jvp(s.fn, wrt=s.wrt), *s.args, *s.tangents)[s.n :]
    numeric = slope(lambda t: records.dot(s.cts, evaluate(s.fn, *s.moved(t))))
    assert records.dot(s.cts, found) == pytest.approx(numeric, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("prim", "sample"), CASES)
def test_hessian_products_agree(prim, sample):
    s = Setting(prim, sample)
    rng = np.random.default_rng(4)
    probe = [records.noise(rng, s.fn.params[i]) for i in s.wrt]
    backward = vjp(s.fn, wrt=s.wrt)
    gradient = backward.with_(results=backward.results[s.n :])
    tangent = jvp(s.fn, wrt=s.wrt)
    tangent = tangent.with_(results=tangent.results[s.n :])
    k = len(s.wrt)
    forward_reverse = jvp(gradient, wrt=s.wrt)
    reverse_reverse = vjp(gradient, wrt=s.wrt)
    reverse_forward = vjp(tangent, wrt=s.wrt)
    found = [
        records.dot(probe, evaluate(forward_reverse, *s.args, *s.cts, *s.tangents)[k:]),
        records.dot(
            probe, evaluate(reverse_forward, *s.args, *s.tangents, *s.cts)[s.n :]
        ),
        records.dot(s.tangents, evaluate(reverse_reverse, *s.args, *s.cts, *probe)[k:]),
    ]
    tol = 1e-9 if records.is_double(s.fn) else 1e-2
    assert np.isfinite(found[0])
    np.testing.assert_allclose(found, found[2], rtol=tol, atol=tol)
