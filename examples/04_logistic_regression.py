"""Logistic regression: weights in a dict, gradient in the same dict.

python examples/04_logistic_regression.py
"""

import numpy as np

import tapec


@tapec.value_and_grad
def loss(parameters, x, y):
    """Mean logistic loss for labels 0 and 1, written so that it never overflows."""
    margin = (x @ parameters["w"] + parameters["b"]) * (2.0 * y - 1.0)
    return np.mean(np.logaddexp(0.0, -margin))


rng = np.random.default_rng(1)
x = rng.normal(size=(400, 2))
y = (x @ np.array([2.0, -1.0]) + 0.5 + rng.logistic(size=400) > 0).astype(float)

parameters = {"w": np.zeros(2), "b": 0.0}
for _ in range(200):
    value, gradient = loss(parameters, x, y)
    parameters = {k: parameters[k] - 2.0 * gradient[k] for k in parameters}

guess = x @ parameters["w"] + parameters["b"] > 0
print("loss      ", round(float(value), 4))
print("gradient  ", {k: bool(np.all(np.abs(g) < 1e-6)) for k, g in gradient.items()})
print("accuracy  ", round(float(np.mean(guess == (y > 0.5))), 3))
print("parameters", {k: np.round(p, 2).tolist() for k, p in parameters.items()})
