"""Algebraic simplification: a table of local rules.

    func @f(%x: f64[2,3]) {                        func @f(%x: f64[2,3]) {
      %1: f64[] = const value=1.0                    %1: f64[] = const value=1.0
      %2: f64[2,3] = broadcast_to %1 shape=(2, 3)    %2: f64[2,3] = broadcast_to %1 ...
      %3: f64[2,3] = multiply %2, %x             ->
      %4: f64[3,2] = transpose %3 perm=(1, 0)
      %5: f64[2,3] = transpose %4 perm=(1, 0)
      return %5                                      return %x
    }                                              }

`simplifying` has the rules, in families, and how to write one.
"""

from __future__ import annotations

import tapec.passes.simplifying  # noqa: F401  (enters the rules)
from tapec.ir import Emitter, Function, Value, rewrite
from tapec.passes.simplifying.rules import RULES, New

__all__ = ["simplify"]


def simplify(fn: Function) -> Function:
    """Apply the rules until none fits."""
    return rewrite(fn, _simplify_op)


def _simplify_op(op: Value, emit: Emitter) -> Value:
    """The value that takes the place of `op`, simplified as far as the rules go."""
    while True:
        for algebra, body in RULES.get(op.prim.name, ()):
            found = body(op)
            if found is None:
                continue
            emit.reason = algebra
            if isinstance(found, Value):
                return found
            op = _made(found, op, emit)
            break
        else:
            return emit.keep(op)


def _made(new: New, old: Value, emit: Emitter) -> Value:
    """The op that `new` describes, not yet emitted; its new operands are."""
    args = [
        _simplify_op(_made(a, old, emit), emit) if isinstance(a, New) else a
        for a in new.args
    ]
    made = emit.new(new.prim, *args, like=old, **new.attrs)
    emit.ops.pop()
    return made
