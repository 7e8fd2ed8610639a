"""Arrays in and out: what all entries share, emitted once.

An entry describes an array by a row of its table:

    ndarray | dtype | type of its scalars, or NULL | number of axes | extents ...

    ptr array(ptr thing, ptr row)    where its data are; NULL if it is another array
    ptr fresh(ptr row)               a new array
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import ArrayType
from tapec.native import abi, engine
from tapec.native.entry_code import (
    BYTE,
    INT,
    NULL,
    POINTER,
    VOID,
    WORD,
    declared,
    number,
    word,
)
from tapec.native.platform import HEADERS

__all__ = ["arrays", "row_of"]

ARRAY, DTYPE, SCALAR, AXES, EXTENTS = range(5)


def row_of(type_: ArrayType) -> list[int]:
    """The row of an array type. What it refers to lasts as long as NumPy."""
    scalar = 0 if type_.ndim else id(type_.dtype.type)
    dtype = np.dtype(type_.dtype.char)
    return [id(np.ndarray), id(dtype), scalar, type_.ndim, *type_.shape]


@lru_cache(maxsize=1)
def arrays() -> engine.Library:
    """The shared functions of this process."""
    names = "array", "fresh"
    return engine.compiled("arrays", _emit, names, abi.addresses(), engine.Effort.NONE)


def _emit(module: Any) -> None:
    _emit_array(module)
    _emit_fresh(module)


def _item(at: Any, base: Any, index: Any, kind: Any = POINTER) -> Any:
    index = number(index) if isinstance(index, int) else index
    return at.load(at.gep(base, [index], source_etype=INT), typ=kind)


def _inside(at: Any, base: Any, offset: int) -> Any:
    return at.gep(base, [number(offset)], source_etype=BYTE)


def _field(at: Any, base: Any, offset: int, kind: Any = POINTER) -> Any:
    return at.load(_inside(at, base, offset), typ=kind)


def _same(at: Any, a: Any, b: Any) -> Any:
    return at.icmp_unsigned("==", a, b)


# --- arguments --------------------------------------------------------------------


def _emit_array(module: Any) -> None:
    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER] * 2), "array")
    thing, row = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    refused = function.append_basic_block("refused")

    def require(condition: Any) -> None:
        on = function.append_basic_block("on")
        at.cbranch(condition, on, refused).set_weights([99, 1])
        at.position_at_end(on)

    kind = _field(at, thing, abi.TYPE)
    with at.if_then(at.not_(_same(at, kind, _item(at, row, ARRAY))), likely=False):
        require(_same(at, kind, _item(at, row, SCALAR)))
        at.ret(_inside(at, thing, abi.NUMBER))
    usable = word(HEADERS.usable_flags)
    flags = at.and_(_field(at, thing, HEADERS.flags, WORD), usable)
    axes = at.sext(_field(at, thing, HEADERS.ndim, WORD), INT)
    right = _same(at, axes, _item(at, row, AXES, INT))
    require(at.and_(_same(at, flags, usable), right))
    _require_dtype(at, _field(at, thing, HEADERS.descr), _item(at, row, DTYPE), require)
    _require_extents(at, _field(at, thing, HEADERS.shape), row, axes, require)
    at.ret(_field(at, thing, HEADERS.data))
    at.position_at_end(refused)
    at.ret(NULL)


Require = Callable[[Any], None]


def _require_dtype(at: Any, dtype: Any, known: Any, require: Require) -> None:
    """NumPy's own object for the dtype, or one like it (from a pickle, say)."""
    with at.if_then(at.not_(_same(at, dtype, known)), likely=False):
        for place, kind in ((abi.DTYPE_NUMBER, WORD), (abi.DTYPE_ORDER, BYTE)):
            a, b = (_field(at, x, place, kind) for x in (dtype, known))
            require(_same(at, a, b))


def _require_extents(
    at: Any, shape: Any, row: Any, axes: Any, require: Require
) -> None:
    before = at.block
    head, body, done = (at.append_basic_block(n) for n in ("head", "body", "done"))
    at.branch(head)
    at.position_at_end(head)
    axis = at.phi(INT)
    axis.add_incoming(number(0), before)
    at.cbranch(at.icmp_signed("<", axis, axes), body, done)
    at.position_at_end(body)
    wanted = _item(at, row, at.add(axis, number(EXTENTS)), INT)
    require(_same(at, _item(at, shape, axis, INT), wanted))
    axis.add_incoming(at.add(axis, number(1)), at.block)
    at.branch(head)
    at.position_at_end(done)


# --- results ----------------------------------------------------------------------


def _emit_fresh(module: Any) -> None:
    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER]), "fresh")
    (row,) = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    kinds = [POINTER, POINTER, WORD, POINTER, POINTER, POINTER, WORD, POINTER]
    make = declared(module, "PyArray_NewFromDescr", POINTER, kinds)
    another = declared(module, "Py_IncRef", VOID, [POINTER])
    kind, dtype = _item(at, row, ARRAY), _item(at, row, DTYPE)
    axes = at.trunc(_item(at, row, AXES, INT), WORD)
    extents = at.gep(row, [number(EXTENTS)], source_etype=INT)
    at.call(another, [dtype])  # which making an array takes
    at.ret(at.call(make, [kind, dtype, axes, extents, NULL, NULL, word(0), NULL]))
