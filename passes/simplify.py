"""Algebraic simplification: a table of local rules.

    func @f(%x: f64[2,3]) {                        func @f(%x: f64[2,3]) {
      %1: f64[] = const value=1.0                    %1: f64[] = const value=1.0
      %2: f64[2,3] = broadcast_to %1 shape=(2, 3)    %2: f64[2,3] = broadcast_to %1 ...
      %3: f64[2,3] = multiply %2, %x             ->
      %4: f64[3,2] = transpose %3 perm=(1, 0)
      %5: f64[2,3] = transpose %4 perm=(1, 0)
      return %5                                      return %x
    }                                              }

Rules for writing rules
-----------------------
* A rule is an identity for every value of its dtype, NaN, infinities and the sign of
  zero included: `x + 0.0 = x` is not one (x = -0.0), `x - 0.0 = x` is.
* The right side is never worse: fewer ops, or cheaper ones; no rule undoes another.
* A rule sees one op whose operands are already simplified. It returns an existing
  value, a `(primitive, operands, attributes)` that takes its place, or None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Constant, Emitter, Function, Value, rewrite
from tapec.ops.arithmetic import add, negative, subtract
from tapec.ops.const import const
from tapec.ops.shape import broadcast_to, reshape, transpose
from tapec.primitive import PRIMITIVES, Primitive, Scalar, broadcast_shapes

__all__ = ["RULES", "simplify"]


class New(NamedTuple):
    """An op that takes the place of another."""

    prim: Primitive
    args: tuple[Any, ...]  # values, or new ops in their turn
    attrs: dict[str, Any] = {}  # noqa: RUF012  (never written)


Outcome = Value | New | None
RuleBody = Callable[[Value], Outcome]
RULES: dict[str, list[tuple[str, RuleBody]]] = defaultdict(list)
"""Rules by the primitive at their root, each with its algebra."""


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


def rule(algebra: str, *primitives: str) -> Callable[[RuleBody], RuleBody]:
    """Enter a rule for ops of these primitives."""

    def enter(body: RuleBody) -> RuleBody:
        for name in primitives:
            RULES[name].append((algebra, body))
        return body

    return enter


# --- what rules ask ---------------------------------------------------------------


def is_op(v: Value, name: str) -> bool:
    return v.prim is not None and v.prim.name == name


def same_type(v: Value, op: Value) -> bool:
    return v.type is op.type


def is_number(v: Value, number: float) -> bool:
    """A constant all of whose elements are `number`, the sign of zero included."""
    if is_op(v, "broadcast_to"):
        v = v.args[0]
    if not is_op(v, "const"):
        return False
    array = v.attr("value").array
    if array.size == 0 or array.dtype.kind == "b":
        return False
    wanted = np.array(number, array.dtype)
    return bool(np.all(array == wanted)) and (
        number != 0 or bool(np.all(np.signbit(array.real) == np.signbit(number)))
    )


# --- broadcasting -------------------------------------------------------------------


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


# --- arithmetic ---------------------------------------------------------------------


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


# --- selection ----------------------------------------------------------------------


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
    if f.prim is None or f.prim.name == "where" or not _is_elementwise(f.prim):
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


# --- moving elements ----------------------------------------------------------------


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


def _is_elementwise(prim: Primitive) -> bool:
    return prim.liveness == "keep" and isinstance(prim.lower, Scalar)


def _enter_elementwise_rules() -> None:
    """Every elementwise primitive broadcasts, so these rules hold for each."""
    for prim in PRIMITIVES.values():
        if _is_elementwise(prim):
            RULES[prim.name][:0] = [
                ("f(broadcast_to(x), y) = f(x, y)", _drop_broadcasts),
                ("f(reshape(x)) = reshape(f(x)) for one element", _compute_scalars),
            ]


_enter_elementwise_rules()
