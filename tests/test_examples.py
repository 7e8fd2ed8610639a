"""Every example runs, and prints what it says it shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

EXPECTED = {
    "01_grad": """\
df/dx   [1.       0.839949 0.029598]
value   1.756649
and dw  [0.       0.209987 0.009866]
cube'   27.0
cube''  18.0
""",
    "02_tape": """\
z     1.55481
dz/dx [ 0.909297 -0.756802 -0.279415]
dz/dy [1.682942 1.818595 0.28224 ]
speed 12.0  acceleration 12.0
floor None
the gradient is cut at floor, which has no derivative
...
    steps = np.floor(x)
            ^^^^^^^^^^^
""",
    "03_training_step": """\
step   0   loss 19.966159
...
step 100   loss 0.000000
w [ 1.  -2.   0.5]
b 4.0
compiled 1 time
""",
    "04_logistic_regression": """\
loss       0.
gradient   {'w': True, 'b': True}
accuracy   0.
parameters {'w': [
""",
    "05_branches": """\
huber'(0.5) = 0.5
huber'(3.0) = 1.0
huber'(-3.0) = -1.0
huber'(0.25) = 0.25
versions: 2
1. first call: float
2. another branch was taken at
...
    if abs(x) < 1.0:
       ^^^^^^^^^^^^
sqrt(2.0) = 1.414214, slope 0.353553
sqrt(9.0) = 3.000000, slope 0.166667
""",
    "06_inspect": """\
<Inspection of f:
...
stage
recorded
...
func @f(%x: f64[2], %w: f64[2]) {
...
--- what cse did: the second tanh is the first
...
--- why there is no %
%
...
                                  ^^^^^^^^^^^^^^
cse: %
...
wrote inspect.svg
""",
    "07_custom_gradient": """\
derived  nan
written  1.0
twice    0.196612
limited  1.0
""",
    "08_scipy_optimize": """\
BFGS      reached the minimum
L-BFGS-B  reached the minimum
CG        reached the minimum
compiled 1 time
""",
    "09_tensorflow_spelling": """\
dy/dx 6.0
shapes (3, 2) (3, 2)
dl/db [22. 28.]
dy/dx 7.389
""",
    "10_newton_cg": """\
agrees with differences: True
Newton-CG reached the minimum
trust-ncg reached the minimum
compiled 1 time
at the minimum the loss is 0.0 and moves by 0.0
""",
    "11_sparse_hessian": """\
10000 x 10000, 29998 entries, 3 products
agrees with hvp: True
Newton's method is there after
""",
    "12_per_example_gradients": """\
shapes {'w': (200, 5, 16), 'b': (200, 16)}
pulls hardest: 17
its gradient is 20 times the median
as alone: True
""",
    "13_dropout_monte_carlo": """\
price is within 1 % of the formula: True
delta is within 1 % of the formula: True
vega is within 1 % of the formula: True
same key, same numbers: True
compiled 1 time
explains most of it: True
doubts more far away: True
""",
    "14_lotka_volterra": """\
recorded  loops of []
roll      loops of [399]
true   [1.1 0.4 0.1 0.4]
fitted [1.1
within 5 %: True
compiled 1 time
""",
    "15_lstm_characters": """\
step   1   loss 3.
...
step 400   loss 0.
compiled 1 time
continued from its first ten letters:
the tape runs on, the tape runs back,
""",
    "16_custom_pass": """\
gradient [0.292528 0.180101]
...
reciprocal     12                     2        -2
...
+  %15: f64[2] = multiply %2, %14
...
--- what became of the division
%4: f64[2] = divide %2, %3
...
reciprocal: %4 became %15: x / c = x * (1 / c)
...
everywhere [0.292528 0.180101]
""",
    "17_distributed": """\
data  400 MB, a worker may use 320 MB
step 0   loss 0.6931
step 1   loss 0.4798
step 2   loss 0.3917
step 3   loss 0.3425
peak of each worker
same bits as serial: True
""",
    "18_export": """\
int loss(const double *params_w, double params_b, const double *x, const double *y,
    double *value, double *grad_params_w, double *grad_params_b, void *workspace);
written: loss.h loss.json loss.o loss_example.c
calls BLAS: False
loaded: the value is the same: True
the gradient is a dict of w b
...
""",
}

NEEDS = {"17_distributed": "distributed"}
"""Packages of extras."""


def test_every_example_is_here():
    there = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
    assert there == sorted(EXPECTED)
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.py)" in listed for name in there)


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name, tmp_path):
    pytest.importorskip(NEEDS.get(name, "tapec"))
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not missing(EXPECTED[name], done.stdout), done.stdout


def missing(expected: str, output: str) -> str:
    """The first expected line that does not begin a line of the output, in order."""
    lines = iter(output.splitlines())
    skip = False
    for wanted in expected.splitlines():
        if wanted == "...":
            skip = True
            continue
        for line in lines:
            if line.startswith(wanted):
                break
            if line and not skip:
                return wanted
        else:
            return wanted
        skip = False
    return ""


def test_the_comparison_itself():
    assert not missing("a\n...\nc", "a\nb\nc 1\n")
    assert missing("a\nc", "a\nb\nc") == "c"
    assert missing("a\n...\nd", "a\nb\nc") == "d"
