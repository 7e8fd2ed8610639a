"""Constant folding.

    func @f(%x: f64[3]) {              func @f(%x: f64[3]) {
      %1: f64[] = const value=2.0        %1: f64[] = const value=2.0
      %2: f64[] = sqrt %1         ->     %4: f64[] = const value=1.4142135623730951
      %3: f64[3] = multiply %x, %2       %3: f64[3] = multiply %x, %4
      return %3                          return %3
    }                                  }

The value is the reference's, NaN and infinities included; a warning that NumPy would
give is not repeated. A repeated scalar stays a scalar and its broadcast, and becomes
one; ops that move elements take it for a constant. What may raise
stays: it raises when the program runs, or not at all if the program never gets there.
Large results stay, they cost less to compute than to keep. A check of a constant that
passes is dropped.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tapec.interpret import apply
from tapec.ir import (
    ArrayType,
    Constant,
    Emitter,
    Function,
    Value,
    rewrite,
)
from tapec.ops.const import const
from tapec.ops.effects import check
from tapec.ops.shape import broadcast_to

__all__ = ["fold"]

LARGEST = 1024
"""Elements of a result that is still worth keeping in the program."""


def fold(fn: Function) -> Function:
    """Evaluate small pure ops whose operands are all constants, and checks of them."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        folded = rewrite(fn, _rule)
    if not any(_always_passes(op) for op in folded.ops):
        return folded
    return folded.with_(ops=[op for op in folded.ops if not _always_passes(op)])


def _always_passes(op: Value) -> bool:
    """A check of a constant that is what it was when traced."""
    if op.prim is not check or op.args[0].prim is not const:
        return False
    return bool(op.args[0].attr("value").array == op.attr("expected"))


def _rule(op: Value, emit: Emitter) -> Value:
    if not _is_foldable(op):
        return emit.keep(op)
    value = _evaluate(op)
    if value is None:
        return emit.keep(op)
    emit.reason = "all operands are constants"
    if value.size > 1 and _is_repeated(value):
        number = emit.new(const, like=op, value=Constant(value.reshape(-1)[0]))
        return emit.new(broadcast_to, number, like=op, shape=op.shape)
    return emit.new(const, like=op, value=Constant(value))


def _is_repeated(value: np.ndarray[Any, Any]) -> bool:
    """Whether all elements are the same, the sign of zero included."""
    flat = value.reshape(-1)
    return flat.tobytes() == flat[:1].tobytes() * flat.size


def _is_foldable(op: Value) -> bool:
    """Op without operands: a constant already, or random. With a body: maybe long."""
    return (
        bool(op.args)
        and op.prim is not broadcast_to
        and all(a.prim is const or _is_spread(a, op) for a in op.args)
        and isinstance(op.type, ArrayType)
        and all(isinstance(d, int) for d in op.type.shape)
        and op.type.size <= LARGEST
        and not op.prim.may_raise
        and not any(isinstance(value, Function) for _, value in op.attrs)
    )


def _is_spread(a: Value, op: Value) -> bool:
    """A repeated scalar; elementwise ops take the scalar itself."""
    if a.prim is not broadcast_to or a.args[0].prim is not const:
        return False
    small = isinstance(a.type.size, int) and a.type.size <= LARGEST
    return small and op.prim.liveness != "keep"


def _array(a: Value) -> Any:
    if a.prim is const:
        return a.attr("value").array
    return np.broadcast_to(a.args[0].attr("value").array, a.shape)


def _evaluate(op: Value) -> np.ndarray[Any, Any] | None:
    """The value of `op`; None when its reference fails or disagrees with its type."""
    try:
        out = apply(op, [_array(a) for a in op.args])
    except Exception:  # it fails again, with the user's line, when the program runs
        return None
    if ArrayType(out.dtype, out.shape) is not op.type:
        return None
    return np.array(out)  # no view: a constant does not keep a larger array alive
