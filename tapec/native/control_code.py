"""The routines of loops and branches, emitted when needed; each is a step.

    i32 routine(ptr slots, ptr indices)

`indices` are described where they are made, in `control_steps`. A body is started by
filling its table of slots and running its steps; carries change places with the results
from one step to the next, nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.native import engine
from tapec.native.control_parts import (
    BYTE,
    NONE,
    Body,
    Rows,
    clear,
    copy,
    imports,
    moved,
    pointer,
    put,
    turn,
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
from tapec.native.heap import free, reallocate

__all__ = ["emit", "index_code", "routine"]


@cache
def _library(name: str) -> engine.Library:
    def make(module: Any) -> None:
        emit(module, name)

    key = "control", name
    return engine.compiled(key, make, [name], imports(), engine.Effort.NONE)


def routine(name: str) -> int:
    """The address of a routine."""
    return _library(name).address(name)


def emit(module: Any, name: str) -> None:
    """Add one of them."""
    emitters = {
        "scan": _emit_scan,
        "switch": _emit_switch,
        "while_loop": _emit_while,
        "while_reverse": _emit_record,
    }
    emitters[name](module, _define(module, name, WORD, [POINTER, POINTER]))


# --- scan ---------------------------------------------------------------------


def _emit_scan(module: Any, function: Any) -> None:
    """[workspace, body..., length, reverse, moving, rows, carries, rows]

    A row of what moves: inner slot, outer slot, bytes per step. A row of carries: slots
    of the parameter and the result, outer start, outer final, two buffers.
    """
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    space = pointer(at, slots, _item(at, indices, 0))
    body = Body(at, indices, 1, space)
    body.start(slots, space)
    length, reverse = _item(at, indices, 6), _item(at, indices, 7)
    last = at.sub(length, _number(1))
    moving = _item(at, indices, 8), pointer(at, indices, 9)
    carries = _item(at, indices, 10), pointer(at, indices, 11)
    with Rows(at, carries, 6) as row:
        put(at, body.own, _item(at, row, 0), pointer(at, slots, _item(at, row, 2)))
    with _Loop(at, _number(0), length) as i:
        backward = at.icmp_unsigned("!=", reverse, _number(0))
        t = at.select(backward, at.sub(last, i), i)
        with Rows(at, moving, 3) as row:
            first = pointer(at, slots, _item(at, row, 1))
            element = moved(at, first, at.mul(t, _item(at, row, 2)))
            put(at, body.own, _item(at, row, 0), element)
        final = at.icmp_unsigned("==", i, last)
        with Rows(at, carries, 6) as row:
            end = pointer(at, slots, _item(at, row, 3))
            target = at.select(final, end, turn(at, space, row, i, 4))
            put(at, body.own, _item(at, row, 1), target)
        body.run()
        with Rows(at, carries, 6) as row:
            result = body.param(_item(at, row, 1))
            put(at, body.own, _item(at, row, 0), result)
    at.ret(NONE)


# --- switch -------------------------------------------------------------------


INDICES = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]
"""Dtypes of the index of a switch; a bool is read as u1."""


def index_code(dtype: np.dtype[Any]) -> int:
    """How the routine calls this dtype."""
    return INDICES.index("u1" if dtype.kind == "b" else dtype.str[1:])


def _emit_switch(module: Any, function: Any) -> None:
    """[workspace, index, code of its dtype, branches, rows of five words]"""
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    space = pointer(at, slots, _item(at, indices, 0))
    last = at.sub(_item(at, indices, 3), _number(1))
    where = pointer(at, slots, _item(at, indices, 1))
    index = _chosen(at, where, _item(at, indices, 2), last)
    rows = at.gep(indices, [_number(4)], source_etype=INT)
    row = at.gep(rows, [at.mul(index, _number(5))], source_etype=INT)
    body = Body(at, row, 0, space)
    body.start(slots, space)
    body.run()
    at.ret(NONE)


def _chosen(at: Any, where: Any, code: Any, last: Any) -> Any:
    """The number at `where`, or the nearest from 0 to `last`."""
    end = at.append_basic_block("chosen")
    dtypes, found_in = at.switch(code, end), [(_number(0), at.block)]
    for place, dtype in enumerate(INDICES):
        block = at.append_basic_block(dtype)
        dtypes.add_case(_number(place), block)
        at.position_at_end(block)
        small = at.load(where, typ=ir.IntType(8 * int(dtype[1:])))
        if dtype[0] == "u":
            found = small if small.type == INT else at.zext(small, INT)
            above = at.icmp_unsigned(">", found, last)
        else:
            found = small if small.type == INT else at.sext(small, INT)
            found = at.select(at.icmp_signed("<", found, _number(0)), _number(0), found)
            above = at.icmp_signed(">", found, last)
        found_in.append((at.select(above, last, found), block))
        at.branch(end)
    at.position_at_end(end)
    index = at.phi(INT)
    for number, block in found_in:
        index.add_incoming(number, block)
    return index


# --- while --------------------------------------------------------------------


class _While:
    """The forward half of loops with a condition.

    [workspace, cond..., body..., start of body, truth, carries, rows]; a row: slots in
    cond, in body, of the result, outer start, outer final, two buffers, bytes.
    """

    def __init__(
        self, at: Any, function: Any, leave: Callable[[], object] | None = None
    ) -> None:
        slots, indices = function.args
        self.at, self.slots = at, slots
        self.space = space = pointer(at, slots, _item(at, indices, 0))
        self.cond = Body(at, indices, 1, space, leave)
        own = moved(at, space, _item(at, indices, 11))
        self.body = Body(at, indices, 6, own, leave)
        self.truth = _item(at, indices, 12)
        self.rows = _item(at, indices, 13), pointer(at, indices, 14)

    def emit(self, each_step: Callable[[Any], None] | None = None) -> Any:
        """The loop; `each_step(i)` adds code in front of the body. The trip count."""
        at, slots = self.at, self.slots
        self.cond.start(slots, self.space)
        self.body.start(slots, self.space)
        with Rows(at, self.rows, 8) as row:
            self._enter(row, pointer(at, slots, _item(at, row, 3)))
        before = at.block
        head, step = at.append_basic_block("test"), at.append_basic_block("step")
        done = at.append_basic_block("done")
        at.branch(head)
        at.position_at_end(head)
        i = at.phi(INT)
        i.add_incoming(_number(0), before)
        self.cond.run()
        holds = at.load(self.cond.param(self.truth), typ=BYTE)
        at.cbranch(at.icmp_unsigned("!=", holds, ir.Constant(BYTE, 0)), step, done)
        at.position_at_end(step)
        if each_step is not None:
            each_step(i)
        with Rows(at, self.rows, 8) as row:
            target = turn(at, self.space, row, i, 5)
            put(at, self.body.own, _item(at, row, 2), target)
        self.body.run()
        with Rows(at, self.rows, 8) as row:
            self._enter(row, self.body.param(_item(at, row, 2)))
        i.add_incoming(at.add(i, _number(1)), at.block)
        at.branch(head)
        at.position_at_end(done)
        return i

    def _enter(self, row: Any, pointer: Any) -> None:
        """What a carry is in the next step."""
        put(self.at, self.cond.own, _item(self.at, row, 0), pointer)
        put(self.at, self.body.own, _item(self.at, row, 1), pointer)


def _emit_while(module: Any, function: Any) -> None:
    at = ir.IRBuilder(function.append_basic_block("entry"))
    loop = _While(at, function)
    loop.emit()
    with Rows(at, loop.rows, 8) as row:
        target = pointer(at, function.args[0], _item(at, row, 4))
        copy(at, target, loop.body.param(_item(at, row, 1)), _item(at, row, 7))
    at.ret(NONE)


# --- while_reverse ------------------------------------------------------------


def _emit_record(module: Any, function: Any) -> None:
    """[as while..., bytes of a row, residuals, rows, back..., start, carries, rows]

    A row of residuals: slot in body, place in the record, slot in back. A row of
    carries: slots in back, of the result, outer start (-1: zeros), outer final, two
    buffers, bytes.
    """
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    record, room = at.alloca(POINTER), at.alloca(INT)
    at.store(ir.Constant(POINTER, None), record)
    at.store(_number(0), room)

    def leave() -> None:
        free(at, at.load(record, typ=POINTER))

    loop = _While(at, function, leave)
    size = _item(at, indices, 15)
    residuals = _item(at, indices, 16), pointer(at, indices, 17)

    def place(body: Body, column: int, i: Any) -> None:
        base = moved(at, at.load(record, typ=POINTER), at.mul(i, size))
        with Rows(at, residuals, 3) as row:
            element = moved(at, base, _item(at, row, 1))
            put(at, body.own, _item(at, row, column), element)

    def make_room(i: Any) -> None:
        rows = at.load(room, typ=INT)
        with at.if_then(at.icmp_unsigned("==", i, rows), likely=False):
            twice = at.add(at.shl(rows, _number(1)), _number(16))
            old = at.load(record, typ=POINTER)
            grown = reallocate(at, old, at.mul(twice, size), leave)
            at.store(grown, record)
            at.store(twice, room)
        place(loop.body, 0, i)

    count = loop.emit(make_room)
    own = moved(at, loop.space, _item(at, indices, 23))
    back = Body(at, indices, 18, own, leave)
    back.start(slots, loop.space)
    rows = _item(at, indices, 24), pointer(at, indices, 25)
    with Rows(at, rows, 7) as row:
        _first(at, back, slots, loop.space, row)
    with _Loop(at, _number(0), count) as i:
        place(back, 2, at.sub(at.sub(count, i), _number(1)))
        with Rows(at, rows, 7) as row:
            target = turn(at, loop.space, row, i, 4)
            put(at, back.own, _item(at, row, 1), target)
        back.run()
        with Rows(at, rows, 7) as row:
            result = back.param(_item(at, row, 1))
            put(at, back.own, _item(at, row, 0), result)
    with Rows(at, rows, 7) as row:
        target = pointer(at, slots, _item(at, row, 3))
        copy(at, target, back.param(_item(at, row, 0)), _item(at, row, 6))
    leave()
    at.ret(NONE)


def _first(at: Any, back: Body, slots: Any, space: Any, row: Any) -> None:
    """A cotangent before the first step back: an operand, or zeros."""
    slot, start = _item(at, row, 0), _item(at, row, 2)
    zeros = at.icmp_signed("<", start, _number(0))
    with at.if_else(zeros) as (empty, given):
        with empty:
            buffer = moved(at, space, _item(at, row, 5))
            clear(at, buffer, _item(at, row, 6))
            put(at, back.own, slot, buffer)
        with given:
            put(at, back.own, slot, pointer(at, slots, start))
