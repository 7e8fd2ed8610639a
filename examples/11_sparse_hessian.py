"""A Hessian of 10,000 variables, mostly zeros, from three products.

python examples/11_sparse_hessian.py

The pattern of zeros is read off the recorded gradient. Columns that share no row get
the same colour and are found together: the cost grows with the colours, not with n.
"""

import numpy as np
from scipy.sparse.linalg import spsolve

import tapec

N = 10_000
PLACES = 1.5 * np.arange(N) + 5.0 * np.sin(np.arange(N))


def energy(x):
    """A chain of springs that stiffen, each mass held near its place by a weak one."""
    stretch = np.diff(x) - 1.0
    return np.sum(stretch**2 + 5.0 * stretch**4) + 0.05 * np.sum((x - PLACES) ** 2)


slope = tapec.grad(energy)
hessian = tapec.sparse_hessian(energy)

x = PLACES.copy()
H = hessian(x)
print(f"{H.shape[0]} x {H.shape[1]}, {H.nnz} entries, {hessian.colors(x)} products")

v = np.cos(x)
print("agrees with hvp:", np.allclose(H @ v, tapec.hvp(energy, x, v)))

for step in range(1, 30):
    x = x - spsolve(hessian(x).tocsc(), slope(x))
    if np.abs(slope(x)).max() < 1e-9:
        print(f"Newton's method is there after {step} steps")
        break
