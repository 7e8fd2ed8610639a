"""Arguments where no example is given: numbers from a formula that C has too.

Element i of argument number k is ((37 i + 11 k) mod 101 + 1) / 102 in floating point,
i mod 3 as an integer, i mod 2 as a bool, and (s, s / 2) as a complex number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from tapec.containers import is_leaf
from tapec.spec import Spec, shown

__all__ = ["sample", "with_samples"]


def sample(
    shape: tuple[int, ...], dtype: np.dtype[Any], number: int
) -> np.ndarray[Any, Any]:
    """An array of this type for argument `number`."""
    i = np.arange(int(np.prod(shape, dtype=np.int64)))
    if dtype.kind in "biu":
        return (i % (2 if dtype.kind == "b" else 3)).astype(dtype).reshape(shape)
    s = ((37 * i + 11 * number) % 101 + 1) / 102.0
    values = s + 0.5j * s if dtype.kind == "c" else s
    return values.astype(dtype).reshape(shape)


def with_samples(tree: Any, numbers: Iterator[int]) -> tuple[Any, set[int]]:
    """The tree with an array for each spec, and the numbers of these leaves.

    numbers: one is taken for each leaf.
    """
    if isinstance(tree, Spec):
        number = next(numbers)
        return _of(tree, number), {number}
    if isinstance(tree, dict):
        parts, found = _each(tree.values(), numbers)
        return (dict(zip(tree, parts, strict=True)) if found else tree), found
    if isinstance(tree, (list, tuple)):
        parts, found = _each(tree, numbers)
        if not found:
            return tree, found
        if isinstance(tree, list):
            return parts, found
        fields = hasattr(tree, "_fields")
        return (type(tree)(*parts) if fields else tuple(parts)), found
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [f.name for f in dataclasses.fields(tree)]
        parts, found = _each([getattr(tree, n) for n in names], numbers)
        made = object.__new__(type(tree)) if found else tree
        for name, part in zip(names if found else (), parts, strict=False):
            object.__setattr__(made, name, part)
        return made, found
    if is_leaf(tree):
        next(numbers)
    return tree, set()


def _each(trees: Any, numbers: Iterator[int]) -> tuple[list[Any], set[int]]:
    rows = [with_samples(tree, numbers) for tree in trees]
    return [part for part, _ in rows], {n for _, found in rows for n in found}


def _of(s: Spec, number: int) -> np.ndarray[Any, Any]:
    shape = tuple(n for n in s.shape if isinstance(n, int))
    if len(shape) < len(s.shape):
        raise ValueError(
            f"tapec.spec({shown(s)}) has a size that may vary, and an exported "
            "function is for one size: write the number, and export once per size"
        )
    if s.dtype is None:
        raise ValueError(
            f"tapec.spec({shown(s)}) has no dtype: tapec.spec({shown(s)}, np.float64)"
        )
    if s.dtype.kind not in "biufc" or s.dtype.itemsize > 16:
        raise ValueError(f"tapec.spec({shown(s)}, {s.dtype}): no such numbers in C")
    return sample(shape, s.dtype, number)
