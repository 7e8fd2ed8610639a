"""Memory of large results: what one call gave back, a later one takes.

The system hands out fresh pages for a large array and takes them back when it is gone:
each page is cleared and mapped anew, which for two threads takes a sixth of the time of
a kernel with heavy arithmetic (measured, `bs1m`). NumPy lets arrays have memory of
another allocator; ours keeps a few blocks, and aligns them to cache lines.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tapec.ir import ArrayType
from tapec.locks import lock
from tapec.native import abi, engine, platform
from tapec.native.blocks_code import FIRST, KEPT, LARGE, emit
from tapec.native.entry_arrays import arrays

__all__ = ["Blocks", "blocks", "empty_for", "is_large"]

Array = np.ndarray[Any, Any]

NAME = b"tapec"


class _Handler(ctypes.Structure):
    """What NumPy reads: a name, the version of the structure, functions."""

    _fields_ = [
        ("name", ctypes.c_char * 127), ("version", ctypes.c_uint8),
        ("state", ctypes.c_void_p), ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p), ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    ]  # fmt: skip


class Blocks:
    """address: of the function that makes arrays. handler: what it is told, an object.

    kept: bytes that wait to be used again.
    """

    def __init__(self) -> None:
        imports = {**abi.addresses(), **platform.memory_functions()}
        imports["tapec_fresh"] = arrays().address("fresh")
        names = ("array", "take", "take_zeros", "change", "give")
        library = engine.compiled("blocks", emit, names, imports, engine.Effort.PLAIN)
        self._library = library
        self._state = (ctypes.c_int64 * (FIRST + 2 * KEPT))()
        functions = [library.address(name) for name in names[1:]]
        state = ctypes.addressof(self._state)
        self._handler = _Handler(NAME, 1, state, *functions)
        make = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
        )(("PyCapsule_New", ctypes.pythonapi))
        self.handler = make(ctypes.addressof(self._handler), b"mem_handler", None)
        choose = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
        self._choose = choose(imports["PyDataMem_SetHandler"])
        self.address = library.address("array")

    def empty(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """NumPy's `empty`, with such memory."""
        before = self._choose(self.handler)
        try:
            return np.empty(shape, dtype)
        finally:
            self._choose(before)

    @property
    def kept(self) -> int:
        """Bytes in blocks that no array has now."""
        return int(self._state[0])


def is_large(type_: ArrayType) -> bool:
    """Whether a result of this type has such memory."""
    return type_.nbytes >= LARGE and blocks() is not None


def empty_for(type_: ArrayType) -> Callable[..., Array]:
    """The function that makes arrays of this type from a shape and a dtype."""
    kept = blocks() if is_large(type_) else None
    return np.empty if kept is None else kept.empty


_lock = lock()


def blocks() -> Blocks | None:
    """The blocks of this process; None where NumPy or the system has no such thing."""
    with _lock:
        return _blocks()


@lru_cache(maxsize=1)
def _blocks() -> Blocks | None:
    if not abi.AVAILABLE or not platform.memory_functions():
        return None
    made = Blocks()
    # Arrays outlive most of what Python takes down at its end, and need this to end.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made if _works(made) else None


def _works(made: Blocks) -> bool:
    """Whether an array made with the handler has it, and the next has none."""
    from tapec.native.entry_arrays import row_of

    row = row_of(ArrayType(np.float64, (3,)))
    words = (ctypes.c_uint64 * len(row))(*row)
    make: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object)(
        made.address
    )
    array = make(ctypes.addressof(words), made.handler)
    name = np._core.multiarray.get_handler_name  # type: ignore[attr-defined]
    found = name(array), name(np.empty(3))
    return found == (NAME.decode(), name())
