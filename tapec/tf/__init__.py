"""TensorFlow's spellings of what programs with a gradient tape use.

    import tapec.tf as tf

Python's floats become float32 and its integers int32, as there; everything else is
tapec: any value is a source of gradients, tapes may be used without `with`, and a step
under `tf.function` compiles with its gradient and its assignments. `tf.nn.relu` has
gradient 0 at 0.
"""

from __future__ import annotations

from typing import Any

from tapec.custom import custom_gradient
from tapec.recompute import recompute_grad
from tapec.scopes import scope as name_scope
from tapec.tape import GradientTape, UnconnectedGradients
from tapec.tensor import Tensor
from tapec.tf import arrays, clipping, linalg, math, nn, random
from tapec.tf.arrays import *  # noqa: F403
from tapec.tf.clipping import *  # noqa: F403
from tapec.tf.convert import (
    DTYPES,
    Variable,
    constant,
    convert_to_tensor,
    is_tensor,
)
from tapec.tf.linalg import einsum, matmul, norm, tensordot
from tapec.tf.math import *  # noqa: F403
from tapec.tf.module import Module, cond, function, map_fn, print

__all__ = [
    "GradientTape",
    "Module",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "cond",
    "constant",
    "convert_to_tensor",
    "custom_gradient",
    "einsum",
    "function",
    "is_tensor",
    "linalg",
    "map_fn",
    "math",
    "matmul",
    "name_scope",
    "newaxis",
    "nn",
    "norm",
    "print",
    "random",
    "recompute_grad",
    "tensordot",
]
__all__ += arrays.__all__
__all__ += clipping.__all__
__all__ += math.__all__

newaxis = None
globals().update(DTYPES)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"tapec.tf has no {name}; it has what programs with a GradientTape use, "
        "and NumPy's functions work on its tensors"
    )
