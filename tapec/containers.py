"""Nested containers as a flat list of leaves and a hashable structure.

Lists, tuples, dicts, namedtuples, dataclasses and None nest freely. Leaves are arrays,
numbers, tensors and variables; everything else (strings, flags, enums, functions,
objects) belongs to the structure: by value where it has one, else by identity.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tapec.ir import Dim
from tapec.operators import Operators
from tapec.statics import Static, static_key
from tapec.tensor import Tensor
from tapec.variable import Variable

__all__ = [
    "PLAIN",
    "Static",
    "Structure",
    "flatten",
    "flatten_call",
    "is_leaf",
    "map_leaves",
    "unflatten",
]

LONG_ROW = 64

PLAIN = frozenset((np.ndarray, float, int, complex))
"""Most leaves are of exactly these types."""

_TENSORS = frozenset((Tensor, Variable))


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

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the hash, which differs between processes."""
        return Structure, (self.kind, self.data, self.children)

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


LEAF = Structure("leaf")
NONE = Structure("none")


def is_leaf(x: Any) -> bool:
    """Whether `x` is a number, an array of numbers, a tensor or a variable."""
    if isinstance(x, bool):
        return False
    kinds = (np.ndarray, Operators, int, float, complex, np.generic, Dim)
    return isinstance(x, kinds)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of `tree`, left to right (dicts in insertion order), and the rest."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def flatten_call(
    args: tuple[Any, ...], kw: dict[str, Any]
) -> tuple[list[Any], Structure]:
    """`flatten((args, kw))`, quickly where there are no keywords."""
    if kw:
        return flatten((args, kw))
    leaves: list[Any] = []
    structure = _flatten(args, leaves)
    found = _calls.get(structure)
    if found is None:
        found = Structure("tuple", None, (structure, NO_KEYWORDS))
        if len(leaves) == len(structure.children) <= LONG_ROW:
            _calls[structure] = found
    return leaves, found


_rows: dict[tuple[str, int], Structure] = {}
"""Tuples and lists of leaves, by length: most are met again."""

_calls: dict[Structure, Structure] = {}
"""Calls with as many leaves as arguments, by these."""

NO_KEYWORDS = Structure("dict", ())


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    kind = type(tree)
    if kind in PLAIN or kind in _TENSORS:
        leaves.append(tree)
        return LEAF
    if tree is None:
        return NONE
    if kind is tuple or kind is list:
        return _sequence(kind.__name__, [_flatten(v, leaves) for v in tree])
    if is_leaf(tree) and not isinstance(tree, enum.Enum):
        leaves.append(tree)
        return LEAF
    if kind is Static:
        return Structure("static", static_key(tree.value))
    if isinstance(tree, dict):
        children = tuple([_flatten(v, leaves) for v in tree.values()])
        return Structure("dict", tuple(tree), children)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        children = tuple([_flatten(v, leaves) for v in tree])
        return Structure("namedtuple", (kind, kind._fields), children)
    if isinstance(tree, (list, tuple)):
        name = "list" if isinstance(tree, list) else "tuple"
        return _sequence(name, [_flatten(v, leaves) for v in tree])
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = tuple(f.name for f in dataclasses.fields(tree))
        children = tuple(_flatten(getattr(tree, n), leaves) for n in names)
        return Structure("dataclass", (kind, names), children)
    return Structure("static", static_key(tree))


def _sequence(kind: str, children: list[Structure]) -> Structure:
    count = len(children)
    if children.count(LEAF) != count or count > LONG_ROW:
        return Structure(kind, None, tuple(children))
    found = _rows.get((kind, count))
    if found is None:
        found = _rows[kind, count] = Structure(kind, None, tuple(children))
    return found


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """The container of this structure with these leaves."""
    if structure is LEAF:
        return leaves[0]
    if structure.kind == "list" and _rows.get(("list", len(leaves))) is structure:
        return list(leaves)
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
