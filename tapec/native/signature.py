"""How kernels are called.

    i32 kernel(ptr slots, ptr indices)
    i32 kernel(ptr slots, ptr indices, i64 begin, i64 end, ptr scratch, i64 thread)

`slots` are the buffers of the running call; `indices` says which of them are this
step's parameters and results, and then has the sizes of its symbolic extents. The
second is a kernel that threads share: it runs a part of one loop, and writes partial
results into its own scratch memory; where follows the sizes, a word for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

__all__ = ["STATUS", "arguments", "declare", "emit_chunk", "emit_entry"]

INT = ir.IntType(64)
POINTER = ir.PointerType()
STATUS = ir.IntType(32)
SIGNATURE = ir.FunctionType(STATUS, [POINTER, POINTER])
CHUNK = ir.FunctionType(STATUS, [POINTER, POINTER, INT, INT, POINTER, INT])


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
    return inner


def emit_entry(module: Any, inner: Any, name: str) -> None:
    """Look up the buffers, so that the kernel proper has arguments to mark noalias."""
    outer = _entry(module, SIGNATURE, name)
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    slots, indices = outer.args
    at.ret(at.call(inner, arguments(at, inner.args, slots, indices)))


def emit_chunk(module: Any, inner: Any, name: str, partial: Sequence[int]) -> None:
    """The same for a part of the loop. partial: which buffers are partial results."""
    outer = _entry(module, CHUNK, name)
    at = ir.IRBuilder(outer.append_basic_block("entry"))
    slots, indices, begin, end, scratch, _ = outer.args
    found = arguments(at, inner.args[:-2], slots, indices)
    for row, number in enumerate(partial, len(found)):
        where = at.gep(indices, [ir.Constant(INT, row)], source_etype=INT)
        where = at.load(where, typ=INT)
        found[number] = at.gep(scratch, [where], source_etype=ir.IntType(8))
    at.ret(at.call(inner, [*found, begin, end]))


def _entry(module: Any, signature: Any, name: str) -> Any:
    """A function of loads and one call: no pass finds anything in it, each looks."""
    outer = ir.Function(module, signature, name)
    for attribute in ("nounwind", "optnone", "noinline"):
        outer.attributes.add(attribute)
    return outer


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
