"""What the names of a frame stand for when a check is passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.tensor import Tensor

__all__ = ["Place", "Snapshot", "snapshot"]

Place = tuple[Any, ...]
"""A name, and the way from it into nested containers."""

LONG = 64
"""Items of a container that are looked at."""
LARGE = 1 << 12
"""Bytes of an array that are compared."""


class Snapshot(NamedTuple):
    """The state of a frame.

    tensors: those of the recording, by place. values: what they stood for. shapes: what
    is on the Python side, by name, comparable; it holds what it names by identity.
    """

    tensors: dict[Place, Tensor]
    values: dict[Place, Value]
    python: dict[str, Any]


def snapshot(names: Mapping[str, Any], rec: Any) -> Snapshot:
    """The state of a frame with these local names, as far as `rec` is concerned."""
    found = Snapshot({}, {}, {})
    for name, x in names.items():
        found.python[name] = _seen(x, (name,), rec, found)
    return found


def _seen(x: Any, place: Place, rec: Any, found: Snapshot) -> Any:
    """What is known of `x` besides its value, if it has one; equal if it is alike."""
    kind = type(x)
    if kind is Tensor and x.rec is rec:
        found.tensors[place] = x
        found.values[place] = x.value
        return Tensor, x.kind
    if kind is int:
        return int, x
    if kind in _PLAIN or isinstance(x, np.generic):
        return kind, repr(x)
    if kind is np.ndarray and x.nbytes <= LARGE:
        return kind, x.dtype, x.shape, x.tobytes()
    children = _children(x)
    if children is None:
        return _Same(x)
    return (
        kind,
        _Same(x) if kind in _GROWING else None,
        len(x),
        tuple([(key, _seen(y, (*place, key), rec, found)) for key, y in children]),
    )


_PLAIN = frozenset((bool, float, complex, str, bytes, type(None)))
_GROWING = (set, bytearray)


def _children(x: Any) -> Iterator[tuple[Any, Any]] | None:
    """Keys and items of a container that is looked into."""
    if type(x) is list or isinstance(x, tuple):
        return enumerate(x) if len(x) <= LONG else None
    if type(x) is dict:
        return iter(x.items()) if len(x) <= LONG else None
    return None


class _Same:
    """Equal for the same object only, which stays alive."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.x is self.x

    __hash__ = object.__hash__
