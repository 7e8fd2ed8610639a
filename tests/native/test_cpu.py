"""`TAPEC_CPU`: code for another processor than this one."""

import os
import platform as machines
import subprocess
import sys

import pytest

from tapec.native import platform

X86 = machines.machine().lower() in ("x86_64", "amd64")
NAMES = ["generic", "x86-64-v2"] if X86 else ["generic"]

PROGRAM = """
import numpy as np, tapec
x = np.linspace(-2.0, 2.0, 1003)
value, gradient = tapec.value_and_grad(lambda x: np.sum(np.exp(x) * np.sin(x / 3.0)))(x)
print(value, *gradient[::100])
code = tapec.inspect(tapec.jit(lambda x: np.exp(x)), x).asm()
print("ymm" in code or "zmm" in code)
"""


def run(cpu):
    env = {**os.environ, "TAPEC_CPU": cpu, "TAPEC_CACHE_DIR": "0"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_code_for_less(name):
    (*numbers, wide), _ = run(name)
    (*wanted, _), _ = run("host")
    assert [float(x) for x in numbers] == pytest.approx(
        [float(x) for x in wanted], rel=1e-14
    )
    assert wide == "False" or not X86


def test_what_there_is_not():
    _, said = run("z80")
    assert "ValueError: TAPEC_CPU: cpu is one of 'host', 'generic'" in said


def test_no_code_for_more(monkeypatch):
    less = platform.Cpu("less", "+sse2,-avx")
    monkeypatch.setattr(platform, "host", lambda: less)
    monkeypatch.setenv("TAPEC_CPU", NAMES[-1])
    if NAMES[-1] == "generic":
        assert platform.cpu.__wrapped__().name
    else:
        with pytest.raises(ValueError, match="this processor has no cx16, popcnt"):
            platform.cpu.__wrapped__()
