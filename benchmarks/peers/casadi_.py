"""CasADi: scalar expressions; C code by its own compiler call where there is one.

Called through its buffers, the quickest way it has. For the workloads whose expression
has at most some thousands of scalars.
"""

import shutil
from types import SimpleNamespace

import numpy as np

from benchmarks.peers.rebind import rebound

NAME = "casadi"
SMALL = ("rosen2", "rosen1000", "hess50")


def available():
    try:
        import casadi  # noqa: F401
    except ImportError:
        return False
    return True


def prepare(workload, args):
    if workload.name not in SMALL:
        return None
    import casadi

    symbols = [casadi.SX.sym(f"x{i}", np.size(a)) for i, a in enumerate(args)]
    shim = SimpleNamespace(sum=casadi.sum1, sin=casadi.sin)
    value = rebound(workload.function, np=shim)(*symbols)
    leaves = [symbols[i] for i in workload.argnums]
    if workload.name.startswith("hess"):
        outs = [casadi.SX(0.0), casadi.densify(casadi.hessian(value, leaves[0])[0])]
    else:
        outs = [value, *(casadi.gradient(value, leaf) for leaf in leaves)]
    outs = [casadi.densify(out) for out in outs]
    return buffered(casadi.Function("f", symbols, outs, options()), args)


def options():
    if shutil.which("gcc") is None:
        return {}
    flags = {"flags": ["-O3", "-march=native"], "compiler": "gcc"}
    return {"jit": True, "compiler": "shell", "jit_options": flags}


def buffered(function, args):
    buffer, run = function.buffer()
    given = [np.array(a, float).reshape(-1) for a in args]
    found = [np.zeros(function.numel_out(i)) for i in range(function.n_out())]
    for i, array in enumerate(given):
        buffer.set_arg(i, memoryview(array))
    for i, array in enumerate(found):
        buffer.set_res(i, memoryview(array))

    def call():
        run()
        return found[0], found[1:]

    call.keeps = function, buffer, given
    return call
