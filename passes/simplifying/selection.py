"""Rules of `where`."""

from __future__ import annotations

from tapec.ir import Value
from tapec.ops.shape import broadcast_to
from tapec.passes.simplifying.rules import (
    New,
    Outcome,
    is_elementwise,
    is_op,
    repeated,
    rule,
    same_type,
)


@rule("where(True, x, y) = x, where(False, x, y) = y", "where")
def _where_known(op: Value) -> Outcome:
    c, x, y = op.args
    truth = repeated(c)
    if truth is None:
        return None
    chosen = x if truth else y
    if same_type(chosen, op):
        return chosen
    return New(broadcast_to, (chosen,), {"shape": op.shape})


@rule("where(c, x, x) = x", "where")
def _where_same(op: Value) -> Outcome:
    _, x, y = op.args
    return x if x is y and same_type(x, op) else None


@rule("where(c, where(c, x, y), z) = where(c, x, z)", "where")
def _where_nested(op: Value) -> Outcome:
    c, x, y = op.args
    if is_op(x, "where") and x.args[0] is c and same_type(x, op):
        return New(op.prim, (c, x.args[1], y))
    if is_op(y, "where") and y.args[0] is c and same_type(y, op):
        return New(op.prim, (c, x, y.args[2]))
    return None


@rule("where(c, f(where(c, x, y)), z) = where(c, f(x), z)", "where")
def _where_inside(op: Value) -> Outcome:
    c, f, z = op.args
    if f.prim is None or f.prim.name == "where" or not is_elementwise(f.prim):
        return None
    if not same_type(f, op):
        return None
    inner = tuple(
        a.args[1]
        if is_op(a, "where") and a.args[0] is c and same_type(a.args[1], a)
        else a
        for a in f.args
    )
    if inner == f.args:
        return None
    return New(op.prim, (c, New(f.prim, inner, dict(f.attrs)), z))
