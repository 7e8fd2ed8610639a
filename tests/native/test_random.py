"""Random programs: fused and native give what the interpreter gives."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from random_programs import programs

from tapec.interpret import evaluate
from tapec.native.program import compile
from tapec.passes.fuse import fuse
from tapec.verify import verify

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def assert_close(found, wanted):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    narrow = 1e-3
    scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1.0))
    np.testing.assert_allclose(found, wanted, rtol=narrow, atol=narrow * scale)


@given(programs())
@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
def test_fused_means_the_same(case):
    fn, arrays = case
    fused = fuse(fn)
    verify(fused)
    with np.errstate(all="ignore"):
        for found, wanted in zip(
            evaluate(fused, *arrays), evaluate(fn, *arrays), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


@given(programs())
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_native_agrees_with_the_interpreter(case):
    fn, arrays = case
    program = compile(fuse(fn))
    for found, wanted in zip(program(*arrays), evaluate(fn, *arrays), strict=True):
        assert_close(found, wanted)
