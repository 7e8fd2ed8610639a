"""Those who take gradients. A peer is one module here, entered in `PEERS`.

NAME: how tables call it. available(): whether it can be imported (it is imported then).
prepare(workload, args): a call without arguments that gives `(value, gradients)`, or
None when it cannot do this workload. Nothing that may be prepared once is in the call.
"""

from typing import Any

from benchmarks.peers import (
    autograd_,
    by_hand,
    c_,
    casadi_,
    drjit_,
    jax_,
    numba_,
    pytensor_,
    tapec_,
    tapec_tape,
    torch_,
)

PEERS: tuple[Any, ...] = (
    tapec_,
    tapec_tape,
    c_,
    by_hand,
    jax_,
    torch_,
    torch_.Compiled,
    pytensor_,
    numba_,
    casadi_,
    drjit_,
    autograd_,
)
