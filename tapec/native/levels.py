"""Which ops can share a kernel, and when.

Every op gets a *level*: the greatest level of its operands, plus one for an operand
that must be complete before it can be read (a reduction, or a step between kernels).
Ops of one space and one level depend on each other only element by element.
"""

from __future__ import annotations

import math

from tapec import primitive as lowerings
from tapec.ir import Function, TupleType, Value, estimate, has_effect, users
from tapec.native.lowering import cost, is_view
from tapec.native.space import extents_of, is_serial, space_of

__all__ = ["Levels", "folded_transpose"]

CHEAP = 8
"""Instructions worth computing again instead of storing and loading."""

SCALAR = 64
"""The same for a value computed once per kernel, before its loops."""

DEEPEST = 16
"""Ops in a chain that is computed at another index: bounds the emitter's recursion."""


class Levels:
    """The kind and level of each op, and what is computed inside its reader's kernel.

    map, reduce: run in kernels; what a "reduce" gives is complete only behind the
    loops, also where it only has an order or is stored in parts. number: a constant of
    one element, part of the code that reads it. view: another name for a buffer. step:
    all else.
    """

    def __init__(self, fn: Function) -> None:
        self.users = users(fn)
        self.results = frozenset(fn.results)
        self.kinds: dict[Value, str] = {}
        for op in fn.ops:
            self.kinds[op] = self._kind(op)
        self.levels: dict[Value, int] = dict.fromkeys(fn.params, 0)
        self._pulled: dict[Value, tuple[int, int]] = {}
        self._chain = 0
        for op in fn.ops:
            self._pulled[op] = self._pull(op)
            self.levels[op] = self._level(op)
        for op in reversed(fn.ops):
            self._sink(op)

    def kind(self, value: Value) -> str:
        """map, reduce, number, view, step; a parameter is a view."""
        return self.kinds.get(value, "view")

    def _kind(self, op: Value) -> str:
        if op.prim.name == "const":
            return "number" if op.type.size == 1 else "view"
        if op.prim.name == "item":
            return "view"
        if is_view(op):
            same = extents_of(op) == extents_of(op.args[0])
            return "map" if same and self.kind(op.args[0]) == "map" else "view"
        if isinstance(op.type, TupleType) or cost(op) is None:
            return "step"
        stored = isinstance(op.prim.lower, lowerings.Reduce | lowerings.Pack)
        if stored or is_serial(op):
            return "reduce"
        readers = self.users[op]
        folded = folded_transpose(op) and readers and op not in self.results
        return "view" if folded and all(map(_multiplies, readers)) else "map"

    # --- inside or before

    def inlined(self, a: Value, op: Value) -> bool:
        """Whether the kernel of `op` can compute its operand `a` itself."""
        if self.kind(op) not in ("map", "reduce"):
            return False
        if self.kind(a) != "map":
            return self.kind(a) == "number"
        price, depth = self._pulled[a]
        if is_serial(op):
            return depth < DEEPEST and _is_fed(a, op, price)
        if isinstance(op.prim.lower, lowerings.Index):
            moved = len(self.users[a]) == 1 and _size(op) <= _size(a)
            return depth < DEEPEST and (price <= CHEAP or moved)
        if space_of(a) == space_of(op):
            return True
        return price <= (SCALAR if not space_of(a) else CHEAP)

    def _pull(self, op: Value) -> tuple[int, int]:
        """(instructions, ops in a chain) to compute one element from what is stored."""
        price, depth = cost(op) or 0, 0
        for a in dict.fromkeys(op.args):
            if self.inlined(a, op):
                inner = self._pulled[a]
                price, depth = price + inner[0], max(depth, inner[1] + 1)
        return min(price, 1 << 20), depth

    # --- levels

    def _level(self, op: Value) -> int:
        level = 0
        for a in op.args:
            apart = self.kind(a) in ("map", "reduce") and not self.inlined(a, op)
            level = max(level, self.levels[a] + (apart or self.kind(a) == "step"))
        if op.prim.may_raise or has_effect(op):
            self._chain = level = max(level, self._chain)
        return level

    def _sink(self, op: Value) -> None:
        """Move an op that is only read later to its first reader, if less is stored."""
        if self.kind(op) != "map" or op in self.results or not self.users[op]:
            return
        readers = self.users[op]
        first = min(self.levels[u] for u in readers)
        if first <= self.levels[op]:
            return
        space = space_of(op)
        together = all(self.inlined(op, u) and space_of(u) == space for u in readers)
        if together and self._exposed(op) <= _nbytes(op):
            self.levels[op] = first

    def _exposed(self, op: Value) -> int:
        """Bytes that must be stored when `op` leaves the kernel of its operands."""
        level, total = self.levels[op], 0
        for a in dict.fromkeys(op.args):
            if self.kind(a) != "map" or not space_of(a) or a in self.results:
                continue
            others = [u for u in self.users[a] if u is not op]
            stored = any(
                self.levels[u] != level or not self.inlined(a, u) for u in others
            )
            if self.levels[a] == level and not stored:
                total += _nbytes(a)
        return total


def _size(v: Value) -> int:
    """Elements, or about as many."""
    return estimate(v.type.size)


def _nbytes(v: Value) -> int:
    return estimate(v.type.nbytes)


def folded_transpose(op: Value) -> bool:
    """Whether an op exchanges the last two axes, as a matrix product can itself."""
    if op.prim is None or op.prim.name != "transpose":
        return False
    perm, n = op.attr("perm"), len(op.shape)
    return n >= 2 and tuple(perm) == (*range(n - 2), n - 1, n - 2)


def _is_fed(a: Value, op: Value, price: int) -> bool:
    """Whether a loop with an order computes its operand itself.

    Loops like this run one element at a time, unless there are lanes.
    """
    lower, shape = op.prim.lower, op.shape
    if isinstance(lower, lowerings.Scatter):
        if a is op.args[0] and not lower.adds:
            return bool(a.prim.name == "broadcast_to" and a.args[0].type.size == 1)
        return price <= CHEAP
    lanes = estimate(math.prod(shape[op.attr("axis") + 1 :]))
    return price <= (SCALAR if lanes > 1 else CHEAP)


def _multiplies(op: Value) -> bool:
    lower = op.prim.lower
    return isinstance(lower, lowerings.Library) and lower.routine == "matmul"
