"""Newton's method without a matrix: the Hessian only ever meets vectors.

python examples/10_newton_cg.py

`tapec.hvp(f)(x, v)` costs about two gradients, however many variables there are; the
Hessian by the 1,000 variables here would be a million numbers. `tapec.hvp(f)` has the
signature that scipy.optimize wants for `hessp`.
"""

import numpy as np
from scipy.optimize import minimize

import tapec


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


slope = tapec.value_and_grad(rosenbrock)
curvature = tapec.hvp(rosenbrock)

x = np.full(1000, 0.9)
v = np.cos(np.arange(1000.0))
h = 1e-5
differences = (slope(x + h * v)[1] - slope(x - h * v)[1]) / (2 * h)
print("agrees with differences:", np.allclose(curvature(x, v), differences, rtol=1e-6))

for method in ("Newton-CG", "trust-ncg"):
    options = {"xtol": 1e-9} if method == "Newton-CG" else {}
    found = minimize(
        slope, x, jac=True, hessp=curvature, method=method, options=options
    )
    near = np.allclose(found.x, 1.0, atol=1e-3)
    print(f"{method:<9} {'reached the minimum' if near else 'is elsewhere'}")

print("compiled", len(curvature.signatures), "time")

# the same along one direction at a time: how the gradient moves, and the loss with it
value, moved = tapec.jvp(rosenbrock, (np.ones(1000),), (v,))
print(f"at the minimum the loss is {value} and moves by {moved}")
