"""How kernels are called.

    i32 kernel(ptr slots, ptr indices)

`slots` are the buffers of the running call; `indices` says which of them are this
step's parameters and results, and then has the sizes of its symbolic extents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from tapec.native import platform

__all__ = ["STATUS", "arguments", "declare", "emit_entry"]

INT = ir.IntType(64)
POINTER = ir.PointerType()
STATUS = ir.IntType(32)
SIGNATURE = ir.FunctionType(STATUS, [POINTER, POINTER])


def declare(
    module: Any,
    count: int,
    name: str,
    sizes: Sequence[str] = (),
    *,
    ranged: bool = False,
) -> Any:
    """The kernel proper: a function of `count` separate buffers, and of sizes.

    ranged: and then of where a loop begins and ends.
    """
    kinds = [*[POINTER] * count, *[INT] * (len(sizes) + 2 * ranged)]
    inner = ir.Function(module, ir.FunctionType(STATUS, kinds), name + ".")
    inner.linkage = "internal"
    inner.attributes.add("nounwind")
    inner.attributes.add("noinline")
    for argument in inner.args[:count]:
        argument.add_attribute("noalias")
    wide = f'"prefer-vector-width"="{platform.vector_width()}"'
    set.add(inner.attributes, wide)
    return inner


def emit_entry(module: Any, inner: Any, name: str) -> None:
    """Look up the buffers, so that the kernel proper has arguments to mark noalias."""
    outer = ir.Function(module, SIGNATURE, name)
    outer.attributes.add("nounwind")
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    slots, indices = outer.args
    at.ret(at.call(inner, arguments(at, inner.args, slots, indices)))


def arguments(at: Any, wanted: Sequence[Any], slots: Any, indices: Any) -> list[Any]:
    """What a step's indices say the arguments are: buffers by slot, then sizes."""
    found = []
    for number, argument in enumerate(wanted):
        where = at.gep(indices, [ir.Constant(INT, number)], source_etype=INT)
        word = at.load(where, typ=INT)
        if argument.type == POINTER:
            word = at.load(at.gep(slots, [word], source_etype=POINTER), typ=POINTER)
        found.append(word)
    return found
