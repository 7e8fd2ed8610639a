"""Ctrl-C during long calls: between steps, emitted code lets Python look for signals.

    i32 poll()                                0, or INTERRUPTED with an exception set
    i32 polled(ptr slots, ptr indices)        a step with another inside, then `poll`

A step that takes long is in the table as `polled` with the indices [step, indices]. A
look costs a clock's reading; Python is asked every 50 ms at most, and only by its main
thread, the one that signals are for.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from tapec.native import platform

__all__ = ["INTERRUPTED", "OFTEN", "Pace", "emit", "imports", "watch"]

INT, WORD, POINTER = ir.IntType(64), ir.IntType(32), ir.PointerType()

INTERRUPTED = 2

OFTEN = 50_000_000
"""Nanoseconds between two questions to Python."""

MUCH = 1_000_000
"""Bytes and operations after which it is time for a look: at least some 50 us."""


class Pace:
    """Which of the steps that follow each other are polled."""

    def __init__(self) -> None:
        self._work = 0

    def is_due(self, work: int) -> bool:
        """Whether to look after a step of so much work."""
        self._work += work
        due = self._work >= MUCH
        if due:
            self._work = 0
        return due


def imports() -> dict[str, int]:
    """Addresses that the code refers to."""
    api = ctypes.pythonapi
    names = "PyErr_CheckSignals", "PyGILState_Ensure", "PyGILState_Release"
    python = {
        name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value or 0
        for name in names
    }
    return {**python, **platform.clock_functions()}


def watch(set_main: int) -> None:
    """Tell the emitted code which thread is Python's main one, in forks too."""
    tell = ctypes.CFUNCTYPE(None, ctypes.c_int64)(set_main)
    tell(threading.main_thread().ident or 0)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: tell(threading.get_ident()))


# --- code -------------------------------------------------------------------------


def emit(module: Any, asks: bool) -> None:
    """Add `poll`, `polled` and `set_main`. asks: whether there is a Python to ask."""
    last, main = (_word(module, name) for name in ("last_look", "main_thread"))
    void = ir.FunctionType(ir.VoidType(), [INT])
    at = _begin(ir.Function(module, void, "set_main"))
    at.store(at.function.args[0], main)
    at.ret_void()
    at = _begin(ir.Function(module, ir.FunctionType(WORD, []), "poll"))
    if asks:
        _emit_poll(at, last, main)
    else:
        at.ret(ir.Constant(WORD, 0))
    step = ir.FunctionType(WORD, [POINTER, POINTER])
    at = _begin(ir.Function(module, step, "polled"))
    slots, indices = at.function.args
    _emit_polled(at, slots, indices, step)


def _word(module: Any, name: str) -> Any:
    word = ir.GlobalVariable(module, INT, name)
    word.linkage = "internal"
    word.initializer = ir.Constant(INT, 0)
    return word


def _begin(function: Any) -> Any:
    return ir.IRBuilder(function.append_basic_block("entry"))


def _call(at: Any, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    found = at.module.globals.get(name) or ir.Function(at.module, kind, name)
    return at.call(found, arguments)


def _emit_poll(at: Any, last: Any, main: Any) -> None:
    nothing = ir.Constant(WORD, 0)
    this = _call(at, "pthread_self", INT, [])
    with at.if_then(at.icmp_unsigned("!=", this, at.load(main))):
        at.ret(nothing)
    cell = at.alloca(ir.ArrayType(INT, 2))
    time = at.bitcast(cell, POINTER)
    _call(at, "clock_gettime", WORD, [ir.Constant(WORD, platform.STEADY_CLOCK), time])
    seconds, rest = (
        at.load(at.gep(time, [ir.Constant(INT, i)], source_etype=INT), typ=INT)
        for i in (0, 1)
    )
    now = at.add(at.mul(seconds, ir.Constant(INT, 10**9)), rest)
    since = at.sub(now, at.load(last))
    with at.if_then(at.icmp_signed("<", since, ir.Constant(INT, OFTEN))):
        at.ret(nothing)
    at.store(now, last)
    lock = _call(at, "PyGILState_Ensure", WORD, [])
    answer = _call(at, "PyErr_CheckSignals", WORD, [])
    _call(at, "PyGILState_Release", ir.VoidType(), [lock])
    raised = at.icmp_unsigned("!=", answer, nothing)
    at.ret(at.select(raised, ir.Constant(WORD, INTERRUPTED), nothing))


def _emit_polled(at: Any, slots: Any, indices: Any, step: Any) -> None:
    inner = at.load(indices, typ=step.as_pointer())
    rest = at.gep(indices, [ir.Constant(INT, 1)], source_etype=INT)
    status = at.call(inner, [slots, at.load(rest, typ=POINTER)])
    with at.if_then(at.icmp_unsigned("!=", status, ir.Constant(WORD, 0))):
        at.ret(status)
    at.ret(at.call(at.module.globals["poll"], []))
