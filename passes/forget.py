"""Forget gradients of the user's own, once they are taken.

    %2: f64[3] = exp %x                              %2: f64[3] = exp %x
    %3: f64[3] = custom %2, %x backward=@g ...  ->   %4: f64[3] = multiply %2, %2
    %4: f64[3] = multiply %3, %3

`custom` and `checkpoint` stand for values whose gradient is not that of how they were
computed. A program that only runs has no need of them.
"""

from __future__ import annotations

from functools import lru_cache

from tapec.ir import ArrayType, Emitter, Function, Value, rewrite
from tapec.ops.checkpoint import checkpoint
from tapec.ops.const import item
from tapec.ops.custom import custom

__all__ = ["forget"]

STAND_INS = (custom, checkpoint)


def forget(fn: Function) -> Function:
    """Put the operands of `custom` and `checkpoint` in their place, in bodies too."""
    if not any(op.prim in STAND_INS or _has_body(op) for op in fn.ops):
        return fn
    return rewrite(fn, _rule)


_forgotten = lru_cache(maxsize=1024)(forget)


def _has_body(op: Value) -> bool:
    return any(isinstance(value, Function) for _, value in op.attrs)


def _rule(op: Value, emit: Emitter) -> Value:
    if op.prim in STAND_INS:  # one with several results is read by items only
        return op.args[0] if type(op.type) is ArrayType else op
    if op.prim is item and op.args[0].prim in STAND_INS:
        place: int = op.attr("index")
        return op.args[0].args[place]
    if not _has_body(op):
        return emit.keep(op)
    attrs = tuple(
        (name, _forgotten(value) if isinstance(value, Function) else value)
        for name, value in op.attrs
    )
    if all(new is old for (_, new), (_, old) in zip(attrs, op.attrs, strict=True)):
        return emit.keep(op)
    made = Value(op.prim, op.args, attrs, op.type, op.uid, op.name, op.meta)
    return emit.keep(made)
