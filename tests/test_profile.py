"""Profiles name the steps of a program, their bytes and their operations."""

import numpy as np
import pytest

import tapec
from tapec.profiling import profile
from tapec.profiling.machine import bandwidth, peak


@tapec.jit
def layer(x, w):
    return np.sum(np.tanh(x @ w))


X, W = np.ones((64, 32)), np.ones((32, 16))


def test_rows():
    found = layer.profile(X, W)
    product, kernel = found.rows
    assert product.name == "matmul 64x32x16"
    assert product.operations == 2 * 64 * 32 * 16
    assert product.nbytes == 8 * (64 * 32 + 32 * 16 + 64 * 16)
    assert kernel.nbytes == 8 * (64 * 16 + 1)
    assert kernel.operations >= 64 * 16 * 2
    assert kernel.place.startswith("test_profile.py:")
    assert found.total > 0.0
    assert all(row.seconds > 0.0 and row.of_bandwidth > 0.0 for row in found.rows)


def test_seconds_belong_to_values_of_the_program():
    inspected = layer.inspect(X, W)
    fn = inspected.stage("optimized")
    inside = {op.uid for f in (fn, *fn.bodies()) for op in f.ops}
    assert set(inspected.profile(budget=0.0).seconds) <= inside


def test_text():
    lines = str(layer.profile(X, W)).splitlines()
    assert lines[0].split()[:2] == ["time", "share"]
    assert len(lines) == 4
    assert lines[-1].endswith("a call, 2 steps")
    assert any("matmul 64x32x16" in line for line in lines)


def test_steps_on_the_host_have_no_operations():
    found = tapec.jit(lambda x: np.linalg.eigh(x)[0] * 2.0).profile(np.eye(3))
    host = [row for row in found.rows if row.kind == "host"]
    assert host
    assert all(row.operations is None and row.of_peak is None for row in host)
    assert str(found)


def test_loops_and_sizes():
    def f(x):
        return tapec.scan(lambda c, a: (np.sin(c) + a, None), 0.0, x)[0]

    (row,) = tapec.jit(f).profile(np.ones(50)).rows
    assert row.operations % 50 == 0
    assert row.operations >= 100
    g = tapec.jit(lambda x: np.sum(np.exp(x)), dynamic=True)
    assert g.profile(np.ones(64)).rows[0].nbytes == 8 * 65


def test_stepwise_is_the_program():
    """A second run of all steps leaves what a call gives."""
    program = layer.inspect(X, W).program
    assert len(list(program.stepwise(X, W))) == len(program.steps)
    assert profile(program, (X, W), budget=0.0).rows
    with pytest.raises(TypeError, match="2 arrays wanted"):
        list(program.stepwise(X))


def test_limits_of_the_machine():
    assert bandwidth(1 << 14) > 1e8
    assert peak(np.dtype("f4")) > 1e8
    assert peak(np.dtype("i8")) == peak(np.dtype("f8"))
