"""Which elements of shared matrices are zero for certain, and which are never read.

`where` with a constant condition makes a triangle of a matrix; in the gradient it
throws away what lies outside of it. A product that knows need not compute either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import Function, Value, users

__all__ = ["Mask", "Masks"]

Mask = Any
"""An array of bools, true where something may be; its axes may have length 1. None:
everywhere."""

LARGEST = 1 << 20
DENSE = 0.8
"""Elements of a mask that is worth looking at; part of a matrix that is nearly all."""

DEEPEST = 16


class Masks:
    """What is known of the values of a function."""

    def __init__(self, fn: Function) -> None:
        self.users = users(fn)
        self.results = frozenset(fn.results)

    def nonzero(self, v: Value) -> Mask:
        """The part of each matrix of `v` outside of which it is zero."""
        return _matrix(v, self._nonzero(v, 0))

    def demanded(self, v: Value) -> Mask:
        """The part of each matrix of `v` that has an influence on results."""
        return _matrix(v, self._demanded(v, 0))

    def _nonzero(self, v: Value, depth: int) -> Mask:
        if v.prim is None or depth > DEEPEST or v.type.size > LARGEST:
            return None
        if v.prim.name == "const":
            return _is_set(v.attr("value").array)
        rule = _NONZERO.get(v.prim.name)
        if rule is None:
            return None
        return rule(v, [self._nonzero(a, depth + 1) for a in v.args])

    def _demanded(self, v: Value, depth: int) -> Mask:
        if v in self.results or depth > DEEPEST or v.type.size > LARGEST:
            return None
        total = np.zeros((1,) * len(v.shape), bool)
        for u in self.users[v]:
            for number, a in enumerate(u.args):
                if a is not v:
                    continue
                rule = _DEMANDED.get(u.prim.name)
                part = rule and rule(u, number, self._demanded(u, depth + 1))
                if part is None:
                    return None
                total = total | part
        return total


def _matrix(v: Value, mask: Mask) -> Mask:
    """The same for all matrices of a batch, if it leaves enough out."""
    if mask is None or len(v.shape) < 2:
        return None
    found = np.broadcast_to(mask, v.shape).any(axis=tuple(range(len(v.shape) - 2)))
    return found if found.mean() <= DENSE else None


def _is_set(array: Any) -> Mask:
    """Zeros of negative sign count: sums with them are not the same."""
    if array.dtype.kind != "f":
        return None
    return (array != 0) | np.signbit(array)


def _condition(op: Value) -> Mask:
    """The condition of a `where`, if it is known."""
    c = op.args[0]
    if c.prim is None or c.prim.name != "const":
        return None
    array = c.attr("value").array
    return array.reshape((1,) * (len(op.shape) - array.ndim) + array.shape)


# --- zeros --------------------------------------------------------------------


def _of_where(op: Value, masks: list[Mask]) -> Mask:
    c = _condition(op)
    if c is None or (masks[1] is None and masks[2] is None):
        return None
    x, y = (_aligned(op, m) for m in masks[1:])
    return (c & x) | (~c & y)


def _of_sum(op: Value, masks: list[Mask]) -> Mask:
    if masks[0] is None or masks[1] is None:
        return None
    return _aligned(op, masks[0]) | _aligned(op, masks[1])


def _same(op: Value, masks: list[Mask]) -> Mask:
    return masks[0]


def _spread(op: Value, masks: list[Mask]) -> Mask:
    return None if masks[0] is None else _aligned(op, masks[0])


def _aligned(op: Value, mask: Mask) -> Any:
    if mask is None:
        return np.ones((1,) * len(op.shape), bool)
    return mask.reshape((1,) * (len(op.shape) - mask.ndim) + mask.shape)


def _transposed(op: Value, masks: list[Mask]) -> Mask:
    (mask,) = masks
    return None if mask is None else mask.transpose(op.attr("perm"))


def _reshaped(op: Value, masks: list[Mask]) -> Mask:
    (mask,) = masks
    if mask is None:
        return None
    return np.broadcast_to(mask, op.args[0].shape).reshape(op.shape)


_NONZERO = {
    "add": _of_sum,
    "subtract": _of_sum,
    "negative": _same,
    "copy": _same,
    "where": _of_where,
    "broadcast_to": _spread,
    "transpose": _transposed,
    "reshape": _reshaped,
}


# --- demand -------------------------------------------------------------------


def _of_choice(op: Value, number: int, mask: Mask) -> Mask:
    c = _condition(op)
    if c is None or number == 0 or op.args[number].shape != op.shape:
        return None
    chosen = c if number == 1 else ~c
    return chosen if mask is None else chosen & mask


def _of_turned(op: Value, number: int, mask: Mask) -> Mask:
    if mask is None:
        return None
    perm = op.attr("perm")
    return mask.transpose(sorted(range(len(perm)), key=perm.__getitem__))


def _of_moved(op: Value, number: int, mask: Mask) -> Mask:
    return mask if op.args[number].shape == op.shape else None


def _of_reshaped(op: Value, number: int, mask: Mask) -> Mask:
    if mask is None:
        return None
    return np.broadcast_to(mask, op.shape).reshape(op.args[0].shape)


def _of_fetched(op: Value, number: int, mask: Mask) -> Mask:
    """What a table says, or the part of it that is read."""
    x, *tables = op.args
    if number or len(tables) != 1 or tables[0].prim is None:
        return None
    if tables[0].prim.name != "const" or len(tables[0].shape) != 1:
        return None
    axis, places = op.attr("axis"), tables[0].attr("value").array
    if mask is not None:
        others = tuple(a for a in range(mask.ndim) if a != axis)
        read = np.broadcast_to(mask.any(axis=others), places.shape)
        places = places[read]
    found = np.zeros(x.shape[axis], bool)
    found[places] = True
    return found.reshape([-1 if a == axis else 1 for a in range(len(x.shape))])


_DEMANDED = {
    "add": _of_moved,
    "copy": _of_moved,
    "gather": _of_fetched,
    "negative": _of_moved,
    "reshape": _of_reshaped,
    "transpose": _of_turned,
    "where": _of_choice,
}
