"""Those who take gradients. A peer is one module here, entered in `PEERS`.

NAME: how tables call it. available(): whether it can be imported (it is imported then).
prepare(workload, args): a call without arguments that gives `(value, gradients)`, or
None when it cannot do this workload. Nothing that may be prepared once is in the call.
"""

from types import ModuleType

from benchmarks.peers import autograd_, by_hand, jax_, tapec_, tapec_tape

PEERS: tuple[ModuleType, ...] = (tapec_, tapec_tape, by_hand, autograd_, jax_)
