"""Value and gradient of a sum over shards of data, computed by many processes.

    from tapec.distributed import value_and_grad

    loss_and_gradient = value_and_grad(loss, client=client)  # a Dask client
    value, gradient = loss_and_gradient(params, shards)

An engine that exists does the scheduling: Dask through `client`; joblib, Ray, MPI and
`concurrent.futures` through `part`, which pickles, and `combine`. The sum is a tree in
the order of the shards, so its bits do not depend on who computed what, and when.
"""

from tapec.distributed.parts import Part
from tapec.distributed.sharded import ValueAndGrad, value_and_grad
from tapec.distributed.tree import tree_sum

__all__ = ["Part", "ValueAndGrad", "tree_sum", "value_and_grad"]
