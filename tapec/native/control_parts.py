"""What the routines of loops and branches are put together from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tapec.native.driver import INT, POINTER, WORD, _item, _Loop, _number, driver

__all__ = [
    "BYTE",
    "NONE",
    "Body",
    "Rows",
    "clear",
    "copy",
    "imports",
    "moved",
    "pointer",
    "put",
    "turn",
]

BYTE = ir.IntType(8)
NONE = ir.Constant(WORD, 0)
PATIENCE = 1024
"""Runs of a body after which signals are looked for, a power of two."""


def imports() -> dict[str, int]:
    """What the routines refer to."""
    return {name: driver().address(name) for name in ("run", "poll")}


def pointer(at: Any, base: Any, number: Any) -> Any:
    return _item(at, base, number, POINTER)


def moved(at: Any, pointer: Any, nbytes: Any) -> Any:
    return at.gep(pointer, [nbytes], source_etype=BYTE)


def put(at: Any, slots: Any, slot: Any, pointer: Any) -> None:
    at.store(pointer, at.gep(slots, [slot], source_etype=POINTER))


class Rows:
    """A loop over rows of words, counted and pointed to by a pair."""

    def __init__(self, at: Any, rows: tuple[Any, Any], width: int) -> None:
        self.at, self.width = at, width
        self.count, self.first = rows

    def __enter__(self) -> Any:
        self.loop = _Loop(self.at, _number(0), self.count)
        offset = self.at.mul(self.loop.__enter__(), _number(self.width))
        return self.at.gep(self.first, [offset], source_etype=INT)

    def __exit__(self, *exc: object) -> None:
        self.loop.__exit__(*exc)


def turn(at: Any, space: Any, row: Any, i: Any, first: int) -> Any:
    """One of the two buffers of a carry: not the one that was written last."""
    odd = at.trunc(i, ir.IntType(1))
    offset = at.select(odd, _item(at, row, first + 1), _item(at, row, first))
    return moved(at, space, offset)


class Body:
    """A body of the routine under construction: five words at `words`.

    leave: adds what is to be done before the routine ends, as a step inside failed.
    """

    def __init__(
        self,
        at: Any,
        words: Any,
        first: int,
        own: Any,
        leave: Callable[[], object] | None = None,
    ) -> None:
        self.at, self.own, self.leave = at, own, leave
        self.table = pointer(at, words, first)
        self.count, self.size = _item(at, words, first + 1), _item(at, words, first + 2)
        self.words, self.kinds = (
            pointer(at, words, first + 3),
            pointer(at, words, first + 4),
        )

    def start(self, slots: Any, workspace: Any) -> None:
        """Fill the table of slots."""
        at = self.at
        with _Loop(at, _number(0), self.size) as i:
            word, kind = _item(at, self.words, i), _item(at, self.kinds, i)
            with at.if_else(at.icmp_unsigned("==", kind, _number(2))) as (same, other):
                with same:
                    put(at, self.own, i, pointer(at, slots, word))
                with other:
                    inside = at.icmp_unsigned("==", kind, _number(0))
                    base = at.ptrtoint(workspace, INT)
                    base = at.select(inside, base, _number(0))
                    address = at.inttoptr(at.add(base, word), POINTER)
                    put(at, self.own, i, address)

    def run(self) -> None:
        """One run; the routine ends if a check fails, or with an exception."""
        at = self.at
        run = at.module.globals.get("run") or ir.Function(
            at.module, ir.FunctionType(INT, [POINTER, POINTER, INT, INT]), "run"
        )
        status = at.call(run, [self.own, self.table, _number(0), self.count])
        with at.if_then(at.icmp_unsigned("!=", status, _number(0)), likely=False):
            self._end(at.trunc(at.and_(status, _number(255)), WORD))
        self._poll()

    def _poll(self) -> None:
        """Look for signals now and then."""
        at = self.at
        with at.goto_entry_block():
            cell = at.alloca(INT)
            at.store(_number(0), cell)
        count = at.add(at.load(cell), _number(1))
        at.store(count, cell)
        due = at.icmp_unsigned("==", at.and_(count, _number(PATIENCE - 1)), _number(0))
        with at.if_then(due, likely=False):
            poll = at.module.globals.get("poll") or ir.Function(
                at.module, ir.FunctionType(WORD, []), "poll"
            )
            status = at.call(poll, [])
            with at.if_then(at.icmp_unsigned("!=", status, NONE)):
                self._end(status)

    def _end(self, status: Any) -> None:
        if self.leave is not None:
            self.leave()
        self.at.ret(status)

    def param(self, slot: Any) -> Any:
        """The buffer in a slot."""
        return pointer(self.at, self.own, slot)


def copy(at: Any, target: Any, source: Any, nbytes: Any) -> None:
    kinds = [POINTER, POINTER, INT]
    signature = ir.FunctionType(ir.VoidType(), [*kinds, ir.IntType(1)])
    memcpy = at.module.declare_intrinsic("llvm.memcpy", kinds, signature)
    at.call(memcpy, [target, source, nbytes, ir.Constant(ir.IntType(1), 0)])


def clear(at: Any, target: Any, nbytes: Any) -> None:
    kinds = [POINTER, INT]
    flag = ir.IntType(1)
    signature = ir.FunctionType(ir.VoidType(), [POINTER, BYTE, INT, flag])
    memset = at.module.declare_intrinsic("llvm.memset", kinds, signature)
    at.call(memset, [target, ir.Constant(BYTE, 0), nbytes, ir.Constant(flag, 0)])
