"""`tf.nn`: activations and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ops.cast import stop_gradient
from tapec.tf.convert import convert_to_tensor
from tapec.tf.math import log_sigmoid, sigmoid, softplus, tanh

__all__ = [
    "bias_add",
    "elu",
    "gelu",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "moments",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
]


# --- activations ------------------------------------------------------------------


def relu(features: Any, name: Any = None) -> Any:
    """x where it is positive, else 0; the gradient at 0 is 0."""
    x = convert_to_tensor(features)
    return np.where(x > 0, x, 0)


def relu6(features: Any, name: Any = None) -> Any:
    """`relu`, but at most 6; the gradient at 6 is 0."""
    x = relu(features)
    return np.where(x < 6, x, 6)


def leaky_relu(features: Any, alpha: float = 0.2, name: Any = None) -> Any:
    """x where it is positive, else alpha * x."""
    x = convert_to_tensor(features)
    return np.where(x > 0, x, alpha * x)


def elu(features: Any, name: Any = None) -> Any:
    """x where it is positive, else exp(x) - 1."""
    x = convert_to_tensor(features)
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def selu(features: Any, name: Any = None) -> Any:
    """`elu` with the scale that keeps mean 0 and variance 1."""
    x = convert_to_tensor(features)
    low = 1.6732632423543772 * np.expm1(np.minimum(x, 0))
    return 1.0507009873554805 * np.where(x > 0, x, low)


def gelu(features: Any, approximate: bool = False, name: Any = None) -> Any:
    """x times the normal distribution's probability of less than x."""
    from tapec.tf.math import erf

    x = convert_to_tensor(features)
    if approximate:
        inner = 0.7978845608028654 * (x + 0.044715 * x**3)
        return 0.5 * x * (1.0 + np.tanh(inner))
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476))


def silu(features: Any, beta: float = 1.0) -> Any:
    """x * sigmoid(beta * x)."""
    x = convert_to_tensor(features)
    return x * sigmoid(beta * x)


swish = silu


def softsign(features: Any, name: Any = None) -> Any:
    """x / (1 + |x|)."""
    x = convert_to_tensor(features)
    return x / (1.0 + np.abs(x))


def _centered(logits: Any, axis: int) -> Any:
    """Minus the maximum, which is constant for gradients: the results do not change."""
    x = convert_to_tensor(logits)
    return x - stop_gradient(np.max(x, axis=axis, keepdims=True))


def softmax(logits: Any, axis: int = -1, name: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    e = np.exp(_centered(logits, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(logits: Any, axis: int = -1, name: Any = None) -> Any:
    """log(softmax(x)), accurate where that is small."""
    x = _centered(logits, axis)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


# --- losses -----------------------------------------------------------------------


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: Any = None
) -> Any:
    """-sum(labels * log_softmax(logits)): `labels` are probabilities."""
    y = convert_to_tensor(labels)
    return -np.sum(y * log_softmax(logits, axis), axis=axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: Any = None
) -> Any:
    """-log_softmax(logits) at the class each label names."""
    at = convert_to_tensor(labels)[..., None]
    return -np.take_along_axis(log_softmax(logits), at, axis=-1)[..., 0]


def sigmoid_cross_entropy_with_logits(
    labels: Any, logits: Any, name: Any = None
) -> Any:
    """The cross entropy of independent yes-or-no labels."""
    y, x = convert_to_tensor(labels), convert_to_tensor(logits)
    return softplus(x) - x * y


def l2_loss(t: Any, name: Any = None) -> Any:
    """Half the sum of squares."""
    return np.sum(np.square(convert_to_tensor(t))) / 2


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None
) -> Any:
    """Divided by the norm, which counts as at least sqrt(epsilon)."""
    x = convert_to_tensor(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    total = np.sum(np.square(x), axis=axis, keepdims=True)
    return x / np.sqrt(np.maximum(total, epsilon))


def moments(x: Any, axes: Any, keepdims: bool = False, name: Any = None) -> Any:
    """Mean and variance."""
    x = convert_to_tensor(x)
    axes = tuple(axes) if isinstance(axes, list) else axes
    options = {"axis": axes, "keepdims": keepdims}
    return x.mean(**options), x.var(**options)


def bias_add(value: Any, bias: Any, data_format: Any = None, name: Any = None) -> Any:
    """value + bias along the last axis."""
    return convert_to_tensor(value) + convert_to_tensor(bias)
