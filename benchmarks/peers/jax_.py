"""JAX: jit of value_and_grad, NumPy arrays in, device arrays out."""

import numpy as np

from benchmarks.peers.rebind import rebound

NAME = "jax"


def available():
    try:
        import jax
        import jax.scipy.special
    except ImportError:
        return False
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return True


def prepare(workload, args):
    if workload.own:
        return workload.own[NAME](*args) if NAME in workload.own else None
    import jax

    function = rebound(workload.function, np=jax.numpy, special=jax.scipy.special)
    both = jax.jit(jax.value_and_grad(function, workload.argnums))
    device = [jax.device_put(a) if isinstance(a, np.ndarray) else a for a in args]
    return lambda: jax.block_until_ready(both(*device))
