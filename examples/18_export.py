"""Value and gradient in a C program, without Python.

python examples/18_export.py

The files are written to a temporary folder, and the program is compiled if there is a C
compiler. `tapec.load` calls the same code from Python.
"""

import shutil
import subprocess
import tempfile

import numpy as np

import tapec

rng = np.random.default_rng(0)
params = {"w": 0.3 * rng.standard_normal(4), "b": 0.0}
x = rng.standard_normal((50, 4))
y = (x @ np.array([1.0, -2.0, 0.5, 0.0]) > 0).astype(float)


@tapec.value_and_grad
def loss(params, x, y):
    """Cross-entropy of a logistic regression."""
    z = np.sum(x * params["w"], axis=1) + params["b"]
    return np.mean(np.logaddexp(0.0, z) - y * z)


with tempfile.TemporaryDirectory() as folder:
    done = tapec.export(loss, params, x, y, path=folder, cpu="generic")
    print(done.signature.prototype)
    print("written:", *sorted(done.files[:4]))
    print("calls BLAS:", bool(done.symbols))

    value, gradient = loss(params, x, y)
    loaded = tapec.load(folder)
    again, same = loaded(params, x, y)
    print("loaded: the value is the same:", np.isclose(again, value, rtol=1e-14))
    print("the gradient is a dict of", *same)

    compiler = shutil.which("cc")
    if compiler is None:
        print("no C compiler here")
    else:
        command = [compiler, "loss_example.c", "loss.o", "-lm", "-o", "loss_example"]
        subprocess.run(command, cwd=folder, check=True)
        ran = subprocess.run(
            ["./loss_example"], cwd=folder, check=True, capture_output=True, text=True
        )
        found = dict(line.split(" = ") for line in ran.stdout.splitlines())
        print("C: the value is the same:", np.isclose(float(found["value"]), value))
        b = float(found["grad_params_b"])
        print("C: so is the gradient:", np.isclose(b, gradient["b"]))
