"""The full Hessian of Rosenbrock's valley in 50 dimensions."""

import numpy as np

from benchmarks.workloads.record import Workload
from benchmarks.workloads.rosenbrock import chain


def by_tapec(x):
    import tapec

    hessian = tapec.jit(tapec.hessian(chain))
    return lambda: (0.0, (hessian(x),))


def by_jax(x):
    import jax

    from benchmarks.peers.rebind import rebound

    hessian = jax.jit(jax.hessian(rebound(chain, np=jax.numpy)))
    device = jax.device_put(x)
    return lambda: (0.0, (hessian(device).block_until_ready(),))


def by_autograd(x):
    import autograd
    import autograd.numpy as anp

    from benchmarks.peers.rebind import rebound

    hessian = autograd.hessian(rebound(chain, np=anp))
    return lambda: (0.0, (hessian(x),))


def by_hand(x):
    """It has three diagonals."""
    n = len(x)
    matrix = np.zeros((n, n))
    diagonal = matrix.reshape(-1)[:: n + 1]
    above = matrix.reshape(-1)[1 :: n + 1]
    below = matrix.reshape(-1)[n :: n + 1]

    def call():
        diagonal[:] = 0.0
        diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
        diagonal[1:] += 200.0
        above[:] = -400.0 * x[:-1]
        below[:] = above
        return 0.0, (matrix,)

    return call


hess50 = Workload(
    name="hess50",
    about="the full Hessian of Rosenbrock's function of a vector of 50",
    function=chain,
    argnums=(0,),
    make=lambda: (np.random.default_rng(0).normal(size=50),),
    by_hand=by_hand,
    own={"tapec": by_tapec, "jax": by_jax, "autograd": by_autograd},
)
