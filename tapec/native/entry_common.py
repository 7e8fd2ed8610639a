"""What all entries share, emitted once: the first instructions of a call, and the last.

ptr call(ptr self, ptr arguments, i64 count, ptr names)                  vectorcall
ptr slow(ptr self, ptr arguments, i64 count, ptr names, ptr table)     as an entry
void drop(ptr objects, i64 count)
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from llvmlite import ir

from tapec.native import abi, engine
from tapec.native.callable import TABLE
from tapec.native.entry_code import (
    BUSY,
    ENTRY,
    INT,
    NULL,
    POINTER,
    PYTHON,
    VOID,
    declared,
    number,
)

__all__ = ["common"]


@lru_cache(maxsize=1)
def common() -> engine.Library:
    """The shared functions of this process."""
    names = ("call", "slow", "drop")
    imports = abi.addresses()
    return engine.compiled("entries", _emit, names, imports, engine.Effort.NONE)


def _emit(module: Any) -> None:
    _emit_slow(module)
    _emit_call(module)
    _emit_drop(module)


def _item(at: Any, base: Any, index: int, kind: Any = POINTER) -> Any:
    return at.load(at.gep(base, [number(index)], source_etype=INT), typ=kind)


def _emit_slow(module: Any) -> None:
    """Call the Python function as a method of the object."""
    function = ir.Function(module, ENTRY, "slow")
    itself, arguments, count, names, table = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    bind = declared(module, "PyMethod_New", POINTER, [POINTER] * 2)
    pass_on = declared(
        module, "PyObject_Vectorcall", POINTER, [POINTER, POINTER, INT, POINTER]
    )
    forget = declared(module, "Py_DecRef", VOID, [POINTER])
    method = at.call(bind, [_item(at, table, PYTHON), itself])
    with at.if_then(at.icmp_unsigned("==", method, NULL), likely=False):
        at.ret(NULL)
    answer = at.call(pass_on, [method, arguments, count, names])
    at.call(forget, [method])
    at.ret(answer)


def _emit_call(module: Any) -> None:
    """The first entry, unless something is recorded."""
    kind = ir.FunctionType(POINTER, [POINTER, POINTER, INT, POINTER])
    function = ir.Function(module, kind, "call")
    itself = function.args[0]
    at = ir.IRBuilder(function.append_basic_block("entry"))
    place = at.gep(itself, [number(TABLE)], source_etype=ir.IntType(8))
    table = at.load(place, typ=POINTER)
    arguments = [*function.args, table]
    size = at.gep(
        _item(at, table, BUSY), [number(abi.DICT_SIZE)], source_etype=ir.IntType(8)
    )
    recorded = at.icmp_unsigned("!=", at.load(size, typ=INT), number(0))
    with at.if_then(recorded, likely=False):
        at.ret(at.call(module.globals["slow"], arguments, tail=True))
    code = at.load(table, typ=ENTRY.as_pointer())
    at.ret(at.call(code, arguments, tail=True))


def _emit_drop(module: Any) -> None:
    """Give back the objects of a list, which may be NULL, and empty it."""
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER, INT]), "drop")
    objects, count = function.args
    at = ir.IRBuilder(function.append_basic_block("entry"))
    forget = declared(module, "Py_DecRef", VOID, [POINTER])
    head, body, done = (
        function.append_basic_block(n) for n in ("head", "body", "done")
    )
    entry = at.block
    at.branch(head)
    at.position_at_end(head)
    i = at.phi(INT)
    i.add_incoming(number(0), entry)
    at.cbranch(at.icmp_signed("<", i, count), body, done)
    at.position_at_end(body)
    place = at.gep(objects, [i], source_etype=POINTER)
    thing = at.load(place, typ=POINTER)
    at.store(NULL, place)
    at.call(forget, [thing])
    i.add_incoming(at.add(i, number(1)), body)
    at.branch(head)
    at.position_at_end(done)
    at.ret_void()
