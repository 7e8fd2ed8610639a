"""The same gradient derived and written by hand: NumPy, every buffer made beforehand.

What a careful person would write where the gradient is called a million times. The
demo and the benchmarks measure tapec against it.
"""

import numpy as np
from numpy.typing import NDArray

from tapec.demo.network import DECAY, Weights

__all__ = ["HandWritten"]

Floats = NDArray[np.float64]


class HandWritten:
    """Loss and gradient for one number of images."""

    def __init__(self, w: Weights, count: int) -> None:
        width, digits = w.output.shape
        self.hidden = np.empty((count, width))
        self.slope = np.empty((count, width))
        self.scores = np.empty((count, digits))
        self.exps = np.empty((count, digits))
        self.column = np.empty((count, 1))
        self.weighted = Weights(*map(np.empty_like, w))
        self.gradient = Weights(*map(np.empty_like, w))

    def __call__(
        self, w: Weights, images: Floats, targets: Floats
    ) -> tuple[float, Weights]:
        """The loss and its gradient; the gradient's arrays are used again."""
        loss = self._forward(w, images, targets)
        self._backward(w, images, targets)
        return loss, self.gradient

    def _forward(self, w: Weights, images: Floats, targets: Floats) -> float:
        hidden, scores, column = self.hidden, self.scores, self.column
        np.matmul(images, w.hidden, out=hidden)
        hidden += w.hidden_bias
        np.tanh(hidden, out=hidden)
        np.matmul(hidden, w.output, out=scores)
        scores += w.output_bias
        np.max(scores, axis=1, keepdims=True, out=column)
        scores -= column
        np.exp(scores, out=self.exps)
        np.sum(self.exps, axis=1, keepdims=True, out=column)
        right = np.vdot(targets, scores)
        self.exps /= column  # the probabilities
        np.log(column, out=column)
        size = np.vdot(w.hidden, w.hidden) + np.vdot(w.output, w.output)
        # Each row of the targets sums to one.
        return float((column.sum() - right) / len(images) + 0.5 * DECAY * size)

    def _backward(self, w: Weights, images: Floats, targets: Floats) -> None:
        error, slope, gradient = self.exps, self.slope, self.gradient
        error -= targets
        error *= 1.0 / len(images)
        np.matmul(self.hidden.T, error, out=gradient.output)
        np.sum(error, axis=0, out=gradient.output_bias)
        np.multiply(self.hidden, self.hidden, out=slope)
        np.subtract(1.0, slope, out=slope)
        np.matmul(error, w.output.T, out=self.hidden)
        slope *= self.hidden
        np.matmul(images.T, slope, out=gradient.hidden)
        np.sum(slope, axis=0, out=gradient.hidden_bias)
        for name in ("hidden", "output"):
            part = getattr(self.weighted, name)
            np.multiply(getattr(w, name), DECAY, out=part)
            np.add(getattr(gradient, name), part, out=getattr(gradient, name))
