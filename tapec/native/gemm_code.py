"""Large matrix products, part by part: the loops around `gemm_kernel`.

    i32 gemm(ptr slots, ptr indices)               indices: [scratch, parts, *rest]
    i32 gemm_chunk(slots, rest, begin, end, scratch, thread)

A part is some rows and columns of one matrix of the result. Along k it is computed in
blocks: some columns of A, which may be copied first, times as many rows of B, of which
each panel may be copied. What `rest` holds is decided by `gemm_plan`.
"""

from __future__ import annotations

from enum import IntEnum, auto
from functools import lru_cache
from typing import Any

from llvmlite import ir

from tapec.native import engine
from tapec.native.addresses import Address
from tapec.native.driver import (
    BYTE,
    INT,
    POINTER,
    WORD,
    _define,
    _item,
    _Loop,
    _number,
)
from tapec.native.gemm_copies import COPY
from tapec.native.gemm_kernel import KERNEL
from tapec.native.pool_code import CHUNK

__all__ = ["Word", "routine"]


class Word(IntEnum):
    """Of `rest`. Distances are in bytes; a step is one along k.

    parts, across: of a matrix, all and side by side. blocks, panels: tiles of a part,
    below and beside each other; `panel` is the elements of one side by side. rows: of
    the first `tall` of `every` tiles below each other; the others have `fewer` less and
    begin `back` rows before the end of those. depth: of a block along k. copy_a,
    copy_b: routines, or 0 if the kernel reads the matrix where it is. b_row: between
    rows of what is copied. own: scratch of a thread; panels of B are at `room` of it.
    whole, less, last, last_less: kernels, for the first tiles and for the others; the
    last ones for the last panel if that is not whole. offsets: of A and B, for each
    matrix.
    """

    a = 0
    b = auto()
    c = auto()
    n = auto()
    k = auto()
    parts = auto()
    across = auto()
    blocks = auto()
    panels = auto()
    panel = auto()
    rows = auto()
    tall = auto()
    every = auto()
    fewer = auto()
    back = auto()
    depth = auto()
    a_row = auto()
    a_step = auto()
    b_step = auto()
    b_panel = auto()
    c_row = auto()
    c_panel = auto()
    c_matrix = auto()
    copy_a = auto()
    packed_row = auto()
    packed_a_step = auto()
    copy_b = auto()
    b_row = auto()
    packed_b_step = auto()
    own = auto()
    room = auto()
    whole = auto()
    less = auto()
    last = auto()
    last_less = auto()
    offsets = auto()


@lru_cache(maxsize=1)
def _library() -> engine.Library:
    names = ["gemm", "gemm_chunk"]
    return engine.compiled("gemm", _emit, names, effort=engine.Effort.PLAIN)


def routine(name: str) -> Address:
    """Where one of them begins."""
    return _library().address(name)


def _emit(module: Any) -> None:
    _Emitter(module).emit()
    function = _define(module, "gemm", WORD, [POINTER, POINTER])
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    scratch = _item(at, slots, _item(at, indices, 0), POINTER)
    rest = at.gep(indices, [_number(2)], source_etype=INT)
    operands = [slots, rest, _number(0), _item(at, indices, 1), scratch, _number(0)]
    at.ret(at.call(module.globals["gemm_chunk"], operands))


class _Emitter:
    """Emits `gemm_chunk`."""

    def __init__(self, module: Any) -> None:
        function = _define(module, "gemm_chunk", CHUNK.return_type, list(CHUNK.args))
        self.slots, self.rest, self.begin, self.end, scratch, thread = function.args
        self.at = ir.IRBuilder(function.append_basic_block("entry"))
        at = self.at
        self.words = {word: _item(at, self.rest, word) for word in Word}
        self.scratch = self.moved(scratch, at.mul(thread, self.words[Word.own]))
        self.room = self.moved(self.scratch, self.words[Word.room])

    def moved(self, base: Any, *distances: Any) -> Any:
        """base + distances"""
        for distance in distances:
            base = self.at.gep(base, [distance], source_etype=BYTE)
        return base

    def least(self, a: Any, b: Any) -> Any:
        """Of two integers."""
        return self.at.select(self.at.icmp_signed("<", a, b), a, b)

    def most(self, a: Any, b: Any) -> Any:
        """Of two integers."""
        return self.at.select(self.at.icmp_signed("<", a, b), b, a)

    def emit(self) -> None:
        """The whole function."""
        at, words = self.at, self.words
        with _Loop(at, self.begin, self.end) as number:
            matrix = at.udiv(number, words[Word.parts])
            part = at.urem(number, words[Word.parts])
            self._part(
                matrix,
                at.udiv(part, words[Word.across]),
                at.urem(part, words[Word.across]),
            )
        at.ret(ir.Constant(WORD, 0))

    def _part(self, matrix: Any, down: Any, right: Any) -> None:
        """All of a part. matrix, down, right: which."""
        at, words, zero = self.at, self.words, _number(0)
        first = at.mul(down, words[Word.blocks])
        blocks = self.least(words[Word.blocks], at.sub(words[Word.every], first))
        tall = self.least(self.most(at.sub(words[Word.tall], first), zero), blocks)
        self.counts = tall, at.sub(blocks, tall)
        row = self._row(first, ">=")
        rest = self._row(self.most(first, words[Word.tall]), ">=")
        self.others = at.sub(rest, row)
        self.height = at.sub(self._row(at.add(first, blocks), ">"), row)
        a, b, c = self._matrices(matrix)
        self.a = self.moved(a, at.mul(row, words[Word.a_row]))
        self.c = self.moved(c, at.mul(row, words[Word.c_row]))
        self.b = b
        panel = at.mul(right, words[Word.panels])
        end = self.least(at.add(panel, words[Word.panels]), self._all_panels())
        self.panels = panel, end
        depth = words[Word.depth]
        count = at.udiv(at.add(words[Word.k], at.sub(depth, _number(1))), depth)
        with _Loop(at, zero, count) as block:
            self._block(at.mul(block, depth))

    def _row(self, tile: Any, sign: str) -> Any:
        """Where a tile begins (>=), or the one before it ends (>)."""
        at, words = self.at, self.words
        beyond = at.sub(tile, words[Word.tall])
        lost = at.add(words[Word.back], at.mul(beyond, words[Word.fewer]))
        lost = at.select(at.icmp_signed(sign, beyond, _number(0)), lost, _number(0))
        return at.sub(at.mul(tile, words[Word.rows]), lost)

    def _all_panels(self) -> Any:
        at, n, panel = self.at, self.words[Word.n], self.words[Word.panel]
        return at.udiv(at.add(n, at.sub(panel, _number(1))), panel)

    def _matrices(self, number: Any) -> list[Any]:
        at, words = self.at, self.words
        row = at.add(_number(Word.offsets), at.mul(number, _number(2)))
        offsets = [
            _item(at, self.rest, row),
            _item(at, self.rest, at.add(row, _number(1))),
            at.mul(number, words[Word.c_matrix]),
        ]
        buffers = [
            _item(at, self.slots, words[w], POINTER) for w in (Word.a, Word.b, Word.c)
        ]
        return [self.moved(b, o) for b, o in zip(buffers, offsets, strict=True)]

    def _block(self, first: Any) -> None:
        """Add the products of some columns of A and rows of B, from `first` on."""
        at, words = self.at, self.words
        k = self.least(words[Word.depth], at.sub(words[Word.k], first))
        a = self._rows_of_a(self.moved(self.a, at.mul(first, words[Word.a_step])), k)
        b = self.moved(self.b, at.mul(first, words[Word.b_step]))
        with _Loop(at, *self.panels) as number:
            self._panel(number, a, b, k, first)

    def _rows_of_a(self, a: Any, k: Any) -> tuple[Any, Any, Any]:
        """Of a block: where they are, and their distances."""
        at, words = self.at, self.words
        row, step = words[Word.packed_row], words[Word.packed_a_step]
        operands = [a, self.scratch, k, self.height, words[Word.a_step], step]
        here = self.copied(
            words[Word.copy_a], a, self.scratch, lambda copy: at.call(copy, operands)
        )
        return here, row, step

    def copied(self, routine: Any, there: Any, here: Any, call: Any) -> Any:
        """Where a matrix is after a copy, if there is a routine for it."""
        at = self.at
        wanted = at.icmp_unsigned("!=", routine, _number(0))
        with at.if_then(wanted):
            call(at.inttoptr(routine, COPY.as_pointer()))
        return at.select(wanted, here, there)

    def _panel(self, number: Any, a: Any, b: Any, k: Any, first: Any) -> None:
        """All tiles of a panel. first: the block begins there along k."""
        at, words = self.at, self.words
        width = at.sub(words[Word.n], at.mul(number, words[Word.panel]))
        is_last = at.icmp_signed("<", width, words[Word.panel])
        width = self.least(width, words[Word.panel])
        b = self.moved(b, at.mul(number, words[Word.b_panel]))
        distances = words[Word.b_row], words[Word.packed_b_step]
        b = self.copied(
            words[Word.copy_b], b, self.room,
            lambda copy: at.call(copy, [b, self.room, k, width, *distances]),
        )  # fmt: skip
        c = self.moved(self.c, at.mul(number, words[Word.c_panel]))
        a, a_row, a_step = a
        steps = a_row, a_step, words[Word.packed_b_step], words[Word.c_row]
        for count, row, whole, last in (
            (self.counts[0], _number(0), Word.whole, Word.last),
            (self.counts[1], self.others, Word.less, Word.last_less),
        ):
            kernel = at.select(is_last, words[last], words[whole])
            here = self.moved(a, at.mul(row, a_row))
            there = self.moved(c, at.mul(row, words[Word.c_row]))
            with at.if_then(at.icmp_unsigned("!=", count, _number(0))):
                kernel = at.inttoptr(kernel, KERNEL.as_pointer())
                at.call(kernel, [here, b, there, count, k, width, first, *steps])
