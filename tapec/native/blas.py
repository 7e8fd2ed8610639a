"""The BLAS that SciPy brings, by the addresses of its routines.

SciPy's wheels have a library next to the package; it is loaded without the package,
whose import takes a hundred times longer, and is the one that SciPy uses itself. Other
builds are asked through `scipy.linalg.cython_blas`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import cache, lru_cache
from typing import Any

__all__ = ["address", "thread_counts"]

FOLDERS = ("scipy.libs", os.path.join("scipy", ".dylibs"))
PREFIX = "scipy_"


@cache
def address(name: str) -> int:
    """Where a routine such as `dgemm` begins, called as Fortran is: by address."""
    library = _library()
    found = getattr(library, f"{PREFIX}{name}_", None) if library else None
    if found is None:
        return _from_capsule(name)
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)


@lru_cache(maxsize=1)
def thread_counts() -> dict[str, int]:
    """Where the functions "get" and "set" of its number of threads begin, if known."""
    library, found = _library(), {}
    for way in ("get", "set"):
        function = getattr(library, f"{PREFIX}openblas_{way}_num_threads", None)
        if function is None:
            return {}
        found[way] = int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    return found


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library of the wheel, or None."""
    spec = importlib.util.find_spec("scipy")
    if spec is None or not spec.submodule_search_locations:
        return None
    site = os.path.dirname(spec.submodule_search_locations[0])
    for folder in FOLDERS:
        where = os.path.join(site, folder)
        names = sorted(os.listdir(where)) if os.path.isdir(where) else []
        for name in names:
            if "scipy_openblas" in name and "64_" not in name:
                try:
                    return ctypes.CDLL(os.path.join(where, name))
                except OSError:
                    continue
    return None


def _from_capsule(name: str) -> int:
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    where = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return int(where)
