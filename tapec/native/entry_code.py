"""Writing an entry: the function that a call of a decorated object arrives at.

    ptr entry(ptr self, ptr arguments, i64 count, ptr names, ptr table)

`table` holds what differs between programs of one form, so that they share the code:
addresses of types, extents, steps. It begins with

    code    this entry                  frames  memory for calls, a linked list
    next    the table to try when the   python  the function of the slow path
            arguments are not for this  busy    a dict; entries are used while empty
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tapec.native import abi

__all__ = ["BUSY", "CODE", "FRAMES", "HEAD", "NEXT", "PYTHON", "Code"]

INT, WORD, BYTE, BIT = (ir.IntType(n) for n in (64, 32, 8, 1))
POINTER, DOUBLE, VOID = ir.PointerType(), ir.DoubleType(), ir.VoidType()
NULL = ir.Constant(POINTER, None)
ENTRY = ir.FunctionType(POINTER, [POINTER, POINTER, INT, POINTER, POINTER])
Emit = Callable[[], Any]

CODE, NEXT, FRAMES, PYTHON, BUSY = range(5)
HEAD = 5


def number(n: int) -> Any:
    """An integer constant."""
    return ir.Constant(INT, n)


def word(n: int) -> Any:
    """A C int."""
    return ir.Constant(WORD, n)


class Code:
    """An LLVM function under construction, and the words of its table."""

    def __init__(self, module: Any, name: str) -> None:
        self.module = module
        self.function = ir.Function(module, ENTRY, name)
        self.function.attributes.add("nounwind")
        self.table = self.function.args[4]
        self.at = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.words: list[int] = [0] * HEAD
        self._rows: dict[tuple[int, ...], int] = {}
        self.miss = self.function.append_basic_block("miss")
        at = ir.IRBuilder(self.miss)
        following = at.load(self._place(at, self.table, NEXT), typ=POINTER)
        code = at.load(following, typ=ENTRY.as_pointer())
        arguments = [*self.function.args[:4], following]
        at.ret(at.call(code, arguments, tail="musttail"))

    # --- memory

    @staticmethod
    def _place(at: Any, base: Any, index: int) -> Any:
        return at.gep(base, [number(index)], source_etype=INT)

    def item(self, base: Any, index: int, kind: Any = POINTER) -> Any:
        """The word number `index` behind an address."""
        return self.at.load(self._place(self.at, base, index), typ=kind)

    def put(self, value: Any, base: Any, index: int) -> None:
        """Store the word number `index` behind an address."""
        self.at.store(value, self._place(self.at, base, index))

    def place(self, base: Any, index: int) -> Any:
        """The address of the word number `index` behind an address."""
        return self._place(self.at, base, index)

    def field(self, base: Any, offset: int, kind: Any = POINTER) -> Any:
        """What an object keeps at a byte offset."""
        return self.at.load(self.inside(base, offset), typ=kind)

    def inside(self, base: Any, offset: int) -> Any:
        """The address at a byte offset."""
        return self.at.gep(base, [number(offset)], source_etype=BYTE)

    def constant(self, value: int, kind: Any = POINTER) -> Any:
        """A word of the table."""
        self.words.append(value)
        return self.item(self.table, len(self.words) - 1, kind)

    def local(self, count: int = 1) -> Any:
        """The address of words on the stack."""
        with self.at.goto_entry_block():
            return self.at.alloca(POINTER, size=max(count, 1))

    def row(self, words: list[int]) -> Any:
        """The address of these words in the table."""
        key = tuple(words)
        if key not in self._rows:
            self._rows[key] = len(self.words)
            self.words += words
        return self.place(self.table, self._rows[key])

    # --- control

    def require(self, condition: Any) -> None:
        """Go on if so; otherwise the call is for another entry."""
        self.unless(condition, self.miss)

    def unless(self, condition: Any, other: Any) -> None:
        """Go on if so, else at `other`."""
        on = self.function.append_basic_block("on")
        self.at.cbranch(condition, on, other).set_weights([99, 1])
        self.at.position_at_end(on)

    def either(self, condition: Any, yes: Emit, no: Emit) -> Any:
        """An address, found in one of two ways."""
        both = self.function.append_basic_block("both")
        ways = [self.function.append_basic_block(name) for name in ("yes", "no")]
        self.at.cbranch(condition, *ways)
        found = []
        for way, emit in zip(ways, (yes, no), strict=True):
            self.at.position_at_end(way)
            found.append((emit(), self.at.block))
            self.at.branch(both)
        self.at.position_at_end(both)
        address = self.at.phi(POINTER)
        for value, block in found:
            address.add_incoming(value, block)
        return address

    def same(self, a: Any, b: Any) -> Any:
        """Whether two words are equal."""
        return self.at.icmp_unsigned("==", a, b)

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """A function of the C API, or one of ours."""
        return self.at.call(
            declared(self.module, name, result, [a.type for a in arguments]), arguments
        )

    def is_of(self, thing: Any, kind: type) -> Any:
        """Whether an object is of exactly this type."""
        return self.same(self.field(thing, abi.TYPE), self.constant(id(kind)))


def declared(module: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """The declaration of an imported function."""
    found = module.globals.get(name)
    if found is None:
        found = ir.Function(module, ir.FunctionType(result, arguments), name)
    return found
