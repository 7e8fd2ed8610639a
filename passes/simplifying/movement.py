"""Rules of what only moves elements: broadcasts, reshapes, transposes, casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import Constant, Value
from tapec.ops.const import const
from tapec.ops.shape import broadcast_to, reshape, transpose
from tapec.passes.simplifying.rules import (
    RULES,
    New,
    Outcome,
    is_elementwise,
    is_op,
    rule,
    same_type,
)
from tapec.primitive import PRIMITIVES
from tapec.promotion import broadcast_shapes


@rule("broadcast_to(x, shape of x) = x", "broadcast_to")
def _broadcast_to_itself(op: Value) -> Outcome:
    return op.args[0] if same_type(op.args[0], op) else None


@rule("broadcast_to(broadcast_to(x)) = broadcast_to(x)", "broadcast_to")
def _broadcast_twice(op: Value) -> Outcome:
    (x,) = op.args
    if is_op(x, "broadcast_to"):
        return New(broadcast_to, x.args, {"shape": op.shape})
    return None


@rule("broadcast_to(reshape(x)) = broadcast_to(x) for new leading axes", "broadcast_to")
def _broadcast_reshaped(op: Value) -> Outcome:
    (x,) = op.args
    return New(broadcast_to, x.args, dict(op.attrs)) if _adds_axes(x) else None


def _adds_axes(v: Value) -> bool:
    """Whether `v` is a reshape that only puts axes of extent 1 in front."""
    if not is_op(v, "reshape"):
        return False
    inner = v.args[0].shape
    extra = len(v.shape) - len(inner)
    return extra >= 0 and v.shape == (1,) * extra + inner


def _drop_broadcasts(op: Value) -> Outcome:
    """f(broadcast_to(x), y) = f(x, y) where y still gives the shape."""
    args = op.args
    for i, a in enumerate(args):
        if not is_op(a, "broadcast_to") and not _adds_axes(a):
            continue
        others = [b.type for j, b in enumerate(args) if j != i] + [a.args[0].type]
        if broadcast_shapes("", *others) == op.shape:
            kept = (*args[:i], a.args[0], *args[i + 1 :])
            return New(op.prim, kept, dict(op.attrs))
    return None


@rule("copy(x) = x", "copy")
def _copy(op: Value) -> Outcome:
    return op.args[0]


@rule("stop_gradient(x) = x, once differentiated", "stop_gradient")
def _stop_gradient(op: Value) -> Outcome:
    return op.args[0]


@rule("cast(x, dtype of x) = x", "cast")
def _cast_to_itself(op: Value) -> Outcome:
    return op.args[0] if same_type(op.args[0], op) else None


@rule("cast(cast(x, wider), dtype of x) = x", "cast")
def _cast_back(op: Value) -> Outcome:
    (x,) = op.args
    if is_op(x, "cast") and same_type(x.args[0], op):
        narrow, wide = x.args[0].dtype, x.dtype
        if np.can_cast(narrow, wide, "safe"):
            return x.args[0]
    return None


@rule("reshape(x, shape of x) = x", "reshape")
def _reshape_to_itself(op: Value) -> Outcome:
    return op.args[0] if same_type(op.args[0], op) else None


@rule("reshape(reshape(x)) = reshape(x)", "reshape")
def _reshape_twice(op: Value) -> Outcome:
    (x,) = op.args
    return New(reshape, x.args, {"shape": op.shape}) if is_op(x, "reshape") else None


@rule("reshape(broadcast_to(scalar)) = broadcast_to(scalar)", "reshape")
def _reshape_filled(op: Value) -> Outcome:
    (x,) = op.args
    if is_op(x, "broadcast_to") and not x.args[0].shape:
        return New(broadcast_to, x.args, {"shape": op.shape})
    return None


@rule("transpose(x, identity) = x", "transpose")
def _transpose_identity(op: Value) -> Outcome:
    return op.args[0] if op.attr("perm") == tuple(range(len(op.shape))) else None


@rule("transpose(transpose(x)) = transpose(x)", "transpose")
def _transpose_twice(op: Value) -> Outcome:
    (x,) = op.args
    if not is_op(x, "transpose"):
        return None
    inner = x.attr("perm")
    perm = tuple(inner[i] for i in op.attr("perm"))
    return New(transpose, x.args, {"perm": perm})


def _scalar(v: Value) -> Any:
    """The scalar that `v` of one element was made from, or None."""
    if not v.shape:
        return v
    if is_op(v, "reshape") and not v.args[0].shape:
        return v.args[0]
    if is_op(v, "const") and v.type.size == 1:
        return New(const, (), {"value": Constant(v.attr("value").array.reshape(()))})
    return None


def _compute_scalars(op: Value) -> Outcome:
    """f(reshape(x), c) = reshape(f(x, c)) for one element."""
    if not op.shape or op.type.size != 1:
        return None
    scalars = tuple(_scalar(a) for a in op.args)
    if None in scalars:
        return None
    return New(reshape, (New(op.prim, scalars, dict(op.attrs)),), {"shape": op.shape})


@rule("sum(x, no axis) = x, and so for every reduction",
      "sum", "prod", "max", "min", "any", "all")  # fmt: skip
def _reduce_nothing(op: Value) -> Outcome:
    return op.args[0] if not op.attr("axis") and same_type(op.args[0], op) else None


@rule("concatenate(x) = x", "concatenate")
def _concatenate_one(op: Value) -> Outcome:
    return op.args[0] if len(op.args) == 1 else None


@rule("slice(x, all of it) = x", "slice")
def _slice_all(op: Value) -> Outcome:
    return op.args[0] if same_type(op.args[0], op) else None


def _enter_elementwise_rules() -> None:
    """Every elementwise primitive broadcasts, so these rules hold for each."""
    for prim in PRIMITIVES.values():
        if is_elementwise(prim):
            RULES[prim.name][:0] = [
                ("f(broadcast_to(x), y) = f(x, y)", _drop_broadcasts),
                ("f(reshape(x)) = reshape(f(x)) for one element", _compute_scalars),
            ]


_enter_elementwise_rules()
