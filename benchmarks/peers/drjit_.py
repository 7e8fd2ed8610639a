"""Dr.Jit: elementwise programs over wide arrays, on its LLVM backend."""

import os
from types import SimpleNamespace

import numpy as np

from benchmarks.peers.rebind import rebound

NAME = "drjit"
ELEMENTWISE = ("bs1m",)


def available():
    try:
        import drjit
        from drjit.llvm.ad import Float64

        drjit.set_thread_count(int(os.environ.get("OMP_NUM_THREADS", "1")))
        drjit.eval(Float64(1.0) + 1.0)
    except Exception:  # no LLVM library is found
        return False
    return True


def prepare(workload, args):
    if NAME in workload.own:
        return workload.own[NAME](*args)
    if workload.name not in ELEMENTWISE:
        return None
    import drjit as dr
    from drjit.llvm.ad import Float64

    shim = SimpleNamespace(sqrt=dr.sqrt, log=dr.log, exp=dr.exp, sum=dr.sum)
    special = SimpleNamespace(erf=dr.erf)
    shim.sqrt = lambda x: dr.sqrt(x) if dr.is_array_v(x) else float(np.sqrt(x))
    function = rebound(workload.function, np=shim, special=special)
    arrays = [Float64(a) for a in args]

    def call():
        leaves = [arrays[i] for i in workload.argnums]
        for leaf in leaves:
            dr.enable_grad(leaf)
            dr.set_grad(leaf, 0.0)
        value = function(*arrays)
        dr.backward(value)
        found = [dr.grad(leaf) for leaf in leaves]
        value = dr.detach(value)
        dr.eval(value, *found)
        dr.sync_thread()
        return value, found

    return call
