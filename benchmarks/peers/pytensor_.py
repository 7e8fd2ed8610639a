"""PyTensor: a symbolic graph, compiled by its default linker."""

from types import SimpleNamespace

import numpy as np

from benchmarks.peers.rebind import rebound

NAME = "pytensor"


def available():
    try:
        import pytensor  # noqa: F401
    except ImportError:
        return False
    return True


def prepare(workload, args):
    if workload.own:
        return None
    import pytensor
    import pytensor.tensor as pt

    arrays = [np.asarray(a) for a in args]
    places = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    function = rebound(workload.function, np=names(pt), special=pt)
    try:
        symbols = symbolic(arrays, places)
        value = function(*symbols)
    except TypeError:  # it needs the sizes of the data as numbers
        places = list(workload.argnums)
        symbols = symbolic(arrays, places)
        value = function(*symbols)
    wanted = pytensor.grad(value, [symbols[i] for i in workload.argnums])
    compiled = pytensor.function([symbols[i] for i in places], [value, *wanted])
    compiled.trust_input = True
    given = [arrays[i] for i in places]

    def call():
        found, *gradients = compiled(*given)
        return found, gradients

    return call


def symbolic(arrays, places):
    """Symbols for the arrays at these places."""
    import pytensor.tensor as pt

    return [
        pt.tensor(f"x{i}", dtype=a.dtype, shape=a.shape) if i in places else a
        for i, a in enumerate(arrays)
    ]


def names(pt):
    """What the workloads call `np`."""
    known = "exp log sqrt sin cos tanh mean sum max maximum logaddexp swapaxes stack"
    names = {name: getattr(pt, name) for name in known.split()}

    def where(condition, a, b):
        symbolic = any(isinstance(x, pt.TensorVariable) for x in (condition, a, b))
        return (pt if symbolic else np).where(condition, a, b)

    return SimpleNamespace(
        **names, where=where, eye=np.eye, ones=np.ones, arange=np.arange
    )
