"""The emitted code of a worker: how it begins, waits, and takes part."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.native.driver import INT, POINTER, WORD, _item, _Loop, _number
from tapec.native.pool_state import CONDITION, TURN, Code, State

__all__ = ["emit_start", "emit_worker"]

VOID = ir.VoidType()

FULL, SOME = 128, 64
"""Bytes of a set of signals, and of the number of a new thread."""


def emit_worker(module: Any) -> None:
    """A worker's life. Its argument is its line."""
    code = Code(module, "worker", POINTER, POINTER)
    (line,) = code.function.args
    at = code.at
    state, me = _item(at, line, 1, POINTER), _item(at, line, 2)
    again = at.append_basic_block("again")
    before = at.block
    at.branch(again)
    at.position_at_end(again)
    seen = at.phi(INT)
    seen.add_incoming(_number(0), before)

    def is_new() -> Any:
        return at.icmp_unsigned("!=", code.now(state, State.turn), seen)

    code.spin_until(is_new)
    code.lock(state)
    code.change(state, State.asleep, 1)
    code.sleep_until(state, TURN, is_new)
    code.change(state, State.asleep, -1)
    turn = code.get(state, State.turn)
    welcome = at.icmp_unsigned("<", me, code.get(state, State.sharing))
    is_open = at.icmp_unsigned("!=", code.get(state, State.open), _number(0))
    with at.if_then(at.and_(welcome, is_open)):
        code.change(state, State.active, 1)
        code.unlock(state)
        at.call(module.globals["work"], [state, me])
        code.lock(state)
        code.change(state, State.active, -1)
        last = code.same(code.get(state, State.active), _number(0))
        waited = at.icmp_unsigned("!=", code.get(state, State.waiting), _number(0))
        with at.if_then(at.and_(last, waited)):
            code.call("pthread_cond_signal", code.inside(state, CONDITION))
    code.unlock(state)
    seen.add_incoming(turn, at.block)
    at.branch(again)


def emit_start(module: Any, replace_mask: int) -> None:
    """Make the workers that are missing. They get no signals: those are Python's."""
    code = Code(module, "start", VOID, POINTER, INT)
    state, wanted = code.function.args
    at = code.at
    every, before, thread = (
        at.bitcast(at.alloca(INT, size=size // 8), POINTER)
        for size in (FULL, FULL, SOME)
    )
    with _Loop(at, _number(0), _number(FULL // 8)) as i:
        at.store(_number(-1), at.gep(every, [i], source_etype=INT))
    how = ir.Constant(WORD, replace_mask)
    code.call("pthread_sigmask", how, every, before)
    done = at.append_basic_block("started")
    with _Loop(at, code.get(state, State.started), wanted) as number:
        me = at.add(number, _number(1))
        line = code.line(state, me)
        at.store(state, at.gep(line, [_number(1)], source_etype=INT))
        at.store(me, at.gep(line, [_number(2)], source_etype=INT))
        null, worker = ir.Constant(POINTER, None), module.globals["worker"]
        arguments = thread, null, at.bitcast(worker, POINTER), line
        failed = code.call("pthread_create", *arguments)
        with at.if_then(at.icmp_unsigned("!=", failed, ir.Constant(WORD, 0))):
            at.branch(done)
        code.call("pthread_detach", at.load(thread, typ=INT))
        code.put(me, state, State.started)
    at.branch(done)
    at.position_at_end(done)
    code.call("pthread_sigmask", how, before, ir.Constant(POINTER, None))
    at.ret_void()
