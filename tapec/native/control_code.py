"""The routines of loops and branches, emitted once; each is a step.

    i32 routine(ptr slots, ptr indices)

`indices` are described where they are made, in `control_steps`. A body is started by
filling its table of slots and running its steps; carries change places with the results
from one step to the next, nothing is copied.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from llvmlite import ir

from tapec.native import engine
from tapec.native.driver import (
    CHECK_FAILED,
    INT,
    POINTER,
    WORD,
    _define,
    _item,
    _Loop,
    _number,
    driver,
)

__all__ = ["routine"]

BYTE = ir.IntType(8)
NONE = ir.Constant(WORD, 0)
FAILED = ir.Constant(WORD, CHECK_FAILED)


@lru_cache(maxsize=1)
def _library() -> engine.Library:
    module = engine.new_module("control")
    emitters = {"scan": _emit_scan, "switch": _emit_switch, "while": _emit_while}
    for name, emit in emitters.items():
        emit(module, _define(module, name, WORD, [POINTER, POINTER]))
    run = driver().library.address("run")
    return engine.compile_module(module, tuple(emitters), {"run": run})


def routine(name: str) -> int:
    """The address of a routine."""
    return _library().address(name)


# --- parts --------------------------------------------------------------------


def _pointer(at: Any, base: Any, number: Any) -> Any:
    return _item(at, base, number, POINTER)


def _moved(at: Any, pointer: Any, nbytes: Any) -> Any:
    return at.gep(pointer, [nbytes], source_etype=BYTE)


def _put(at: Any, slots: Any, slot: Any, pointer: Any) -> None:
    at.store(pointer, at.gep(slots, [slot], source_etype=POINTER))


class _Body:
    """A body of the routine under construction: five words at `words`."""

    def __init__(self, at: Any, words: Any, first: int, own: Any) -> None:
        self.at, self.own = at, own
        self.table = _pointer(at, words, first)
        self.count, self.size = _item(at, words, first + 1), _item(at, words, first + 2)
        self.words, self.kinds = (
            _pointer(at, words, first + 3),
            _pointer(at, words, first + 4),
        )

    def start(self, slots: Any, workspace: Any) -> None:
        """Fill the table of slots."""
        at = self.at
        with _Loop(at, _number(0), self.size) as i:
            word, kind = _item(at, self.words, i), _item(at, self.kinds, i)
            with at.if_else(at.icmp_unsigned("==", kind, _number(2))) as (same, other):
                with same:
                    _put(at, self.own, i, _pointer(at, slots, word))
                with other:
                    inside = at.icmp_unsigned("==", kind, _number(0))
                    base = at.ptrtoint(workspace, INT)
                    base = at.select(inside, base, _number(0))
                    address = at.inttoptr(at.add(base, word), POINTER)
                    _put(at, self.own, i, address)

    def run(self) -> None:
        """One run; the routine ends if a check fails."""
        at = self.at
        run = at.module.globals.get("run") or ir.Function(
            at.module, ir.FunctionType(INT, [POINTER, POINTER, INT, INT]), "run"
        )
        status = at.call(run, [self.own, self.table, _number(0), self.count])
        with at.if_then(at.icmp_unsigned("!=", status, _number(0))):
            at.ret(FAILED)

    def param(self, slot: Any) -> Any:
        """The buffer in a slot."""
        return _pointer(self.at, self.own, slot)


def _copy(at: Any, target: Any, source: Any, nbytes: Any) -> None:
    kinds = [POINTER, POINTER, INT]
    signature = ir.FunctionType(ir.VoidType(), [*kinds, ir.IntType(1)])
    memcpy = at.module.declare_intrinsic("llvm.memcpy", kinds, signature)
    at.call(memcpy, [target, source, nbytes, ir.Constant(ir.IntType(1), 0)])


# --- scan ---------------------------------------------------------------------


def _emit_scan(module: Any, function: Any) -> None:
    """[workspace, body..., length, reverse, moving, rows, carries, rows]"""
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    space = _pointer(at, slots, _item(at, indices, 0))
    body = _Body(at, indices, 1, space)
    body.start(slots, space)
    length, reverse = _item(at, indices, 6), _item(at, indices, 7)
    last = at.sub(length, _number(1))
    moving = _item(at, indices, 8), _pointer(at, indices, 9)
    carries = _item(at, indices, 10), _pointer(at, indices, 11)
    with _Loop(at, _number(0), carries[0]) as k:
        row = at.gep(carries[1], [at.mul(k, _number(6))], source_etype=INT)
        _put(at, body.own, _item(at, row, 0), _pointer(at, slots, _item(at, row, 2)))
    with _Loop(at, _number(0), length) as i:
        backward = at.icmp_unsigned("!=", reverse, _number(0))
        t = at.select(backward, at.sub(last, i), i)
        with _Loop(at, _number(0), moving[0]) as k:
            row = at.gep(moving[1], [at.mul(k, _number(3))], source_etype=INT)
            first = _pointer(at, slots, _item(at, row, 1))
            element = _moved(at, first, at.mul(t, _item(at, row, 2)))
            _put(at, body.own, _item(at, row, 0), element)
        final = at.icmp_unsigned("==", i, last)
        with _Loop(at, _number(0), carries[0]) as k:
            row = at.gep(carries[1], [at.mul(k, _number(6))], source_etype=INT)
            target = at.select(
                final, _pointer(at, slots, _item(at, row, 3)), _other(at, space, row, i)
            )
            _put(at, body.own, _item(at, row, 1), target)
        body.run()
        with _Loop(at, _number(0), carries[0]) as k:
            row = at.gep(carries[1], [at.mul(k, _number(6))], source_etype=INT)
            result = body.param(_item(at, row, 1))
            _put(at, body.own, _item(at, row, 0), result)
    at.ret(NONE)


def _other(at: Any, space: Any, row: Any, i: Any) -> Any:
    """One of the two buffers of a carry: not the one that was written last."""
    odd = at.trunc(i, ir.IntType(1))
    return _moved(at, space, at.select(odd, _item(at, row, 5), _item(at, row, 4)))


# --- switch -------------------------------------------------------------------


def _emit_switch(module: Any, function: Any) -> None:
    """[workspace, index, bytes of the index, branches, rows of five words]"""
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    space = _pointer(at, slots, _item(at, indices, 0))
    where = _pointer(at, slots, _item(at, indices, 1))
    narrow = at.icmp_unsigned("==", _item(at, indices, 2), _number(1))
    with at.if_else(narrow) as (byte, word):
        with byte:
            small = at.zext(at.load(where, typ=BYTE), INT)
            from_byte = at.block
        with word:
            large = at.load(where, typ=INT)
            from_word = at.block
    index = at.phi(INT)
    index.add_incoming(small, from_byte)
    index.add_incoming(large, from_word)
    last = at.sub(_item(at, indices, 3), _number(1))
    index = at.select(at.icmp_signed("<", index, _number(0)), _number(0), index)
    index = at.select(at.icmp_signed(">", index, last), last, index)
    rows = at.gep(indices, [_number(4)], source_etype=INT)
    row = at.gep(rows, [at.mul(index, _number(5))], source_etype=INT)
    body = _Body(at, row, 0, space)
    body.start(slots, space)
    body.run()
    at.ret(NONE)


# --- while --------------------------------------------------------------------


def _emit_while(module: Any, function: Any) -> None:
    """[workspace, cond..., body..., start of body, truth, carries, rows]

    A row: slots in cond, in body, of the result, outer start, outer final, two buffers,
    bytes.
    """
    slots, indices = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    space = _pointer(at, slots, _item(at, indices, 0))
    cond = _Body(at, indices, 1, space)
    body = _Body(at, indices, 6, _moved(at, space, _item(at, indices, 11)))
    cond.start(slots, space)
    body.start(slots, space)
    truth = _item(at, indices, 12)
    count, rows = _item(at, indices, 13), _pointer(at, indices, 14)

    def each() -> tuple[Any, Any]:
        loop = _Loop(at, _number(0), count)
        return loop, at.gep(rows, [at.mul(loop.i, _number(8))], source_etype=INT)

    def enter(row: Any, pointer: Any) -> None:
        _put(at, cond.own, _item(at, row, 0), pointer)
        _put(at, body.own, _item(at, row, 1), pointer)

    loop, row = each()
    with loop:
        enter(row, _pointer(at, slots, _item(at, row, 3)))
    before = at.block
    head, step = at.append_basic_block("test"), at.append_basic_block("step")
    done = at.append_basic_block("done")
    at.branch(head)
    at.position_at_end(head)
    i = at.phi(INT)
    i.add_incoming(_number(0), before)
    cond.run()
    holds = at.load(cond.param(truth), typ=BYTE)
    at.cbranch(at.icmp_unsigned("!=", holds, ir.Constant(BYTE, 0)), step, done)
    at.position_at_end(step)
    loop, row = each()
    with loop:
        odd = at.trunc(i, ir.IntType(1))
        offset = at.select(odd, _item(at, row, 6), _item(at, row, 5))
        _put(at, body.own, _item(at, row, 2), _moved(at, space, offset))
    body.run()
    loop, row = each()
    with loop:
        enter(row, body.param(_item(at, row, 2)))
    i.add_incoming(at.add(i, _number(1)), at.block)
    at.branch(head)
    at.position_at_end(done)
    loop, row = each()
    with loop:
        target = _pointer(at, slots, _item(at, row, 4))
        _copy(at, target, body.param(_item(at, row, 1)), _item(at, row, 7))
    at.ret(NONE)
