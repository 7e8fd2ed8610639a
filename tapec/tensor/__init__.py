"""Tensors: what the user's code computes with, on a tape or outside one.

A tensor is either known (it holds an array) or pending (it names a value of a
recording). NumPy's functions reach it through `__array_ufunc__` and
`__array_function__`; every operation ends in `bind`.
"""

from tapec.tensor.binding import bind, bind_chain, check_equal, concrete
from tapec.tensor.dispatch import array_function, array_ufunc, ufunc_primitive
from tapec.tensor.functions import FUNCTIONS, implements
from tapec.tensor.kinds import Weak, ordinary
from tapec.tensor.operands import as_tensor
from tapec.tensor.tensor import Tensor

__all__ = [
    "FUNCTIONS",
    "Tensor",
    "Weak",
    "array_function",
    "array_ufunc",
    "as_tensor",
    "bind",
    "bind_chain",
    "check_equal",
    "concrete",
    "implements",
    "ordinary",
    "ufunc_primitive",
]
