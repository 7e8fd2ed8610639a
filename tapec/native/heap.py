"""Memory that emitted code takes while it runs: C's, and a loop kernel's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tapec.ir import ArrayType, Dim
from tapec.native.layout import NoNative, memory_type
from tapec.native.scalars import Builder

__all__ = ["NO_MEMORY", "Scratch", "free", "reallocate"]

INT, POINTER = ir.IntType(64), ir.PointerType()

NO_MEMORY = 4
"""What a step answers when there is none."""

MOST = 1 << 16
"""Bytes on the stack for what an inner loop stacks up."""


def reallocate(
    at: Any, pointer: Any, nbytes: Any, leave: Callable[[], object] | None = None
) -> Any:
    """C's realloc. Without memory the step ends there; `leave` adds code before it."""
    kind = ir.FunctionType(POINTER, [POINTER, INT])
    found = at.call(_extern(at, "realloc", kind), [pointer, nbytes])
    null = at.icmp_unsigned("==", found, ir.Constant(POINTER, None))
    some = at.icmp_unsigned("!=", nbytes, ir.Constant(INT, 0))
    with at.if_then(at.and_(null, some), likely=False):
        if leave is not None:
            leave()
        at.ret(ir.Constant(at.function.function_type.return_type, NO_MEMORY))
    return found


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
