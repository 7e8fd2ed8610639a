"""The network and its loss, in plain NumPy, and the gradient that tapec makes of it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tapec

__all__ = ["DECAY", "Weights", "accuracy", "initial", "logits", "loss", "one_hot"]

__tapec_user__ = True  # its lines are shown as the user's own

Floats = NDArray[np.float64]

PIXELS, HIDDEN, DIGITS = 64, 32, 10
DECAY = 1e-3


class Weights(NamedTuple):
    """What the network learns: arrays, tensors or variables."""

    hidden: Any
    hidden_bias: Any
    output: Any
    output_bias: Any


def logits(w: Weights, images: Any) -> Any:
    """A row of ten scores for each image."""
    hidden = np.tanh(images @ w.hidden + w.hidden_bias)
    return hidden @ w.output + w.output_bias


def loss(w: Weights, images: Any, targets: Any) -> Any:
    """Mean cross-entropy of the digits, plus a small price for large weights."""
    scores = logits(w, images)
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    cross_entropy = -np.mean(np.sum(targets * (shifted - log_total), axis=1))
    size = np.sum(w.hidden * w.hidden) + np.sum(w.output * w.output)
    return cross_entropy + 0.5 * DECAY * size


@tapec.value_and_grad
def loss_and_gradient(w: Weights, images: Any, targets: Any) -> Any:
    """The loss and its gradient in all weights, as native code."""
    return loss(w, images, targets)


def initial(seed: int = 0, hidden: int = HIDDEN) -> Weights:
    """Small random weights, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    return Weights(
        hidden=rng.normal(size=(PIXELS, hidden)) / np.sqrt(PIXELS),
        hidden_bias=np.zeros(hidden),
        output=rng.normal(size=(hidden, DIGITS)) / np.sqrt(hidden),
        output_bias=np.zeros(DIGITS),
    )


def one_hot(labels: NDArray[np.int64]) -> Floats:
    """Rows with a one at the digit and zeros elsewhere."""
    rows: Floats = np.eye(DIGITS)[labels]
    return rows


def accuracy(w: Weights, images: Floats, labels: NDArray[np.int64]) -> float:
    """The fraction of the images whose highest score is that of their digit."""
    return float(np.mean(np.argmax(logits(w, images), axis=1) == labels))


def flatten(w: Weights) -> Floats:
    """All weights as one vector, for optimizers that want one."""
    return np.concatenate([np.ravel(part) for part in w])


def unflatten(vector: Floats, like: Weights) -> Weights:
    """The inverse of `flatten` for weights of the shapes of `like`."""
    ends = np.cumsum([np.size(part) for part in like])
    parts = np.split(vector, ends[:-1])
    return Weights(*(a.reshape(b.shape) for a, b in zip(parts, like, strict=True)))
