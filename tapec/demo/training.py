"""Training, twice: SciPy's optimizer, and a tape with a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

import tapec
from tapec.demo.data import Split
from tapec.demo.network import (
    Weights,
    flatten,
    initial,
    loss,
    loss_and_gradient,
    one_hot,
    unflatten,
)

__all__ = ["Report", "by_scipy", "by_tape"]

__tapec_user__ = True  # its lines are shown as the user's own

Report = Callable[[int, str], None]
BATCH = 64
RATE = 0.5


def by_scipy(data: Split, iterations: int, report: Report) -> Weights:
    """Weights found by L-BFGS-B, which asks for value and gradient together."""
    start = initial()
    targets = one_hot(data.train_labels)

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        w = unflatten(vector, start)
        value, gradient = loss_and_gradient(w, data.train_images, targets)
        return float(value), flatten(gradient)

    steps = 0

    def after_each(intermediate_result: object) -> None:
        nonlocal steps
        steps += 1
        value = getattr(intermediate_result, "fun", np.nan)
        report(min(steps, iterations), f"loss {value:.4f}")

    found = minimize(
        objective,
        flatten(start),
        jac=True,
        method="L-BFGS-B",
        callback=after_each,
        options={"maxiter": iterations},
    )
    return unflatten(found.x, start)


def by_tape(data: Split, epochs: int, report: Report, seed: int = 0) -> Weights:
    """Weights found by gradient descent on minibatches, with a GradientTape."""
    rng = np.random.default_rng(seed)
    start = initial()._asdict()
    w = Weights(**{name: tapec.Variable(a, name=name) for name, a in start.items()})
    targets = one_hot(data.train_labels)
    for epoch in range(epochs):
        rate = RATE * (1.0 - epoch / epochs)
        losses = []
        for batch in _batches(rng, len(targets)):
            with tapec.GradientTape() as tape:
                value = loss(w, data.train_images[batch], targets[batch])
            for variable, gradient in zip(w, tape.gradient(value, w), strict=True):
                variable.assign_sub(rate * gradient)
            losses.append(value.item())
        report(epoch + 1, f"loss {np.mean(losses):.4f}")
    return Weights(*(variable.numpy() for variable in w))


def _batches(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """All images in a new order, in groups of BATCH; a last smaller one is left out."""
    order = rng.permutation(count)
    size = min(BATCH, count)
    return [order[i : i + size] for i in range(0, count - size + 1, size)]
