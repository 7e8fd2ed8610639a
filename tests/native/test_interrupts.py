"""Ctrl-C ends a long native call between its steps, and nothing else is lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tapec.native import platform

pytestmark = pytest.mark.skipif(
    not platform.clock_functions(), reason="signals are not looked for here"
)

# Uninterrupted, each would run for an hour or more. `begin` tells the parent that the
# call is next; the signal comes a moment later.
HEAD = """
import signal, threading, time
import numpy as np
import tapec
from tapec.native.program import compile
from tapec.passes.fuse import fuse

def begin():
    print("begin", flush=True)

def forever(x, steps):
    return tapec.fori_loop(0, steps, lambda i, x: np.sin(x + np.mean(x)), x)
"""

WAYS = {
    "a loop of large steps": "f, x = tapec.jit(forever), np.ones(1_000_000)",
    "a loop of small steps": "f, x = tapec.jit(forever), np.ones(300)",
    "not through an entry": """
x = np.ones(300)
p = compile(fuse(tapec.jit(forever).traced(x, 1 << 40)))
f = lambda x, steps: p(x, steps)[0]
""",
    "a condition that always holds": """
def f(x, steps):
    return tapec.while_loop(
        lambda x: np.sum(x) < steps, lambda x: np.sin(x + np.mean(x)), x
    )
f, x = tapec.jit(f), np.ones(300)
""",
}

CALL = """
f(x, 3)
begin()
try:
    f(x, 1 << 40)
except KeyboardInterrupt:
    print("interrupted")
wanted = x
for _ in range(3):
    wanted = np.sin(wanted + np.mean(wanted))
if {again}:
    np.testing.assert_allclose(f(x, 3), wanted, rtol=1e-9)
print("again")
"""


def run(script, **env):
    """What the process prints that gets the signal when it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + script],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "begin\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        found, trouble = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, trouble
    return found.splitlines()


@pytest.mark.parametrize("way", WAYS)
def test_a_long_call_ends(way):
    again = "condition" not in way
    assert run(WAYS[way] + CALL.format(again=again)) == ["interrupted", "again"]


def test_also_where_there_is_no_entry():
    script = WAYS["a loop of large steps"] + CALL.format(again=True)
    assert run(script, TAPEC_PORTABLE="1") == ["interrupted", "again"]


def test_a_handler_that_returns_lets_the_call_go_on():
    script = """
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(True))
f, x = tapec.jit(forever), np.ones(100_000)
wanted = f(x, 5_000)
begin()
np.testing.assert_array_equal(f(x, 5_000), wanted)
time.sleep(1.0)
print(bool(seen))
"""
    assert run(script) == ["True"]


def test_other_threads_are_not_interrupted():
    script = """
f, x = tapec.jit(forever), np.ones(100_000)
wanted, found = f(x, 3_000), []
worker = threading.Thread(target=lambda: found.append(f(x, 3_000)))
worker.start()
begin()
try:
    time.sleep(50)
except KeyboardInterrupt:
    print("interrupted")
while not found:
    time.sleep(0.01)
np.testing.assert_array_equal(found[0], wanted)
"""
    assert run(script) == ["interrupted"]
