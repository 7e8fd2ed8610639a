"""Rules of arithmetic and logic."""

from __future__ import annotations

from tapec.ir import Value
from tapec.ops.arithmetic import add, negative, subtract
from tapec.passes.simplifying.rules import (
    New,
    Outcome,
    is_number,
    is_op,
    rule,
    same_type,
)


@rule("x * 1 = x", "multiply")
def _times_one(op: Value) -> Outcome:
    x, y = op.args
    for a, b in ((x, y), (y, x)):
        if same_type(a, op) and is_number(b, 1.0):
            return a
    return None


@rule("x * -1 = -x", "multiply")
def _times_minus_one(op: Value) -> Outcome:
    x, y = op.args
    for a, b in ((x, y), (y, x)):
        if same_type(a, op) and op.dtype.kind in "fi" and is_number(b, -1.0):
            return New(negative, (a,))
    return None


@rule("x / 1 = x", "divide")
def _over_one(op: Value) -> Outcome:
    x, y = op.args
    return x if same_type(x, op) and is_number(y, 1.0) else None


@rule("x - 0 = x", "subtract")
def _minus_zero(op: Value) -> Outcome:
    x, y = op.args
    return x if same_type(x, op) and is_number(y, 0.0) else None


@rule("x + -0 = x", "add")
def _plus_zero(op: Value) -> Outcome:
    x, y = op.args
    zero = -0.0 if op.dtype.kind == "f" else 0
    if op.dtype.kind not in "fiu":
        return None
    for a, b in ((x, y), (y, x)):
        if same_type(a, op) and is_number(b, zero):
            return a
    return None


@rule("-(-x) = x", "negative")
def _minus_minus(op: Value) -> Outcome:
    (x,) = op.args
    return x.args[0] if is_op(x, "negative") else None


@rule("conj(conj(x)) = x", "conjugate")
def _conj_conj(op: Value) -> Outcome:
    (x,) = op.args
    return x.args[0] if is_op(x, "conjugate") else None


@rule("-(x - y) = y - x unless the difference is zero", "negative")
def _minus_difference(op: Value) -> Outcome:
    (x,) = op.args  # x - x is +0 either way, -(x - x) is -0: integers only
    if is_op(x, "subtract") and op.dtype.kind in "iu":
        return New(subtract, (x.args[1], x.args[0]))
    return None


@rule("x + -y = x - y", "add")
def _add_negative(op: Value) -> Outcome:
    x, y = op.args
    for a, b in ((x, y), (y, x)):
        if is_op(b, "negative"):
            return New(subtract, (a, b.args[0]))
    return None


@rule("x - -y = x + y", "subtract")
def _subtract_negative(op: Value) -> Outcome:
    x, y = op.args
    return New(add, (x, y.args[0])) if is_op(y, "negative") else None


@rule("-x * -y = x * y, -x / -y = x / y", "multiply", "divide")
def _two_signs(op: Value) -> Outcome:
    x, y = op.args
    if is_op(x, "negative") and is_op(y, "negative"):
        return New(op.prim, (x.args[0], y.args[0]))
    return None


@rule("x ** 1 = x", "integer_power")
def _power_one(op: Value) -> Outcome:
    return op.args[0] if op.attr("n") == 1 else None


@rule("x & x = x, x | x = x", "bitwise_and", "bitwise_or", "logical_and", "logical_or")
def _idempotent(op: Value) -> Outcome:
    x, y = op.args
    return x if x is y and same_type(x, op) else None
