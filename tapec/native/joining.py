"""Partial results of chunks, and the routines that combine them.

    void combine(ptr left, ptr right, i64 size)

writes what two partial results of `size` elements give to the left one. There is one
routine per kind; the pool calls it for neighbours, then neighbouring pairs, and so on
in the order of the chunks, and moves the first to its place. It is told so by `Joined`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native import accumulate, engine, memory
from tapec.native.driver import INT, POINTER, _define, _Loop, _number
from tapec.native.places import place
from tapec.native.scalars import Builder

__all__ = ["Kind", "emit", "rows_of"]

FEW = 256
"""Elements of a partial result that are combined one by one: a chunk takes a hundred
times as long."""

Kind = tuple[str, np.dtype[Any]]
"""What a result is combined by, and its dtype."""


def rows_of(kinds: Sequence[Kind], rows: Sequence[tuple[int, int, int]]) -> list[int]:
    """What the pool is told of partial results, see `pool_state.Joined`.

    rows: the slot of the result, where it is in a chunk's memory, its elements.
    """
    words = []
    long = any(size > FEW for _, _, size in rows)
    for kind, (slot, where, size) in zip(kinds, rows, strict=True):
        library = _combining(*kind, long=long)
        nbytes = size * kind[1].itemsize
        words += [library.address("combine"), slot, where, size, nbytes]
    return words


@cache
def _combining(monoid: str, dtype: np.dtype[Any], *, long: bool) -> engine.Library:
    def make(module: ir.Module) -> None:
        emit(module, "combine", (monoid, dtype))

    effort = engine.Effort.FULL if long else engine.Effort.NONE
    key = "combine", monoid, dtype, effort.name
    return engine.compiled(key, make, ["combine"], effort=effort)


def emit(module: ir.Module, name: str, kind: Kind) -> None:
    """Add the routine for a kind."""
    monoid, dtype = kind
    function = _define(module, name, ir.VoidType(), [POINTER, POINTER, INT])
    left, right, size = function.args
    for side in (left, right):
        side.add_attribute("noalias")
    at = ir.IRBuilder(function.append_basic_block("entry"))
    with _Loop(at, _number(0), size) as i:
        b = Builder([at])
        where = place(b.make(np.dtype(np.int64), 0, i))
        x, y = (memory.load(b, side, dtype, where) for side in (left, right))
        element = b.cast(accumulate.combine(b, monoid, x, y), dtype)
        memory.store(b, at, left, where, element)
    at.ret_void()
