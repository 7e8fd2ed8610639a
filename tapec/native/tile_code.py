"""The routines of loops over tiles, emitted once.

    i32 tile(ptr slots, ptr indices)
    i32 tile_chunk(ptr slots, ptr indices, i64 begin, i64 end, ptr scratch, i64 thread)

    [workspace, accumulators, rows, tiles, segments, rows, first, size]

The second runs some of the tiles for one of several threads: its memory is that many
times `size` bytes behind the byte `first` of the workspace, and what it accumulates is
in its scratch memory. A row of accumulators: address of what it starts from (null: it
is zeros), outer slot, bytes, where it is in scratch memory, its number. A segment is a
body and the tiles that it runs on: five words, its own memory, the slot of its first
result, the number of the first tile, how many, operands (count, rows), results (count,
rows). A row of these: inner slot, outer slot, bytes to the next tile; blocks, bytes
from one block to the next, bytes of a tile's block; where the tile is copied unless it
is one block.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from llvmlite import ir

from tapec.native import engine
from tapec.native.control_parts import (
    NONE,
    Body,
    Rows,
    clear,
    copy,
    imports,
    moved,
    pointer,
    put,
)
from tapec.native.driver import (
    INT,
    POINTER,
    WORD,
    _define,
    _item,
    _Loop,
    _number,
)

__all__ = ["MOVING", "emit", "routine"]

SEGMENT, ACCUMULATOR, MOVING = 13, 5, 7


@lru_cache(maxsize=1)
def _library() -> engine.Library:
    exports = "tile", "tile_chunk"
    return engine.compiled("tile", emit, exports, imports(), engine.Effort.PLAIN)


def routine(name: str) -> int:
    """The address of a routine."""
    return _library().address(name)


def emit(module: Any) -> None:
    """Add both."""
    inner = _define(module, "tiles", WORD, [POINTER, POINTER, INT, INT, POINTER, INT])
    inner.linkage = "internal"
    inner.attributes.add("noinline")
    _Routine(inner).emit()
    whole = _define(module, "tile", WORD, [POINTER, POINTER])
    at = ir.IRBuilder(whole.append_basic_block("entry"))
    slots, indices = whole.args
    none = ir.Constant(POINTER, None)
    told = [_number(0), _item(at, indices, 3), none, _number(0)]
    at.ret(at.call(inner, [slots, indices, *told]))
    chunk = _define(module, "tile_chunk", WORD, inner.function_type.args)
    at = ir.IRBuilder(chunk.append_basic_block("entry"))
    slots, indices, *part, thread = chunk.args
    offset = at.add(_item(at, indices, 6), at.mul(thread, _item(at, indices, 7)))
    at.ret(at.call(inner, [slots, indices, *part, offset]))


class _Routine:
    """The code of both. begin, end: its tiles. scratch: null if it runs all of them;
    else its memory is so many bytes further on."""

    def __init__(self, function: Any) -> None:
        self.slots, self.indices, self.begin, self.end, *rest = function.args
        self.scratch, offset = rest
        self.at = at = ir.IRBuilder(function.append_basic_block("entry"))
        self.space = moved(at, pointer(at, self.slots, self._word(0)), offset)
        self.sums = self._word(1), pointer(at, self.indices, 2)
        self.segments = self._word(4), pointer(at, self.indices, 5)

    def _word(self, number: int) -> Any:
        return _item(self.at, self.indices, number)

    def emit(self) -> None:
        at = self.at
        with Rows(at, self.sums, ACCUMULATOR) as row:
            self._begin(self._accumulator(row), pointer(at, row, 0), _item(at, row, 2))
        with Rows(at, self.segments, SEGMENT) as segment:
            own = moved(at, self.space, _item(at, segment, 5))
            body = Body(at, segment, 0, own)
            body.start(self.slots, self.space)
            with Rows(at, self.sums, ACCUMULATOR) as row:
                param, place = _item(at, row, 4), self._accumulator(row)
                put(at, body.own, param, place)
                put(at, body.own, at.add(_item(at, segment, 6), param), place)
            first = _item(at, segment, 7)
            stop = at.add(first, _item(at, segment, 8))
            begin = at.select(
                at.icmp_unsigned("<", first, self.begin), self.begin, first
            )
            stop = at.select(at.icmp_unsigned("<", stop, self.end), stop, self.end)
            with _Loop(at, begin, stop) as tile:
                self._run(body, segment, tile)
        at.ret(NONE)

    def _begin(self, place: Any, identities: Any, nbytes: Any) -> None:
        """Fill an accumulator; zeros need not be read from anywhere."""
        none = ir.Constant(POINTER, None)
        zeros = self.at.icmp_unsigned("==", identities, none)
        with self.at.if_else(zeros) as (yes, no):
            with yes:
                clear(self.at, place, nbytes)
            with no:
                copy(self.at, place, identities, nbytes)

    def _accumulator(self, row: Any) -> Any:
        """Where it is, from the first tile on: it is updated in place."""
        at = self.at
        end = pointer(at, self.slots, _item(at, row, 1))
        alone = at.icmp_unsigned("==", self.scratch, ir.Constant(POINTER, None))
        return at.select(alone, end, moved(at, self.scratch, _item(at, row, 3)))

    def _run(self, body: Body, segment: Any, tile: Any) -> None:
        """One tile."""
        at = self.at
        operands = _item(at, segment, 9), pointer(at, segment, 10)
        results = _item(at, segment, 11), pointer(at, segment, 12)
        with Rows(at, operands, MOVING) as row:
            self._place(body, row, tile, into=True)
        with Rows(at, results, MOVING) as row:
            self._place(body, row, tile, into=None)
        body.run()
        with Rows(at, results, MOVING) as row:
            self._place(body, row, tile, into=False)

    def _place(self, body: Body, row: Any, tile: Any, *, into: bool | None) -> None:
        """A part of an array: a pointer into it, or a copy that is read or written.

        into: copy the array's part (True) or to it (False); None: say where it is.
        """
        at = self.at
        first = pointer(at, self.slots, _item(at, row, 1))
        part = moved(at, first, at.mul(tile, _item(at, row, 2)))
        blocks = _item(at, row, 3)
        own = moved(at, self.space, _item(at, row, 6))
        lone = at.icmp_unsigned("==", blocks, _number(1))
        if into is not False:
            put(at, body.own, _item(at, row, 0), at.select(lone, part, own))
        if into is None:
            return
        with at.if_then(at.not_(lone)), _Loop(at, _number(0), blocks) as i:
            stride, nbytes = _item(at, row, 4), _item(at, row, 5)
            there = moved(at, part, at.mul(i, stride))
            here = moved(at, own, at.mul(i, nbytes))
            source, target = (there, here) if into else (here, there)
            copy(at, target, source, nbytes)
