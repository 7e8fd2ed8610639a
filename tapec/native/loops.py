"""Loops over scalars: one function, carries in registers, nothing called.

    i32 kernel(ptr slots, ptr indices)

The body of a `scan` on numbers and tiny arrays is emitted once, element by element,
each in a register: carries are phi nodes, inputs are loaded and outputs stored by the
counter, what does not change is computed before the loop. Loops inside are loops
inside. A body that this does not fit (`enclosed` tries) runs as a program of its own.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tapec.ir import Emitter, Function, TupleType, Value, dims_of, placed
from tapec.native import debug, engine, kernels, short
from tapec.native.extents import Extents
from tapec.native.layout import NoNative
from tapec.native.loop_body import Elements, Region, is_stacked
from tapec.native.loop_record import BLOCKS
from tapec.native.places import place
from tapec.native.platform import per_processor
from tapec.native.scalars import Builder
from tapec.native.signature import STATUS, declare, emit_entry
from tapec.native.small_matrix import emit_elimination, is_elimination
from tapec.native.tile_product import emit_product
from tapec.ops.const import item
from tapec.ops.fused import fused

__all__ = ["emit_kernel", "enclosed", "is_loop", "is_product"]


def emit_kernel(
    module: Any,
    body: Function,
    name: str,
    *,
    lines: bool = False,
    shared: bool = False,
) -> None:
    """Define `name` in `module`: what a `fused` op with this body does."""
    if is_loop(body):
        _emit(module, body, name, lines=lines)
    elif is_elimination(body):
        emit_elimination(module, body, name)
    elif is_product(body):
        emit_product(module, body, name)
    elif short.is_short(body):
        short.emit_kernel(module, body, name, lines=lines)
    else:
        kernels.emit_kernel(module, body, name, lines=lines, shared=shared)


def is_loop(body: Function) -> bool:
    """Whether the kernel is a loop and its results."""
    return bool(body.ops) and body.ops[0].prim.name in BLOCKS


def is_product(body: Function) -> bool:
    """Whether the kernel is a matrix product."""
    return any(op.prim.name == "matmul" for op in body.ops)


def _emit(module: Any, body: Function, name: str, *, lines: bool = False) -> None:
    count = len(body.params) + len(body.results)
    names = dims_of(body)
    inner = declare(module, count, name, names)
    entry = ir.IRBuilder(inner.append_basic_block("entry"))
    at = ir.IRBuilder(inner.append_basic_block("start"))
    b = Builder([at], debug.lines_of(inner) if lines else None)
    b.extents = Extents(dict(zip(names, inner.args[count:], strict=True)), entry)
    numbers = {op: n for n, (_, op) in enumerate(debug.numbered(body), 1)}
    region = Region(b, body, numbers=numbers if lines else {})
    for param, buffer in zip(body.params, inner.args, strict=False):
        region.elements[param] = Elements.in_memory(buffer, param.type)
    buffers = inner.args[len(body.params) : count]
    targets = {r: (b, place(0)) for r, b in zip(body.results, buffers, strict=True)}
    region.emit(targets)
    for result, target in targets.items():
        if not is_stacked(result):
            region.store(result, target)
    region.scratch.give_back(at)
    at.ret(ir.Constant(STATUS, 0))
    entry.position_at_end(entry.block)
    entry.branch(inner.basic_blocks[1])
    emit_entry(module, inner, name)


# --- which loops ---------------------------------------------------------------


def enclosed(fn: Function) -> Function:
    """The loops of `fn` that can be one kernel are one."""
    if not any(op.prim.name in BLOCKS for op in fn.ops):
        return fn
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    items = {(o.args[0], o.attr("index")): o for o in fn.ops if o.prim is item}
    for op in fn.ops:
        args = tuple([new.get(a, a) for a in op.args])
        if op.prim.name in BLOCKS and fits(kernel := _kernel(op)):
            attrs = (("body", kernel),)
            single = len(kernel.results) == 1
            type_ = kernel.results[0].type if single else op.type
            new[op] = emit.make(fused, args, attrs, type_, op)
            inner = [items.get((op, i)) for i in range(len(kernel.results))]
            placed(new[op], [op, *inner])
        elif op.prim is item and not isinstance(args[0].type, TupleType):
            new[op] = args[0]
        else:
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            new[op] = emit.keep(op if args == op.args else moved)
    results = [new.get(r, r) for r in fn.results]
    return Function(fn.name, fn.params, emit.ops, results)


def _kernel(op: Value) -> Function:
    """A function that is this loop."""
    params = [Value(None, (), (), a.type, uid) for uid, a in enumerate(op.args)]
    emit = Emitter(len(params))
    loop = emit.make(op.prim, tuple(params), op.attrs, op.type, op)
    items = [emit.new(item, loop, index=i) for i in range(len(op.type.items))]
    return Function("loop", params, emit.ops, items)


@per_processor
def fits(kernel: Function) -> bool:
    """Whether the kernel can be emitted: tried in a module that is thrown away."""
    try:
        _emit(engine.new_module("trial"), kernel, "trial")
    except NoNative:
        return False
    return True
