"""Loops that record more than there is memory for: an error, and life goes on.

Each runs in a process of its own, whose address space is limited.
"""

import subprocess
import sys

import pytest

pytest.importorskip("resource")

SCRIPT = """
import resource, sys
import numpy as np, tapec

def f(x, n):
    def body(c):
        i, y = c
        return i + 1, np.sin(y) * 1.01
    return np.sum(tapec.while_loop(lambda c: c[0] < n, body, (0, x))[1])

def taken():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def limited(x, n):
    g = tapec.grad(f)
    wanted = g(x, 3)
    g(x, 3)
    old = resource.getrlimit(resource.RLIMIT_AS)
    for _ in range(3):
        resource.setrlimit(resource.RLIMIT_AS, (taken() + (80 << 20), old[1]))
        before = taken()
        try:
            g(x, n)
        except MemoryError as error:
            print(error)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, old)
        assert taken() - before < 40 << 20
    np.testing.assert_array_equal(g(x, 3), wanted)

"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "call", ["limited(np.ones(1 << 20), 100)", "limited(0.5, 30_000_000)"]
)
def test_a_loop_that_records_too_much(call):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + call],
        check=False, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no memory for what it keeps") == 3
