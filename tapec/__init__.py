"""tapec: a tape-tracing graph compiler and visualizer for NumPy code.

Record what your code does on a tape, get the gradient as native code, as a picture, and
as text you can read.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from tapec import checkout as _checkout  # noqa: F401  (before what it finds)
from tapec import numpy as _numpy  # noqa: F401  (registers NumPy's functions)
from tapec import random
from tapec.branching import cond, switch
from tapec.checking import check_grads
from tapec.control import fori_loop, scan, while_loop
from tapec.custom import custom_gradient, stop_gradient
from tapec.debugging import assert_
from tapec.debugging import print_ as print
from tapec.derivatives import hessian, jacfwd, jacobian, jacrev
from tapec.errors import (
    DTypeError,
    IRError,
    ParseError,
    ShapeError,
    TapecError,
    TraceError,
    UnsupportedError,
)
from tapec.forward import hvp, jvp
from tapec.inspect import inspect
from tapec.linear import linearize, vjp
from tapec.passes.extensions import add_pass, custom_pass, remove_pass
from tapec.recompute import checkpoint, recompute_grad
from tapec.scopes import scope
from tapec.settings import config
from tapec.sparse import sparse_hessian, sparse_jacobian
from tapec.spec import spec
from tapec.tangent_rules import custom_jvp
from tapec.tape import GradientTape, UnconnectedGradients
from tapec.tensor import Tensor
from tapec.transform import grad, jit, value_and_grad
from tapec.variable import Variable, constant
from tapec.vectorize import vmap

if _TYPE_CHECKING:
    from tapec import distributed
    from tapec.debugging import check_nan, debug, diff
    from tapec.exporting import export, load

__version__ = "0.1.0"


def load_ipython_extension(shell: object) -> None:
    """What `%load_ext tapec` calls: afterwards there is the cell magic `%%tapec`."""
    from tapec.notebook import load_ipython_extension as load

    load(shell)


__all__ = [
    "DTypeError",
    "GradientTape",
    "IRError",
    "ParseError",
    "ShapeError",
    "TapecError",
    "Tensor",
    "TraceError",
    "UnconnectedGradients",
    "UnsupportedError",
    "Variable",
    "add_pass",
    "assert_",
    "check_grads",
    "check_nan",
    "checkpoint",
    "cond",
    "config",
    "constant",
    "custom_gradient",
    "custom_jvp",
    "custom_pass",
    "debug",
    "diff",
    "distributed",
    "export",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "inspect",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "load",
    "print",
    "random",
    "recompute_grad",
    "remove_pass",
    "scan",
    "scope",
    "sparse_hessian",
    "sparse_jacobian",
    "spec",
    "stop_gradient",
    "switch",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]


def __getattr__(name: str) -> object:
    """What is for debugging or leaves this process is loaded when it is used."""
    if name in ("distributed", "scipy", "tf"):
        import importlib

        return importlib.import_module(f"tapec.{name}")
    if name in ("export", "load"):
        from tapec import exporting

        return getattr(exporting, name)
    if name in __all__:
        from tapec import debugging

        return getattr(debugging, name)
    raise AttributeError(f"module 'tapec' has no attribute {name!r}")
