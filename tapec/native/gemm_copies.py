"""Copies of parts of matrices: with short distances, so they stay in a cache.

    copy(source, target, rows, width, source row, target row)
    transpose(...)             the same of the transposed source, whose `width` rows are
                               target columns

Distances are in bytes. Elements behind a row of the target may be overwritten, up to a
multiple of a vector, and so may rows behind the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native import platform
from tapec.native.driver import BYTE, INT, POINTER, _define, _Loop, _number
from tapec.native.extents import Extents
from tapec.native.meanwhile import Begun, begun
from tapec.native.tile_vectors import Vectors

__all__ = ["COPY", "copier"]

COPY = ir.FunctionType(ir.VoidType(), [POINTER] * 2 + [INT] * 4)

SQUARE = 256
"""Bits of a side of what is transposed in registers, at most. With 512 it would take
four times as long to compile, and is no faster."""


def copier(letter: str, transposes: bool) -> Begun:
    """The code for elements of this dtype."""

    def emit(module: Any, name: str) -> None:
        function = _define(module, name, COPY.return_type, list(COPY.args))
        at = ir.IRBuilder(function.append_basic_block("entry"))
        bits = platform.vector_width()
        bits = min(bits, SQUARE) if transposes else bits
        code = Vectors(at, Extents({}), np.dtype(letter), bits)
        (_emit_transpose if transposes else _emit_copy)(code, *function.args)
        at.ret_void()

    return begun(("gemm_copy", letter, transposes), emit)


def _moved(at: Any, base: Any, distance: Any) -> Any:
    return at.gep(base, [distance], source_etype=BYTE)


def _emit_copy(
    code: Vectors, source: Any, target: Any, rows: Any, width: Any, row: Any, to: Any
) -> None:
    at, w = code.at, _number(code.width)
    whole = at.mul(at.udiv(width, w), w)
    rest = at.icmp_unsigned("!=", whole, width)
    mask = code.mask_below(whole, width)
    with _Loop(at, _number(0), rows) as i:
        begin = _moved(at, source, at.mul(i, row))
        end = _moved(at, target, at.mul(i, to))
        with _Loop(at, _number(0), at.udiv(width, w)) as v:
            place = at.mul(v, w)
            code.store(end, place, code.load(begin, place))
        with at.if_then(rest):
            code.store(end, whole, code.load(begin, whole, mask))


def _emit_transpose(
    code: Vectors, source: Any, target: Any, rows: Any, width: Any, row: Any, to: Any
) -> None:
    """Square by square, each in registers; rows that are not there are the last."""
    at, w = code.at, _number(code.width)
    size = _number(code.align)
    last = at.sub(width, _number(1))

    def count(n: Any) -> Any:
        return at.udiv(at.add(n, _number(code.width - 1)), w)

    down, across = count(rows), count(width)
    with _Loop(at, _number(0), down) as i:
        k = at.mul(i, w)
        mask = code.mask_below(k, rows)
        with _Loop(at, _number(0), across) as j:
            first = at.mul(j, w)
            lines = []
            for number in range(code.width):
                line = at.add(first, _number(number))
                line = at.select(at.icmp_unsigned("<", line, last), line, last)
                begin = _moved(at, source, at.mul(line, row))
                lines.append(code.load(begin, k, mask))
            corner = _moved(at, target, at.mul(k, to))
            corner = _moved(at, corner, at.mul(first, size))
            for number, x in enumerate(_transposed(at, lines)):
                code.store(
                    _moved(at, corner, at.mul(to, _number(number))), _number(0), x
                )


def _transposed(at: Any, rows: list[Any]) -> list[Any]:
    """Of a square of vectors: two of its quarters are exchanged, then two of theirs."""
    n = len(rows)
    half = n // 2
    while half:
        upper = [c if not c & half else n + c - half for c in range(n)]
        lower = [c + half if not c & half else n + c for c in range(n)]
        exchanged = list(rows)
        for i in (i for i in range(n) if not i & half):
            pair = rows[i], rows[i + half]
            exchanged[i] = at.shuffle_vector(*pair, _places(upper))
            exchanged[i + half] = at.shuffle_vector(*pair, _places(lower))
        rows = exchanged
        half //= 2
    return rows


def _places(numbers: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)
