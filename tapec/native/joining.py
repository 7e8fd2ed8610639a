"""Kernels in chunks: a part of one loop, and what joins the partial results.

    i32 kernel(ptr slots, ptr indices)
    i32 kernel_chunk(ptr slots, ptr indices, i64 begin, i64 end, ptr scratch, i64)
    i32 kernel_join(ptr slots, ptr indices, ptr scratch, i64 count, i64 stride)

The chunk writes its partial results into its own scratch memory. There are `count` of
these, `stride` bytes apart; neighbours are combined, then neighbouring pairs, and so on
in the order of the chunks. Where a partial result is and how many elements it has
follows a kernel's indices, two words for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Function, dims_of
from tapec.native import accumulate, memory
from tapec.native.driver import BYTE, INT, POINTER, WORD, _define, _item, _Loop, _number
from tapec.native.extents import Extents
from tapec.native.places import place
from tapec.native.scalars import Builder
from tapec.native.signature import SIGNATURE, arguments
from tapec.native.split import Split

__all__ = ["CHUNK", "JOIN", "Kind", "emit", "emit_joined"]

CHUNK, JOIN = "_chunk", "_join"


def emit(module: Any, inner: Any, body: Function, name: str, split: Split) -> None:
    """These functions, the last if there is anything to join.

    inner: the kernel proper, which takes where its loop begins and ends.
    """
    _emit_whole(module, inner, body, name, split)
    _emit_chunk(module, inner, body, name, split)
    if split.partial:
        _emit_join(module, body, name, split)


def _emit_whole(
    module: Any, inner: Any, body: Function, name: str, split: Split
) -> None:
    outer = ir.Function(module, SIGNATURE, name)
    outer.attributes.add("nounwind")
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    found = arguments(at, inner.args[:-2], *outer.args)
    count = len(body.params) + len(body.results)
    sizes = dict(zip(dims_of(body), found[count:], strict=True))
    extent = Extents(sizes, at).value(split.extent)
    at.ret(at.call(inner, [*found, _number(0), extent]))


def _emit_chunk(
    module: Any, inner: Any, body: Function, name: str, split: Split
) -> None:
    kinds = [POINTER, POINTER, INT, INT, POINTER, INT]
    outer = _define(module, name + CHUNK, WORD, kinds)
    slots, indices, begin, end, scratch, _ = outer.args
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    found = arguments(at, inner.args[:-2], slots, indices)
    for row, number in enumerate(split.partial):
        where = _item(at, indices, len(found) + 2 * row)
        mine = at.gep(scratch, [where], source_etype=BYTE)
        found[len(body.params) + number] = mine
    at.ret(at.call(inner, [*found, begin, end]))


def _emit_join(module: Any, body: Function, name: str, split: Split) -> None:
    kinds = [POINTER, POINTER, POINTER, INT, INT]
    outer = _define(module, name + JOIN, WORD, kinds)
    slots, indices, scratch, count, stride = outer.args
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    words = len(body.params) + len(body.results) + len(dims_of(body))
    for row, number in enumerate(split.partial):
        where, size = (_item(at, indices, words + 2 * row + i) for i in (0, 1))
        first = at.gep(scratch, [where], source_etype=BYTE)
        target = _item(at, indices, len(body.params) + number)
        target = _item(at, slots, target, POINTER)
        result = body.results[number]
        kind = result.prim.lower.monoid, result.dtype
        emit_joined(at, kind, target, first, size, count, stride)
    at.ret(ir.Constant(WORD, 0))


Kind = tuple[str, np.dtype[Any]]
"""What a result is combined by, and its dtype."""


def emit_joined(
    at: Any, kind: Kind, target: Any, first: Any, size: Any, count: Any, stride: Any
) -> None:
    """One result: combine its partial results, and put the first in its place."""
    distance, more, done = _steps(at)
    step = at.mul(distance, _number(2))
    pairs = at.udiv(at.add(at.sub(count, distance), at.sub(step, _number(1))), step)
    with _Loop(at, _number(0), pairs) as pair:
        left = at.mul(at.mul(pair, step), stride)
        left = at.gep(first, [left], source_etype=BYTE)
        right = at.gep(left, [at.mul(distance, stride)], source_etype=BYTE)
        with _Loop(at, _number(0), size) as i:
            _combine(at, kind, left, right, i)
    more(step, at.icmp_unsigned("<", step, count))
    at.position_at_end(done)
    with _Loop(at, _number(0), size) as i:
        b = Builder([at])
        where = place(b.make(np.dtype(np.int64), 0, i))
        memory.store(b, at, target, where, memory.load(b, first, kind[1], where))


def _steps(at: Any) -> Any:
    """A loop over distances 1, 2, 4, ...; how to go on with it, and what follows."""
    head, done = at.append_basic_block("distance"), at.append_basic_block("joined")
    before = at.block
    at.branch(head)
    at.position_at_end(head)
    distance = at.phi(INT)
    distance.add_incoming(_number(1), before)

    def more(following: Any, condition: Any) -> None:
        distance.add_incoming(following, at.block)
        at.cbranch(condition, head, done)

    return distance, more, done


def _combine(at: Any, kind: Kind, left: Any, right: Any, i: Any) -> None:
    b = Builder([at])
    monoid, dtype = kind
    where = place(b.make(np.dtype(np.int64), 0, i))
    x, y = (memory.load(b, side, dtype, where) for side in (left, right))
    element = b.cast(accumulate.combine(b, monoid, x, y), dtype)
    memory.store(b, at, left, where, element)
