"""HIPS autograd: eager, a tape of NumPy calls."""

from benchmarks.peers.rebind import rebound

NAME = "autograd"


def available():
    try:
        import autograd.numpy
        import autograd.scipy.special  # noqa: F401
    except ImportError:
        return False
    return True


def prepare(workload, args):
    if workload.own:
        return workload.own[NAME](*args) if NAME in workload.own else None
    import autograd
    import autograd.numpy as anp
    from autograd.scipy import special

    function = rebound(workload.function, np=anp, special=special)
    both = autograd.value_and_grad(function, workload.argnums)
    return lambda: both(*args)
