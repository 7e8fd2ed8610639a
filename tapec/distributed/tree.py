"""Sums whose bits depend on the order of the terms only.

    0   1   2   3   4
    └─┬─┘   └─┬─┘   │
      └───┬───┘     │
          └────┬────┘

Neighbours are added, then neighbouring sums, to the depth log2 of their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from tapec import containers

__all__ = ["added", "tree", "tree_sum"]

T = TypeVar("T")


def tree(terms: Iterable[T], join: Callable[[T, T], T]) -> T:
    """The terms joined pairwise; at most log2 of their number are held at a time."""
    held: list[tuple[int, T]] = []  # neighbouring sums, each of fewer terms than before
    for term in terms:
        size = 1
        while held and held[-1][0] == size:
            term = join(held.pop()[1], term)
            size *= 2
        held.append((size, term))
    if not held:
        raise ValueError("there are no terms to add")
    _, out = held.pop()
    while held:
        out = join(held.pop()[1], out)
    return out


def tree_sum(terms: Iterable[Any]) -> Any:
    """The sum of `terms` by pairs of neighbours, then pairs of these sums, and so on.

    terms: arrays, numbers, or nested containers of them that agree in structure and
    shapes; the result has that structure. They may come from an iterator: n terms need
    the memory of log2(n). Equal terms in the same order give equal bits, wherever and
    in whatever order they were computed. The error grows with log2(n), as that of
    NumPy's pairwise sums (N. Higham, "The accuracy of floating point summation", 1993).

    ValueError for no terms, and for terms of different structures or shapes.

    >>> from tapec.distributed import tree_sum
    >>> tree_sum([(1.0, {"w": 10.0}), (2.0, {"w": 20.0}), (3.0, {"w": 30.0})])
    (6.0, {'w': 60.0})
    """
    return tree(terms, added)


def added(a: Any, b: Any) -> Any:
    """The sum of two containers, leaf by leaf."""
    left, structure = containers.flatten(a)
    right, other = containers.flatten(b)
    if structure != other:
        raise ValueError(f"tree_sum: terms of structures {structure!r} and {other!r}")
    out = []
    for x, y, path in zip(left, right, structure.paths(), strict=True):
        if np.shape(x) != np.shape(y):
            shapes = f"{np.shape(x)} and {np.shape(y)}"
            raise ValueError(f"tree_sum: terms{path} of shapes {shapes}")
        out.append(x + y)
    return containers.unflatten(structure, out)
