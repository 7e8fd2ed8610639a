"""NumPy's functions on tensors: `import tapec.numpy as tnp`.

Most programs need only NumPy itself, whose functions find their implementation here
when a tensor is among the arguments. This namespace is for what cannot find it: nested
lists that hold tensors (`tnp.array([x, y])`) and arrays made from traced numbers
(`tnp.full(3, x)`). Every function has NumPy's name and arguments.
"""

import importlib
import pkgutil
from typing import Any

import numpy as _np

from tapec.numpy.instead import missing as _missing
from tapec.tensor import FUNCTIONS as _FUNCTIONS
from tapec.tensor import ufunc_primitive as _ufunc_primitive

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

_VALUES = (
    "bool_",
    "complex128",
    "complex64",
    "dtype",
    "e",
    "euler_gamma",
    "float16",
    "float32",
    "float64",
    "inf",
    "int16",
    "int32",
    "int64",
    "int8",
    "intp",
    "nan",
    "ndarray",
    "newaxis",
    "pi",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "finfo",
    "iinfo",
    "errstate",
    "result_type",
    "promote_types",
    "can_cast",
    "issubdtype",
    "isscalar",
    "broadcast_shapes",
    "ndindex",
    "set_printoptions",
    "printoptions",
    "index_exp",
    "s_",
    "random",
    "testing",
)


def __getattr__(name: str) -> Any:
    if name in _VALUES:
        return getattr(_np, name)
    original = getattr(_np, name, None)
    if name.startswith("_") or original is None:
        raise AttributeError(f"module 'tapec.numpy' has no attribute {name!r}")
    found = _implementation(original)
    if found is None:
        raise _missing("numpy", name, __dir__())
    globals()[name] = found
    return found


def _implementation(original: Any) -> Any:
    """What runs when NumPy's `original` is called on tensors, if anything does."""
    try:
        return _FUNCTIONS.get(original) or _ufunc_primitive(original)
    except TypeError:  # unhashable, hence no function
        return None


def __dir__() -> list[str]:
    known = [n for n in dir(_np) if _implementation(getattr(_np, n)) is not None]
    return sorted({*known, *_VALUES, *(n for n in globals() if n[0] != "_")})
