"""Which ops are taken apart: groups that are many kernels, and not too large.

Arithmetic and reductions alone are well off as they are: their lanes run along the last
axis. It is products and moves of elements that keep kernels apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from tapec import primitive as lowerings
from tapec.ir import Function, Value
from tapec.native.levels import Levels
from tapec.native.lowering import cost
from tapec.native.space import space_of
from tapec.passes.connected import connected
from tapec.passes.scalars.elements import (
    MOVING,
    Along,
    Applied,
    Chain,
    Plan,
    plan,
    split,
)

__all__ = ["chosen"]

KERNELS = 3
"""Kernels and library calls that a group saves, at least."""

MOVES = 3
"""Ops of a group that multiply small matrices or move elements, at least."""

LARGEST = 4000
"""Instructions that a group may become."""


def chosen(fn: Function) -> dict[Value, Plan]:
    """The plans of the ops to take apart."""
    small = [op for op in fn.ops if split(op.type) is not None]
    if not KERNELS < len(small) <= LARGEST:
        return {}
    info = Levels(fn)
    if not any(_is_worth_it(group, info) for group in _groups(small)):
        return {}
    plans = {op: p for op in small if (p := plan(op)) is not None}
    found: dict[Value, Plan] = {}
    for group in _groups(plans):
        if _is_worth_it(group, info) and _price(group, plans) <= LARGEST:
            found |= {op: plans[op] for op in group}
    return found


def _groups(ops: Iterable[Value]) -> list[list[Value]]:
    """Ops that are connected."""
    inside = dict.fromkeys(ops)
    pairs = (
        (a, op)
        for op in inside
        for a in op.args
        if a in inside and a.prim.name != "const"
    )
    return connected(inside, pairs)


def _is_worth_it(group: list[Value], info: Levels) -> bool:
    moves = sum(op.prim.name == "matmul" or op.prim.name in MOVING for op in group)
    return moves >= MOVES and _kernels(group, info) > KERNELS


def _kernels(group: list[Value], info: Levels) -> int:
    """How many kernels and library calls the ops are now."""
    kernels = {
        (space_of(op), info.levels[op])
        for op in group
        if info.kind(op) in ("map", "reduce")
    }
    steps = [
        op for op in group
        if info.kind(op) == "step" and isinstance(op.prim.lower, lowerings.Library)
    ]  # fmt: skip
    return len(kernels) + len(steps)


def _price(group: list[Value], plans: dict[Value, Plan]) -> int:
    """Instructions of all elements."""
    return sum(_instructions(e, cost(op) or 1) for op in group for e in plans[op])


def _instructions(entry: object, each: int) -> int:
    match entry:
        case Applied(_, entries):
            return each
        case Chain(_, entries):
            return len(entries) + sum(_instructions(e, 1) for e in entries)
        case Along(inner):
            return 1 + _instructions(inner, 1)
    return 0
