"""Applying a primitive: record it, or compute it now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.errors import TapecError, at
from tapec.ir import ArrayType, Attrs, Meta, TupleType, Type, Value
from tapec.operators import Operators
from tapec.ops.cast import cast
from tapec.ops.const import item
from tapec.primitive import Primitive
from tapec.recording import Array, Recording, locate, state
from tapec.tensor.calls import followed, noticed, remember
from tapec.tensor.computing import compute
from tapec.tensor.functions import FUNCTIONS
from tapec.tensor.kinds import Weak
from tapec.tensor.operands import as_tensor, operand
from tapec.tensor.tensor import Tensor

__all__ = ["bind", "bind_chain", "check_equal", "concrete"]

_NO_ATTRS: dict[str, Any] = {}
_new = object.__new__

EAGER = os.environ.get("TAPEC_EAGER", "0") not in ("", "0")
"""Whether a tape computes each op as it is recorded (for stepping through in pdb)."""


def bind(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Apply a primitive: record it on this thread's recording, or compute it now."""
    rec = state.recording
    if rec is None:
        return compute(prim, args, attrs)
    if rec.step is None:
        if not attrs and len(args) == 2:
            return _binary(rec, prim, *args)
        if not attrs and len(args) == 1:
            return _unary(rec, prim, *args)
        return _record(rec, prim, args, attrs)
    out = followed(rec, prim, args, attrs, 3)
    if out is not None:
        return out
    before = noticed(rec, args, attrs)
    if before is None:
        return _record(rec, prim, args, attrs)
    out = _record(rec, prim, before.blind, attrs)
    remember(rec, before, prim, attrs, out)
    return out


def bind_chain(x: Tensor, ops: Sequence[tuple[Primitive, Attrs, ArrayType]]) -> Tensor:
    """Apply ops, each to the result of the one before; the caller knows their types."""
    rec = state.recording
    short = x.rec is rec and type(x.kind) is not Weak and not EAGER
    if rec is None or rec.step is not None or not short:
        for prim, attrs, _ in ops:
            x = bind(prim, (x,), dict(attrs))
        return x
    here = rec.here(6)
    value = x.value
    for prim, attrs, type_ in ops:
        value = rec.append(prim, (value,), attrs, type_, here)
    out = Tensor(rec, value, value.type)
    if not rec.is_trace:
        rec.track(out)
    return out


def _unary(rec: Recording, prim: Primitive, a: Any) -> Any:
    """`_record` for one operand, a short way for tensors."""
    if type(a) is Tensor and a.rec is rec:
        plan = rec.plans.get((prim, (), a.kind))
        if plan is not None and plan[0] is None:
            return _noted(rec, prim, (a.value,), (), plan, rec.here(5))
    return _record(rec, prim, (a,), _NO_ATTRS)


def _binary(rec: Recording, prim: Primitive, a: Any, b: Any) -> Any:
    """`_record` for two operands, a short way for tensors and numbers."""
    kind_a = a.kind if type(a) is Tensor else type(a)
    kind_b = b.kind if type(b) is Tensor else type(b)
    plan = rec.plans.get((prim, (), kind_a, kind_b))
    if plan is None:
        return _record(rec, prim, (a, b), _NO_ATTRS)
    if plan[0] is None:  # two tensors
        x = a.value if a.rec is rec else _leaf(rec, a)
        y = b.value if b.rec is rec else _leaf(rec, b)
        if x is not None and y is not None:
            return _noted(rec, prim, (x, y), (), plan, rec.here(5))
        return _record(rec, prim, (a, b), _NO_ATTRS)
    to_a, to_b = plan[0]
    if to_b is None and (kind_a is float or kind_a is int) and b.rec is rec:
        here = rec.here(5)
        number = rec.literal(a, to_a, here)
        return _noted(rec, prim, (number, b.value), (), plan, here)
    if to_a is None and (kind_b is float or kind_b is int) and a.rec is rec:
        here = rec.here(5)
        number = rec.literal(b, to_b, here)
        return _noted(rec, prim, (a.value, number), (), plan, here)
    return _record(rec, prim, (a, b), _NO_ATTRS)


def _leaf(rec: Recording, t: Tensor) -> Value | None:
    """The leaf that a tensor's numbers are already."""
    found = rec.leaf_by_id.get(id(t.known))
    return None if found is None else found[1]


def _record(
    rec: Recording, prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]
) -> Any:
    """Find out what an op is made of, and note it."""
    kinds: list[Any] = []
    operands: list[Value] = []
    as_is = True
    for a in args:
        t = type(a)
        if t is Tensor:
            kinds.append(a.kind)
            if a.rec is rec:
                operands.append(a.value)
            elif id(a.known) in rec.leaf_by_id:
                operands.append(rec.leaf_by_id[id(a.known)][1])
            else:
                as_is = False
        elif t is float or t is int:
            kinds.append(t)
            as_is = False
        else:
            return _record(rec, prim, tuple([operand(x) for x in args]), attrs)
    items = tuple(attrs.items()) if attrs else ()
    key = (prim, items, *kinds)
    plan = rec.plans.get(key)
    if plan is None:
        plan = rec.plans[key] = _plan(prim, kinds, attrs, rec)
    casts = plan[0]
    here = rec.here(5)
    if casts is not None or not as_is:
        wanted = casts or (None,) * len(args)
        operands = [_recorded(rec, a, t, here) for a, t in zip(args, wanted)]  # noqa: B905
    return _noted(rec, prim, tuple(operands), items, plan, here)


def _noted(
    rec: Recording, prim: Primitive, operands: tuple[Value, ...], items: Any, plan: Any,
    here: Meta | None,
) -> Any:  # fmt: skip
    """The tensor (or tensors) of one more op."""
    _, type_, kind = plan
    value = rec.append(prim, operands, items, type_, here)
    if type(type_) is TupleType:
        return _results(rec, value, prim)
    out = _new(Tensor)
    out.rec = rec
    out.value = value
    out.kind = kind
    out.known = None
    if rec.is_trace:
        return out
    rec.track(out)
    if prim.may_raise or EAGER:
        _flush_here(rec, out)
    return out


def _recorded(rec: Recording, a: Any, dtype: Any, here: Meta | None) -> Value:
    """An operand on the recording, cast when the operation wants another dtype."""
    if type(a) is not Tensor:
        return rec.literal(a, dtype, here)
    v: Value = a.value if a.rec is rec else rec.leaf_of(a) or rec.leaf(a, a.array)
    if dtype is None:
        return v
    to = ArrayType(dtype, v.type.shape)
    return rec.append(cast, (v,), (("dtype", dtype),), to, here)


def _flush_here(rec: Recording, out: Tensor) -> None:
    """Ops that fail because of their values do so on the user's own line."""
    try:
        rec.flush([out.value])
    except Exception:
        rec.values.remove(out.value)
        rec.step = None
        raise


def _results(rec: Recording, value: Value, prim: Primitive) -> Any:
    """One tensor per result of an op with several; None for an effect."""
    if prim.effect:
        return None
    outs = []
    for i, type_ in enumerate(value.type.items):
        out = Tensor(rec, rec.append(item, (value,), (("index", i),), type_), type_)
        rec.track(out)
        outs.append(out)
    if prim.may_raise and not rec.is_trace:
        rec.flush([t.value for t in outs])
    return tuple(outs)


def _plan(
    prim: Primitive, kinds: list[Any], attrs: dict[str, Any], rec: Recording
) -> tuple[tuple[Any, ...] | None, Type, Any]:
    """Casts of the operands, result type and kind; errors name the user's line."""
    try:
        given = [k.type if type(k) is Weak else k for k in kinds]
        dtypes = tuple(
            k.python if type(k) is Weak else k.dtype if type(k) is ArrayType else k
            for k in kinds
        )
        wanted = prim.promote(dtypes) if prim.promote else _default_dtypes(dtypes)
        types, casts = [], []
        for t, dtype in zip(given, wanted, strict=True):
            is_array = type(t) is ArrayType
            types.append(ArrayType(dtype, t.shape if is_array else ()))
            casts.append(None if is_array and t.dtype == dtype else dtype)
        type_ = prim.type_rule(*types, **attrs)
    except TapecError as error:
        raise at(error, locate(rec.stop)) from None
    kind: Any = type_
    if (
        type(type_) is ArrayType
        and all(type(k) is not ArrayType for k in kinds)
        and kinds
    ):
        kind = Weak.of(type_)
    needed = any(c is not None for c in casts)
    return tuple(casts) if needed else None, type_, kind


def _default_dtypes(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    return tuple(d if isinstance(d, np.dtype) else np.dtype(d) for d in dtypes)


def concrete(x: Any) -> Array:
    """The numbers of `x` for code whose shape depends on them (boolean masks).

    In a trace the result is that of the example arguments, and a `check` keeps the
    compiled program from being used when it would be different.
    """
    if not isinstance(x, Operators):
        return np.asarray(x)
    t = as_tensor(x)
    array = t.array
    if t.rec is not None and t.rec.is_trace and t.rec is state.recording:
        check_equal(t, array)
    return array


def check_equal(t: Tensor, array: Array) -> None:
    """Record that the program is valid only while `t` equals `array`."""
    equal = np.equal(t, array)
    if array.dtype.kind in "fc" and np.isnan(array).any():
        equal = equal | (np.isnan(t) & np.isnan(array))
    same = FUNCTIONS[np.all](equal)
    _primitive.PRIMITIVES["check"](same, expected=True)


_primitive.install_bind(bind)
