"""The emitted code behind large arrays: blocks of memory that are used again.

    ptr take(ptr state, i64 size)                 i64 number of the blocks kept: KEPT
    void give(ptr state, ptr block, i64 size)     state: [bytes kept, next, block, size,
    ptr array(ptr row, ptr handler)                       block, size, ...]

A block that is given back is kept, in the place of the one kept longest if there is no
room; it is taken for the next array that needs its size or a little less. Python calls
these functions with its lock held.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.native import platform
from tapec.native.driver import INT, POINTER, WORD, _define, _Loop, _number
from tapec.native.plan import ALIGNMENT

__all__ = ["KEPT", "LARGE", "LIMIT", "emit"]

VOID = ir.VoidType()
NULL = ir.Constant(POINTER, None)

LARGE, LIMIT, KEPT = 1 << 17, 1 << 26, 8
"""Bytes of a large array, bytes of all blocks that are kept, and how many."""

HUGE, PAGE = 1 << 22, 1 << 12
"""Bytes from which on huge pages are asked for, as NumPy does; and of a page."""

SLACK = 8
"""A block may be larger than needed by this part of the need."""

TOTAL, NEXT, FIRST = 0, 1, 2


def emit(module: Any) -> None:
    """Add all functions."""
    _emit_new(module)
    _emit_take(module)
    _emit_drop(module)
    _emit_give(module)
    _emit_clear(module)
    _emit_again(module)
    _emit_array(module)


def _function(module: Any, name: str, result: Any, *kinds: Any) -> Any:
    return module.globals.get(name) or ir.Function(
        module, ir.FunctionType(result, kinds), name
    )


def _place(at: Any, state: Any, index: Any) -> Any:
    index = _number(index) if isinstance(index, int) else index
    return at.gep(state, [index], source_etype=INT)


def _slot(at: Any, state: Any, number: Any) -> tuple[Any, Any]:
    """Where a kept block and its size are noted."""
    first = at.add(at.mul(number, _number(2)), _number(FIRST))
    return _place(at, state, first), _place(at, state, at.add(first, _number(1)))


def _begin(module: Any, name: str, result: Any, *kinds: Any) -> tuple[Any, Any]:
    function = _define(module, name, result, list(kinds))
    return function.args, ir.IRBuilder(function.append_basic_block("entry"))


def _emit_new(module: Any) -> None:
    """Memory from the system; NULL if there is none."""
    (size,), at = _begin(module, "fresh_block", POINTER, INT)
    make = _function(module, "posix_memalign", WORD, POINTER, INT, INT)
    cell = at.bitcast(at.alloca(INT), POINTER)
    failed = at.call(make, [cell, _number(ALIGNMENT), size])
    with at.if_then(at.icmp_unsigned("!=", failed, ir.Constant(WORD, 0))):
        at.ret(NULL)
    block = at.load(cell, typ=POINTER)
    if platform.huge_pages():
        with at.if_then(at.icmp_unsigned(">=", size, _number(HUGE))):
            advise = _function(module, "madvise", WORD, POINTER, INT, WORD)
            begin = at.ptrtoint(block, INT)
            skip = at.and_(at.sub(_number(0), begin), _number(PAGE - 1))
            page = at.gep(block, [skip], source_etype=ir.IntType(8))
            advice = ir.Constant(WORD, platform.huge_pages())
            at.call(advise, [page, at.sub(size, skip), advice])
    at.ret(block)


def _emit_take(module: Any) -> None:
    (state, size), at = _begin(module, "take", POINTER, POINTER, INT)
    most = at.add(size, at.udiv(size, _number(SLACK)))
    with _Loop(at, _number(0), _number(KEPT)) as number:
        where, noted = _slot(at, state, number)
        found = at.load(noted, typ=INT)
        enough = at.icmp_unsigned(">=", found, size)
        fits = at.and_(enough, at.icmp_unsigned("<=", found, most))
        with at.if_then(fits):
            at.store(_number(0), noted)
            total = _place(at, state, TOTAL)
            at.store(at.sub(at.load(total, typ=INT), found), total)
            at.ret(at.load(where, typ=POINTER))
    at.ret(at.call(module.globals["fresh_block"], [size]))


def _emit_drop(module: Any) -> None:
    """Give the block kept longest back to the system, and its place to the next."""
    (state,), at = _begin(module, "drop_block", VOID, POINTER)
    following = _place(at, state, NEXT)
    number = at.load(following, typ=INT)
    where, noted = _slot(at, state, number)
    size = at.load(noted, typ=INT)
    with at.if_then(at.icmp_unsigned("!=", size, _number(0))):
        free = _function(module, "free", VOID, POINTER)
        at.call(free, [at.load(where, typ=POINTER)])
        at.store(_number(0), noted)
        total = _place(at, state, TOTAL)
        at.store(at.sub(at.load(total, typ=INT), size), total)
    at.store(at.urem(at.add(number, _number(1)), _number(KEPT)), following)
    at.ret_void()


def _emit_give(module: Any) -> None:
    (state, block, size), at = _begin(module, "give", VOID, POINTER, POINTER, INT)
    large = at.icmp_unsigned(">=", size, _number(LARGE))
    fits = at.icmp_unsigned("<=", size, _number(LIMIT))
    with at.if_then(at.not_(at.and_(large, fits))):
        at.call(_function(module, "free", VOID, POINTER), [block])
        at.ret_void()
    drop, total = module.globals["drop_block"], _place(at, state, TOTAL)
    number = at.load(_place(at, state, NEXT), typ=INT)
    at.call(drop, [state])
    with _Loop(at, _number(1), _number(KEPT)) as _:
        kept = at.add(at.load(total, typ=INT), size)
        with at.if_then(at.icmp_unsigned(">", kept, _number(LIMIT))):
            at.call(drop, [state])
    where, noted = _slot(at, state, number)
    at.store(block, where)
    at.store(size, noted)
    at.store(at.add(at.load(total, typ=INT), size), total)
    at.ret_void()


def _emit_clear(module: Any) -> None:
    """Memory that is zero: the system's, as it often is so without being touched."""
    (_, count, size), at = _begin(module, "take_zeros", POINTER, POINTER, INT, INT)
    at.ret(at.call(_function(module, "calloc", POINTER, INT, INT), [count, size]))


def _emit_again(module: Any) -> None:
    """Another size for a block."""
    (_, block, size), at = _begin(module, "change", POINTER, POINTER, POINTER, INT)
    at.ret(at.call(_function(module, "realloc", POINTER, POINTER, INT), [block, size]))


def _emit_array(module: Any) -> None:
    """A new array, see `entry_arrays`, whose memory this handler gives and takes."""
    (row, handler), at = _begin(module, "array", POINTER, POINTER, POINTER)
    choose = _function(module, "PyDataMem_SetHandler", POINTER, POINTER)
    fresh = _function(module, "tapec_fresh", POINTER, POINTER)
    forget = _function(module, "Py_DecRef", VOID, POINTER)
    before = at.call(choose, [handler])
    with at.if_then(at.icmp_unsigned("==", before, NULL)):
        at.ret(NULL)
    made = at.call(fresh, [row])
    ours = at.call(choose, [before])
    at.call(forget, [before])
    at.call(forget, [ours])  # nothing, where it is NULL
    at.ret(made)
