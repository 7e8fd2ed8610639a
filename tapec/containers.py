"""Nested containers as a flat list of leaves and a hashable structure.

Lists, tuples, dicts, namedtuples, dataclasses and None nest freely. Leaves are arrays,
numbers, tensors and variables; everything else (strings, flags, enums, functions,
objects) belongs to the structure: by value where it has one, else by identity.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tapec.operators import Operators

__all__ = ["Static", "Structure", "flatten", "is_leaf", "map_leaves", "unflatten"]

_BY_VALUE = (str, bytes, bool, enum.Enum, type, np.dtype, slice)


class Structure:
    """One node of a container's shape; equal structures are interchangeable."""

    __slots__ = ("_hash", "children", "data", "kind")

    def __init__(
        self, kind: str, data: Any = None, children: tuple[Structure, ...] = ()
    ):
        self.kind = kind
        self.data = data
        self.children = children
        self._hash = hash((kind, data, children))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Structure)
            and self._hash == other._hash
            and (self.kind, self.data, self.children)
            == (other.kind, other.data, other.children)
        )

    @property
    def size(self) -> int:
        """Number of leaves."""
        return 1 if self.kind == "leaf" else sum(c.size for c in self.children)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """How the user would write each leaf: `[0]`, `["w"]`, `.bias`."""
        if self.kind == "leaf":
            yield prefix
        for key, child in zip(self.labels(), self.children, strict=True):
            yield from child.paths(prefix + key)

    def labels(self) -> list[str]:
        """How the user would write each child."""
        if self.kind == "dict":
            return [f"[{k!r}]" for k in self.data]
        if self.kind in ("namedtuple", "dataclass"):
            return [f".{k}" for k in self.data[1]]
        return [f"[{i}]" for i in range(len(self.children))]

    def __repr__(self) -> str:
        if self.kind == "leaf":
            return "*"
        if self.kind == "static":
            return repr(self.data)
        inner = ", ".join(map(repr, self.children))
        return f"{self.kind}({inner})"


class Static:
    """Marks an argument that is part of the structure, whatever it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


LEAF = Structure("leaf")
NONE = Structure("none")


class _Identity:
    """An object of the structure: equal to itself only, and not kept alive."""

    __slots__ = ("_id", "_ref", "reference")

    def __init__(self, value: Any) -> None:
        self._id = id(value)
        self.reference: weakref.ref[Any] | None = None
        self._ref: Callable[[], Any] = lambda: value
        with suppress(TypeError):
            self._ref = self.reference = weakref.ref(value)

    def get(self) -> Any:
        return self._ref()

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identity) or self._id != other._id:
            return False
        return self.get() is other.get() is not None

    def __repr__(self) -> str:
        return f"<{type(self.get()).__name__}>"


class _Code:
    """A function of the structure: equal when code, defaults and cells are."""

    __slots__ = ("function", "key")

    def __init__(self, function: types.FunctionType) -> None:
        cells = [static_key(c.cell_contents) for c in function.__closure__ or ()]
        defaults = [static_key(d) for d in function.__defaults__ or ()]
        self.key = (function.__code__, tuple(cells), tuple(defaults))
        self.function = function

    def get(self) -> Any:
        return self.function

    def __hash__(self) -> int:
        return hash(self.function.__code__.co_name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Code) and self.key == other.key

    def __repr__(self) -> str:
        return self.function.__qualname__


class _ByValue:
    """A plain value of the structure; `True` and `1` differ."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _ByValue)
            and type(other.value) is type(self.value)
            and bool(other.value == self.value)
        )

    def __repr__(self) -> str:
        return repr(self.value)


def static_key(value: Any) -> Any:
    """A hashable stand-in for something that is not a leaf."""
    if isinstance(value, (*_BY_VALUE, int, float, complex, type(None))):
        return _ByValue(value)
    if isinstance(value, types.FunctionType):
        return _Code(value)
    if isinstance(value, (tuple, frozenset)):
        try:
            hash(value)
        except TypeError:
            return _Identity(value)
        return _ByValue(value)
    return _Identity(value)


def is_leaf(x: Any) -> bool:
    """Whether `x` is a number, an array of numbers, a tensor or a variable."""
    if isinstance(x, bool):
        return False
    return isinstance(x, (np.ndarray, Operators, int, float, complex, np.generic))


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of `tree`, left to right (dicts in insertion order), and the rest."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    if tree is None:
        return NONE
    if is_leaf(tree) and not isinstance(tree, enum.Enum):
        leaves.append(tree)
        return LEAF
    kind = type(tree)
    if kind is Static:
        return Structure("static", static_key(tree.value))
    if isinstance(tree, dict):
        children = tuple(_flatten(v, leaves) for v in tree.values())
        return Structure("dict", tuple(tree), children)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        children = tuple(_flatten(v, leaves) for v in tree)
        return Structure("namedtuple", (kind, kind._fields), children)
    if isinstance(tree, (list, tuple)):
        name = "list" if isinstance(tree, list) else "tuple"
        return Structure(name, None, tuple(_flatten(v, leaves) for v in tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = tuple(f.name for f in dataclasses.fields(tree))
        children = tuple(_flatten(getattr(tree, n), leaves) for n in names)
        return Structure("dataclass", (kind, names), children)
    return Structure("static", static_key(tree))


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """The container of this structure with these leaves."""
    return _unflatten(structure, iter(leaves))


def _unflatten(s: Structure, leaves: Iterator[Any]) -> Any:
    if s.kind == "leaf":
        return next(leaves)
    if s.kind == "none":
        return None
    if s.kind == "static":
        return s.data.get()
    parts = [_unflatten(c, leaves) for c in s.children]
    if s.kind == "dict":
        return dict(zip(s.data, parts, strict=True))
    if s.kind == "list":
        return parts
    if s.kind == "tuple":
        return tuple(parts)
    cls, names = s.data
    if s.kind == "namedtuple":
        return cls(*parts)
    made = object.__new__(cls)
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(made, name, part)
    return made


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """`tree` with `f` applied to every leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [f(x) for x in leaves])
