"""What a loop along an axis would hold, and whether it pays.

An op with the axis in its result is inside the loop; one that only has it in operands
and sums it away is an accumulator, complete after the loop; any other op runs outside.
A value needed whole, or an accumulator, that is read again inside needs another loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tapec.ir import Dim, Function, TupleType, Value, has_effect
from tapec.native.levels import Levels
from tapec.native.lowering import cost, is_view
from tapec.passes.tile_axes import Classes, extent
from tapec.passes.tile_size import near, usual

__all__ = ["Loop", "Roles", "best_loops", "candidates", "is_native", "large_products"]

LEAST = 128
"""Examples below which nothing is gained."""

LARGE = 1 << 17
"""Bytes of an array below which a program is not looked at."""

SAVED = 1 << 19
"""Bytes that a loop must save going through memory: less is in the cache anyway."""

MATRIX = 1 << 15
"""Bytes of the shared side of a product; larger ones are left to BLAS as they are."""

HALF = np.dtype(np.float16)


@dataclass(eq=False)
class Loop:
    """One loop along an axis. members: its ops, in order. sums: those that accumulate,
    with their monoids. axes: of every value the axis that belongs to the class. parts:
    per member and number of an operand the axis along which a tile has a part of it."""

    length: int
    axes: dict[Value, int]
    members: list[Value] = field(default_factory=list)
    sums: dict[Value, str] = field(default_factory=dict)
    parts: dict[tuple[Value, int], int] = field(default_factory=dict)
    saved: int = 0
    size: int = 1


def best_loops(fn: Function) -> tuple[list[Loop], dict[Value, int]]:
    """The loops that pay along the best axis, and the number of each op.

    What has number k and is outside runs between loop k - 1 and loop k.
    """
    best: tuple[tuple[int, int], list[Loop], dict[Value, int]] | None = None
    for roles in candidates(fn):
        paying = [loop for loop in roles.loops if loop.saved > SAVED]
        if not paying or not roles.ordered:
            continue
        key = (sum(loop.saved for loop in paying), -len(roles.loops))
        if best is None or key > best[0]:
            best = key, paying, roles.numbers
    return ([], {}) if best is None else best[1:]


def candidates(fn: Function) -> Iterator[Roles]:
    """The axes that are long enough, with their loops weighed."""
    classes = Classes(fn)
    info = Levels(fn)
    for members in classes:
        length = extent(members)
        if isinstance(length, Dim) or length < LEAST:
            continue
        roles = Roles(fn, classes, members, length)
        for loop in roles.loops:
            _weigh(loop, info)
        yield roles


class Roles:
    """Where each op runs, for one class of axes.

    ordered: whether effects and ops that may raise keep their order.
    """

    def __init__(
        self, fn: Function, classes: Classes, axes: dict[Value, int], length: int
    ) -> None:
        self.classes, self.axes, self.length = classes, axes, length
        self.numbers: dict[Value, int] = dict.fromkeys(fn.params, 0)
        self.inside: set[Value] = set()
        self.ordered = True
        sums: dict[Value, str] = {}
        found: dict[int, Loop] = {}
        last = 0
        for op in fn.ops:
            monoid, parts = self._role(op)
            number = self._number(op, parts, sums)
            self.numbers[op] = number
            if parts is not None:
                loop = found.setdefault(number, Loop(length, axes))
                loop.members.append(op)
                loop.parts.update({(op, i): axis for i, axis in parts.items()})
                self.inside.add(op)
                if monoid is not None:
                    loop.sums[op] = sums[op] = monoid
            elif op.prim.may_raise or has_effect(op):
                self.ordered &= number >= last
                last = max(last, number)
        self.loops = [found[number] for number in sorted(found)]

    def _role(self, op: Value) -> tuple[str | None, dict[int, int] | None]:
        """Its monoid if it accumulates, and of which operands a tile needs a part,
        along which axis; None if it runs outside."""
        if not op.args or not is_native(op):
            return None, None
        axis = self.axes.get(op)
        found = self.classes.letters[op]
        if axis is not None:
            spots = found.maps.get(axis, [])
            fills = op.prim.name == "broadcast_to"
            return None, dict(spots) if spots or fills else None
        for monoid, spots in found.sums:
            if any(self.axes.get(op.args[i]) == a for i, a in spots):
                return monoid, dict(spots)
        return None, None

    def _number(
        self, op: Value, parts: dict[int, int] | None, sums: dict[Value, str]
    ) -> int:
        """Where it runs: one later than a value that must be complete before."""
        number = 0
        for i, a in enumerate(op.args):
            part = None if parts is None else parts.get(i)
            tiled = part is not None and a not in sums and part == self.axes.get(a)
            number = max(number, self.numbers[a] + (a in self.inside and not tiled))
        return number


def is_native(op: Value) -> bool:
    """Whether a kernel, or a product within one, can do it."""
    if op.prim.may_raise or has_effect(op) or isinstance(op.type, TupleType):
        return False
    if op.dtype == HALF:  # sums of halves must not be rounded at each tile
        return False
    if op.prim.name == "matmul":
        return op.dtype.char in "fd"
    return is_view(op) or cost(op) is not None


# --- cost -----------------------------------------------------------------------


def _weigh(loop: Loop, info: Levels) -> None:
    """How many bytes less go through memory, and how large the tiles are."""
    members = set(loop.members)
    loop.saved, row = 0, 0
    if large_products(loop):
        return
    for op in loop.members:
        if op in loop.sums or info.kind(op) == "view":
            continue
        if not _sweeps(op, info, members):
            continue
        outside = op in info.results or any(u not in members for u in info.users[op])
        loop.saved += (1 if outside else 2) * op.type.nbytes
        row += op.type.nbytes // loop.length
    for a in dict.fromkeys(a for op in loop.members for a in op.args):
        if a in loop.axes and a not in members:
            sweeps = len(_sweeps(a, info, members))
            loop.saved += max(sweeps - 1, 0) * a.type.nbytes
            row += a.type.nbytes // loop.length
    row = max(row, 1)
    size = usual(row)
    tiles = -(-loop.length // size)
    loop.saved -= 2 * tiles * sum(op.type.nbytes for op in loop.sums)
    loop.size = near(loop, info, row) or size


def _sweeps(v: Value, info: Levels, members: set[Value]) -> set[Value | int]:
    """What reads `v` from memory: steps, and the kernels of each level."""
    found: set[Value | int] = set()
    for u in info.users[v]:
        if u not in members:
            continue
        kind = info.kind(u)
        if kind == "view":
            found |= _sweeps(u, info, members)
        elif kind == "step":
            found.add(u)
        elif v.prim is None or not info.inlined(v, u):
            found.add(info.levels[u])
    return found


def large_products(loop: Loop) -> list[Value]:
    """Products that BLAS does better at once than tile by tile."""
    products = [op for op in loop.members if op.prim.name == "matmul"]
    return [op for op in products if _shared_bytes(op, loop) > MATRIX]


def _shared_bytes(op: Value, loop: Loop) -> int:
    """Of the matrices of a product the one that all examples share, or add to."""
    a, b = op.args
    axis = loop.axes[op] - len(op.shape) if op in loop.axes else 0
    matrix = {0: op, -2: b, -1: a}.get(axis)
    if matrix is None:  # every example has its own matrices
        return 0
    return int(matrix.shape[-2] * matrix.shape[-1] * matrix.dtype.itemsize)
