"""A part of the suite with code for processors that lack what this one has.

`make test-cpus` runs all of it.
"""

import os
import platform as machines
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
X86 = machines.machine().lower() in ("x86_64", "amd64")
CPUS = ["generic", "x86-64-v2", "x86-64-v3"] if X86 else ["generic"]

FILES = ["math", "halves", "scalars", "tile_product", "expand", "gemm"]
CHOSEN = (
    "(test_accuracy and vectors and (exp- or log2 or tan- or erf- or power))"
    " or halves or test_floats or (test_casts and f2) or (tile_product and 33-)"
    " or (test_expand and f2) or (test_gemm and (around or touched))"
)


@pytest.mark.skipif("TAPEC_CPU" in os.environ, reason="the whole suite runs so")
@pytest.mark.parametrize("cpu", CPUS)
def test_a_part_of_the_suite(cpu):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    files = [f"tests/native/test_{name}.py" for name in FILES]
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-k", CHOSEN]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT, env={**env, "TAPEC_CPU": cpu, "TAPEC_CACHE_DIR": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
