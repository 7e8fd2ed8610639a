"""What a system may lack: without it the numbers are the same."""

import os
import subprocess
import sys
import textwrap

import pytest

BEFORE = {
    "functions of the system": """
        import os, signal
        from tapec.native import platform
        platform._functions = lambda names: {}
        for name in ("register_at_fork", "sched_getaffinity", "getuid", "O_NOFOLLOW"):
            if hasattr(os, name):
                delattr(os, name)
        if hasattr(signal, "SIG_SETMASK"):
            del signal.SIG_SETMASK
    """,
    "known object headers": """
        from tapec.native import platform
        platform.HEADERS.valid = False
    """,
    "the C API": """
        import os
        os.environ["TAPEC_PORTABLE"] = "1"
    """,
    "a BLAS beside SciPy": """
        from tapec.native import blas
        blas._library = lambda: None
    """,
    "fma, f16c and wide vectors": """
        from tapec.native import platform
        platform.has_fma = platform.has_half = lambda: False
        platform.vector_width = lambda: 128
    """,
}

PROGRAM = """
import numpy as np, tapec

tapec.config.threads = 2
rng = np.random.default_rng(0)
x, w = rng.normal(size=(300, 70)), rng.normal(size=(70, 60))

def f(x, w):
    y = np.tanh(x @ w / 8)
    return np.sum(np.exp(y) * np.log(y * y + 1))

for _ in range(3):  # the first call, and those that follow
    value, (dx, dw) = tapec.value_and_grad(f, argnums=(0, 1))(x, w)
y = np.tanh(x @ w / 8)
dy = np.exp(y) * (np.log(y * y + 1) + 2 * y / (y * y + 1)) * (1 - y * y) / 8
np.testing.assert_allclose(value, f(x, w), rtol=1e-12)
np.testing.assert_allclose(dx, dy @ w.T, rtol=1e-9, atol=1e-12)
np.testing.assert_allclose(dw, x.T @ dy, rtol=1e-9, atol=1e-12)

long = np.linspace(-3, 3, 1 << 18)
total = tapec.jit(lambda x: np.sum(np.cosh(x)))(long)
np.testing.assert_allclose(total, np.sum(np.cosh(long)), rtol=1e-12)

power = tapec.jit(lambda x, n: tapec.fori_loop(0, n, lambda i, y: y * x, x))(1.5, 4)
assert power == 1.5**5, power

half = np.linspace(-2, 2, 99, dtype=np.float16)
gradient = tapec.grad(lambda x: np.sum(np.where(x < 1, x * x, -x)))(half)
np.testing.assert_array_equal(gradient, np.where(half < 1, 2 * half, np.float16(-1)))
print("right")
"""


OFTEN = ("functions of the system", "fma, f16c and wide vectors")
CASES = [
    name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow)
    for name in BEFORE
]


@pytest.mark.parametrize("missing", CASES)
def test_without(missing):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEFORE[missing]) + PROGRAM],
        env={**os.environ, "TAPEC_CACHE_DIR": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "right\n", done.stderr
