"""A gradient of one's own: where the derived one is right but not wanted, or unstable.

python examples/07_custom_gradient.py
"""

import numpy as np

import tapec


def softplus(x):
    return np.log(1.0 + np.exp(x))


@tapec.custom_gradient
def stable_softplus(x):
    """The same value, with the slope written so that nothing overflows."""
    e = np.exp(-np.abs(x))
    value = np.maximum(x, 0.0) + np.log1p(e)

    def gradient(ct):
        return ct * np.where(x >= 0.0, 1.0, e) / (1.0 + e)

    return value, gradient


@tapec.custom_gradient
def clip_gradient(x):
    """The value unchanged; what flows back is limited to -1..1."""
    return x, lambda ct: np.clip(ct, -1.0, 1.0)


print("derived ", tapec.grad(softplus)(1000.0))
print("written ", tapec.grad(stable_softplus)(1000.0))
print("twice   ", round(tapec.grad(tapec.grad(stable_softplus))(1.0), 6))
print("limited ", tapec.grad(lambda x: clip_gradient(x) ** 2)(5.0))
