"""Memory that emitted code takes while it runs: C's, and a loop kernel's own."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.ir import ArrayType, Dim
from tapec.native.layout import NoNative, memory_type
from tapec.native.scalars import Builder

__all__ = ["Scratch", "free", "reallocate"]

INT, POINTER = ir.IntType(64), ir.PointerType()

MOST = 1 << 16
"""Bytes on the stack for what an inner loop stacks up."""


def reallocate(at: Any, pointer: Any, nbytes: Any) -> Any:
    """C's realloc."""
    kind = ir.FunctionType(POINTER, [POINTER, INT])
    return at.call(_extern(at, "realloc", kind), [pointer, nbytes])


def free(at: Any, pointer: Any) -> None:
    """C's free."""
    at.call(_extern(at, "free", ir.FunctionType(ir.VoidType(), [POINTER])), [pointer])


def _extern(at: Any, name: str, kind: Any) -> Any:
    return at.module.globals.get(name) or ir.Function(at.module, kind, name)


class Scratch:
    """What the inner loops of one kernel stack up.

    On the stack if the size is known, and small; from C if it is not known.
    """

    def __init__(self) -> None:
        self._taken: list[Any] = []

    def take(self, b: Builder, type_: ArrayType) -> Any:
        """A buffer, the same in each step of the loops around."""
        nbytes = type_.nbytes
        if isinstance(nbytes, Dim):
            size = b.extents.value(nbytes)
            null = ir.Constant(POINTER, None)
            self._taken.append(reallocate(b.extents.at, null, size))
            return self._taken[-1]
        if nbytes > MOST:
            raise NoNative("an inner loop with large outputs")
        at = ir.IRBuilder(b.scopes[0].function.entry_basic_block)
        at.position_at_start(at.block)
        size = ir.Constant(INT, type_.size * (2 if type_.dtype.kind == "c" else 1))
        return at.alloca(memory_type(type_.dtype), size=size)

    def give_back(self, at: Any) -> None:
        """At the end of the kernel."""
        for pointer in self._taken:
            free(at, pointer)
