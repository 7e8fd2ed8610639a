"""Common-subexpression elimination.

    func @f(%x: f64[3]) {             func @f(%x: f64[3]) {
      %1: f64[3] = tanh %x              %1: f64[3] = tanh %x
      %2: f64[3] = tanh %x       ->     %3: f64[3] = add %1, %1
      %3: f64[3] = add %1, %2           return %3
      return %3                       }
    }

Forward and backward halves are one function after `vjp`, so what a derivative computes
again is found here. `x * y` and `y * x` are equal too.
"""

from __future__ import annotations

from tapec.ir import Emitter, Function, Value, exact, has_effect, rewrite

__all__ = ["cse"]


COMMUTATIVE = frozenset(
    ("add", "multiply", "equal", "not_equal", "logical_and", "logical_or")
    + ("logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor")
)
"""Primitives whose operands may change places, to the last bit."""


def cse(fn: Function) -> Function:
    """Replace an op by an earlier one with equal primitive, operands and attributes."""
    seen: dict[object, Value] = {}

    def rule(op: Value, emit: Emitter) -> Value:
        if has_effect(op):
            return emit.keep(op)
        args = op.args
        if op.prim.name in COMMUTATIVE and args[0].uid > args[1].uid:
            args = args[::-1]
        key = (op.prim, args, exact(op.attrs), op.type)
        found = seen.get(key)
        if found is None:
            found = seen[key] = emit.keep(op)
        else:
            emit.reason = "the same operation on the same operands"
        return found

    return rewrite(fn, rule)
