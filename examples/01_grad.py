"""A gradient: decorate a function written in plain NumPy, and call it.

python examples/01_grad.py
python -m tapec show examples/01_grad.py:f --stage=optimized
"""

import numpy as np

import tapec


@tapec.grad
def f(x, w):
    """Positions where tanh(x * w) is far from saturated contribute most."""
    return np.sum(np.tanh(x * w))


@tapec.value_and_grad(argnums=(0, 1))
def both(x, w):
    return np.sum(np.tanh(x * w))


f_args = (np.array([0.0, 0.5, 1.0]), np.array([1.0, 2.0, 3.0]))  # for `tapec show`

if __name__ == "__main__":
    x, w = f_args
    print("df/dx  ", f(x, w).round(6))

    value, (dx, dw) = both(x, w)
    print("value  ", round(float(value), 6))
    print("and dw ", dw.round(6))

    # Python numbers in, Python numbers out; gradients of gradients.
    cube = tapec.grad(lambda x: x**3)
    print("cube'  ", cube(3.0))
    print("cube'' ", tapec.grad(cube)(3.0))
