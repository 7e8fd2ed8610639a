"""What emitted code relies on in CPython and NumPy, checked once in this process.

Functions are called through their addresses in the C API; objects are read at fixed
offsets, which `AVAILABLE` says have been found right on live objects. Where they are
not (another interpreter, a debug build), or with `TAPEC_PORTABLE=1`, decorated
functions are called through Python alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from tapec.native.forms import NoEntry
from tapec.native.platform import HEADERS

__all__ = ["AVAILABLE", "VECTORCALL_FLAG", "addresses", "offset_of", "word_at"]

NUMBER = 16
"""Where a float, a complex number and a NumPy scalar keep their value."""

SIZE, LIST_ITEMS = 16, 24
"""The length of a tuple or list, and where a list keeps the address of its items."""

DICT_SIZE, REFERENT, CELL = 16, 16, 16
"""The length of a dict, what a weak reference refers to, what a cell holds."""

TYPE = 8
"""The type of any object."""

DTYPE_ORDER, DTYPE_NUMBER = 26, 28
"""The byte order of a dtype, a character, and the number of its kind, a C int."""

TYPE_FLAGS = 168
VECTORCALL_FLAG = 1 << 11

CLOSEST = 1 << 63
"""The bit of a vectorcall's count which is not part of the count."""

_FUNCTIONS = (
    "PyComplex_FromDoubles PyDict_GetItemWithError PyDict_New PyDict_Next "
    "PyDict_SetItem PyErr_Clear PyEval_RestoreThread PyEval_SaveThread "
    "PyFloat_FromDouble PyList_New PyList_SetItem PyLong_AsLongLongAndOverflow "
    "PyLong_FromLongLong PyMethod_New PyObject_GenericGetDict PyObject_Vectorcall "
    "PyTuple_New Py_DecRef Py_IncRef"
)
_ARRAY_TYPE, _NEW_ARRAY, _NEW_SCALAR = 2, 94, 60  # places in NumPy's table
_SET_HANDLER = 304


def word_at(address: int) -> Any:
    """The word of memory at an address, to read or to write."""
    return ctypes.c_uint64.from_address(address)


def offset_of(thing: Any, value: Any) -> int:
    """Where an object keeps one of its slots, which now holds `value`."""
    places = range(TYPE + 8, type(thing).__basicsize__, 8)
    found = [p for p in places if word_at(id(thing) + p).value == id(value)]
    if len(found) != 1:
        raise NoEntry
    return found[0]


@lru_cache(maxsize=1)
def addresses() -> dict[str, int]:
    """Functions and types that emitted code refers to, by name."""
    api = ctypes.pythonapi
    found = {name: _address(getattr(api, name)) for name in _FUNCTIONS.split()}
    table = _array_api()
    found["PyArray_NewFromDescr"] = table[_NEW_ARRAY]
    found["PyArray_Scalar"] = table[_NEW_SCALAR]
    found["PyDataMem_SetHandler"] = table[_SET_HANDLER]
    return found


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _array_api() -> Any:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        _address(pointer)
    )
    capsule = import_module("numpy._core._multiarray_umath")._ARRAY_API
    return (ctypes.c_void_p * 512).from_address(prototype(capsule, None))


def _numbers_hold() -> bool:
    """Values of numbers stand where they are read."""
    found = [
        (1.5, np.float64(1.5).tobytes()),
        (1.5 + 2j, np.complex128(1.5 + 2j).tobytes()),
    ]
    for char in "?bBhHiIlLqQfdFD":
        scalar = np.dtype(char).type(1)
        found.append((scalar, scalar.tobytes()))
    return all(ctypes.string_at(id(x) + NUMBER, len(b)) == b for x, b in found)


def _containers_hold() -> bool:
    """So do lengths, items and references."""
    item = frozenset((1, 2))
    items, names = [item, item, item], {"a": 1, "b": 2, "c": 3, "d": 4}
    del names["b"]
    reference = weakref.ref(item)
    cell = (lambda: item).__closure__[0]  # type: ignore[index]
    return bool(
        word_at(id(items) + SIZE).value == word_at(id((1, 2, 3)) + SIZE).value == 3
        and word_at(word_at(id(items) + LIST_ITEMS).value + 16).value == id(item)
        and word_at(id(names) + DICT_SIZE).value == 3
        and word_at(id(reference) + REFERENT).value == id(item)
        and word_at(id(cell) + CELL).value == id(item)
        and word_at(id(item) + TYPE).value == id(frozenset)
    )


def _dtypes_hold() -> bool:
    """So do the byte order and the number of dtypes."""
    some = [np.dtype(char) for char in ("f8", ">f8", "f4", "i8", "?", "D", ">i2")]
    little = sys.byteorder == "little"
    return little and all(
        ctypes.string_at(id(t) + DTYPE_ORDER, 1) == t.byteorder.encode()
        and ctypes.c_int.from_address(id(t) + DTYPE_NUMBER).value == t.num
        for t in some
    )


def _types_hold() -> bool:
    """The flags of types are where they are set."""
    some = (int, np.ndarray, dict, type("Made", (), {}))
    return all(word_at(id(t) + TYPE_FLAGS).value == t.__flags__ for t in some)


def _arrays_are_made() -> bool:
    """NumPy's table is the one that is known."""
    table = _array_api()
    if table[_ARRAY_TYPE] != id(np.ndarray):
        return False
    address, number = ctypes.c_void_p, ctypes.c_int
    new = ctypes.PYFUNCTYPE(
        ctypes.py_object, address, ctypes.py_object, number, address,
        address, address, number, address,
    )(table[_NEW_ARRAY])  # fmt: skip
    scalar = ctypes.PYFUNCTYPE(ctypes.py_object, address, ctypes.py_object, address)(
        table[_NEW_SCALAR]
    )
    kind = np.dtype(np.float32)
    extents, number_ = (ctypes.c_int64 * 2)(2, 3), ctypes.c_float(1.5)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kind))  # making an array takes it
    made = new(id(np.ndarray), kind, 2, ctypes.addressof(extents), None, None, 0, None)
    one = scalar(ctypes.addressof(number_), kind, None)
    return (
        type(made) is np.ndarray
        and (made.shape, made.dtype) == ((2, 3), kind)
        and type(one) is np.float32
        and one == 1.5
    )


def _available() -> bool:
    if os.environ.get("TAPEC_PORTABLE", "") not in ("", "0") or not HEADERS.valid:
        return False
    try:
        return (
            _types_hold()
            and _numbers_hold()
            and _containers_hold()
            and _dtypes_hold()
            and _arrays_are_made()
            and all(addresses().values())
        )
    except (AttributeError, ImportError, TypeError, ValueError):
        return False


AVAILABLE = _available()
"""Whether decorated functions are called as emitted code."""
