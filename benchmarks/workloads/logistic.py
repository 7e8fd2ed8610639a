"""Mean logistic loss of a linear model, by weights and intercept."""

import numpy as np

from benchmarks.workloads.record import Workload


def loss(w, b, x, y):
    """Labels are -1 and 1."""
    return np.mean(np.logaddexp(0.0, -y * (x @ w + b)))


def by_hand(w, b, x, y):
    margin, slope = np.empty(len(y)), np.empty(len(y))

    def call():
        np.matmul(x, w, out=margin)
        np.add(margin, b, out=margin)
        np.multiply(margin, y, out=margin)
        np.abs(margin, out=slope)
        np.negative(slope, out=slope)
        np.exp(slope, out=slope)
        value = np.sum(np.log1p(slope)) - np.sum(np.minimum(margin, 0.0))
        np.exp(margin, out=margin)  # the slope is -y / (1 + exp(margin)) / n
        np.add(margin, 1.0, out=margin)
        np.divide(y, margin, out=slope)
        np.multiply(slope, -1.0 / len(y), out=slope)
        return value / len(y), (slope @ x, np.sum(slope))

    return call


def make():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 100))
    w = rng.normal(size=100) / 10.0
    y = np.where(x @ w + rng.logistic(size=len(x)) > 0, 1.0, -1.0)
    return w * 0.5, 0.1, x, y


logreg = Workload(
    name="logreg",
    about="mean logistic loss of 10,000 rows of 100, by weights and intercept",
    function=loss,
    argnums=(0, 1),
    make=make,
    by_hand=by_hand,
)
