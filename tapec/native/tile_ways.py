"""How a product can be computed, by what lies side by side in memory.

*outer*: elements of one row of the result; each step adds a number times a part of a
row. *inner*: elements of the rows that are multiplied; each element of the result is a
vector of partial sums, added up at the end. What fits neither is left to BLAS.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Extent, Function, Value
from tapec.native.levels import folded_transpose

__all__ = ["Mask", "Way", "masked", "wanted_of", "way_of"]

Mask = Any
"""A matrix of bools, or None."""


class Side(NamedTuple):
    """A matrix in memory: elements from one row to the next, and from one column.

    mask: where it is not zero, if it is known to be zero elsewhere.
    """

    value: Value
    down: Extent
    right: Extent
    mask: Mask = None


class Way(NamedTuple):
    """How a product is computed: name, factors, whether they changed places."""

    name: str
    left: Side
    right: Side
    swapped: bool


def way_of(op: Value) -> Way | None:
    """How a `matmul` is computed; None if its operands lie in another way."""
    if op.dtype.char not in "fd" or 0 in (*op.shape, op.args[0].shape[-1]):
        return None
    a, b = map(_side, op.args)
    n = op.shape[-1]
    if b.right == 1 and n != 1:
        if a.mask is not None and b.down != n:
            a = _plain(op.args[0])
        return Way("outer", a, _plain(op.args[1]), False)
    a, b = map(_plain, op.args)
    if n == 1 and a.down == 1 and op.shape[-2] != 1:
        return Way("outer", _turned(b), _turned(a), True)
    if a.right == 1 and b.down == 1:
        return Way("inner", a, b, False)
    return None


def _side(value: Value) -> Side:
    """A factor, looking through a transpose and a mask."""
    side = _plain(value)
    found = masked(side.value)
    if found is None:
        return side
    stored, mask = found
    turned = side.value is not value
    return side._replace(value=stored, mask=mask.T if turned else mask)


def _plain(value: Value) -> Side:
    """A factor, looking through a transpose."""
    turned = folded_transpose(value)
    stored = value.args[0] if turned else value
    side = Side(stored, stored.shape[-1], 1)
    return _turned(side) if turned else side


def _turned(side: Side) -> Side:
    return side._replace(down=side.right, right=side.down)


def masked(value: Value) -> tuple[Value, Mask] | None:
    """`x` and the condition of `where(condition, x, 0)` for matrices."""
    if value.prim is None or value.prim.name != "where":
        return None
    condition, x, zero = value.args
    if x.shape != value.shape or not (_is_const(condition) and _is_const(zero)):
        return None
    mask, number = (v.attr("value").array for v in (condition, zero))
    if number.shape or number != 0 or np.signbit(number):
        return None
    return (x, mask) if mask.shape == value.shape[-2:] else None


def wanted_of(body: Function) -> Mask:
    """Which part of its product a kernel computes; None for all of it."""
    (result,) = body.results
    found = masked(result.args[1] if result.prim.name == "add" else result)
    return None if found is None else found[1]


def _is_const(v: Value) -> bool:
    return v.prim is not None and v.prim.name == "const"
