"""SciPy: a compiled value and gradient is what `jac=True` wants.

python examples/08_scipy_optimize.py
"""

import numpy as np
from scipy.optimize import minimize

import tapec


@tapec.value_and_grad
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


start = np.zeros(20)
for method in ("BFGS", "L-BFGS-B", "CG"):
    found = minimize(rosenbrock, start, jac=True, method=method)
    near = np.allclose(found.x, 1.0, atol=1e-3)
    print(f"{method:<9} {'reached the minimum' if near else 'is elsewhere'}")

print("compiled", len(rosenbrock.signatures), "time")
