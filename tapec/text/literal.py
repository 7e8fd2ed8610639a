"""Attribute values as text, and arrays as literals: exact, bit by bit.

An array of one repeated element is written as that element, a small one as nested
lists, any other as base64 of its bytes (C order, little endian).
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.ir import DTYPE_NAMES, ArrayType, Constant, Dim, Function, Value

__all__ = ["array_from", "array_text", "attr_text", "is_writable"]

LISTED = 64
"""Arrays of up to this many elements are written out as lists."""

Naming = Callable[[Function], str]


def attr_text(op: Value, value: Any, naming: Naming, elide: bool) -> str:
    """The attribute as text; the `value` of a `const` relies on the type of its op."""
    if type(value) is not Constant:
        return value_text(value, naming)
    type_ = ArrayType(value.array.dtype, value.array.shape)
    text = array_text(value.array, elide=elide)
    if op.prim.name == "const" and type_ == op.type:
        return text
    return f"array({type_!r}, {text})"


def value_text(value: Any, naming: Naming) -> str:
    """Any value but an array; what has no form shows as `<...>` and does not parse."""
    if (write := _WRITERS.get(type(value))) is not None:
        return write(value)
    if type(value) is tuple:
        items = [value_text(item, naming) for item in value]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if isinstance(value, np.dtype):
        return DTYPE_NAMES.get(value, f"<{value}>")
    if type(value) is Function:
        return f"@{naming(value)}"
    return f"<{value!r}>".replace("\n", " ")


def is_writable(value: Any) -> bool:
    """Whether text can express this attribute value."""
    if type(value) is tuple:
        return all(map(is_writable, value))
    if isinstance(value, np.dtype):
        return value in DTYPE_NAMES
    return type(value) in _WRITERS or type(value) in (Constant, Function)


def real_text(x: Any) -> str:
    """The shortest text of a Python or NumPy float that reads back as the same."""
    if x != x:
        return "-nan" if np.signbit(x) else "nan"
    return str(x)


def complex_text(z: Any) -> str:
    imag = real_text(z.imag)
    return f"{real_text(z.real)}{'' if imag[0] == '-' else '+'}{imag}j"


def slice_text(s: slice) -> str:
    parts = [s.start, s.stop] if s.step is None else [s.start, s.stop, s.step]
    return ":".join("" if p is None else str(p) for p in parts)


def bytes_text(data: bytes) -> str:
    return f'bytes"{base64.b64encode(data).decode()}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    bool: str,
    int: str,
    type(None): str,
    float: real_text,
    complex: complex_text,
    str: lambda s: json.dumps(s, ensure_ascii=False),
    bytes: bytes_text,
    slice: slice_text,
    type(...): lambda _: "...",
    Dim: repr,
    ArrayType: repr,
}


def array_text(array: np.ndarray[Any, Any], *, elide: bool = False) -> str:
    """The literal of an array, without dtype and shape."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size and _all_same(flat):
        text, candidate = _element(flat[0]), flat[:1]
    elif flat.size <= LISTED:
        text, candidate = _nested([_element(x) for x in flat], array.shape), flat
    else:
        return "..." if elide else bytes_text(_little(flat).tobytes())
    return text if _reads_back(candidate) else bytes_text(_little(flat).tobytes())


def _all_same(flat: np.ndarray[Any, Any]) -> bool:
    rows = flat.view(np.uint8).reshape(flat.size, -1)
    return bool((rows == rows[0]).all())


def _element(x: Any) -> str:
    if x.dtype.kind == "f":
        return real_text(x)
    return complex_text(x) if x.dtype.kind == "c" else str(x)


def _nested(elements: list[str], shape: tuple[int, ...]) -> str:
    if not elements:
        return "[]"
    for extent in reversed(shape):
        groups = range(0, len(elements), extent)
        elements = [f"[{', '.join(elements[i : i + extent])}]" for i in groups]
    return elements[0]


def _reads_back(flat: np.ndarray[Any, Any]) -> bool:
    """False for NaNs with a payload, which have no decimal form."""
    if flat.dtype.kind not in "fc":
        return True
    read = complex if flat.dtype.kind == "c" else float
    again = np.array([read(_element(x)) for x in flat], flat.dtype)
    return again.tobytes() == flat.astype(flat.dtype.newbyteorder("=")).tobytes()


def _little(flat: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    swapped = (flat.dtype.byteorder == ">") or (
        flat.dtype.byteorder == "=" and sys.byteorder == "big"
    )
    return flat.byteswap() if swapped else flat


_KINDS: dict[str, set[type]] = {
    "b": {bool},
    "i": {int},
    "u": {int},
    "f": {int, float},
    "c": {int, float, complex},
}


def array_from(literal: Any, type_: ArrayType) -> Constant:
    """The array of a parsed literal; ValueError when it does not fit the type."""
    if isinstance(literal, bytes):
        data = np.frombuffer(bytearray(literal), type_.dtype.newbyteorder("<"))
        return Constant(data.astype(type_.dtype).reshape(type_.shape))
    if literal == [] and type_.size == 0:
        return Constant(np.empty(type_.shape, type_.dtype))
    elements = np.array(literal, object).reshape(-1)
    if not {type(e) for e in elements} <= _KINDS[type_.dtype.kind]:
        raise ValueError(f"an element is no {DTYPE_NAMES[type_.dtype]}")
    with np.errstate(all="ignore"):
        array = np.array(literal, type_.dtype)
    if array.ndim == 0:
        array = np.full(type_.shape, array)
    if array.shape != type_.shape:
        raise ValueError(f"the literal has shape {array.shape}")
    return Constant(array)
