"""tapec, as a user has it: a decorated function that is called."""

import importlib
import pkgutil

NAME = "tapec"


def available():
    """With the compiler, which tapec imports when it is first needed."""
    import llvmlite.binding  # noqa: F401
    import scipy.linalg.cython_blas  # noqa: F401

    import tapec.native
    import tapec.passes

    for package in (tapec.passes, tapec.native):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    return True


def prepare(workload, args):
    if NAME in workload.own:
        return workload.own[NAME](*args)
    import tapec

    gradient = tapec.value_and_grad(workload.function, argnums=workload.argnums)
    return lambda: gradient(*args)
