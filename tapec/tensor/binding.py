"""Applying a primitive: record it, or compute it now."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.errors import TapecError, at
from tapec.ir import ArrayType, TupleType, Type, Value
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

__all__ = ["bind", "check_equal", "concrete"]

EAGER = os.environ.get("TAPEC_EAGER", "0") not in ("", "0")
"""Whether a tape computes each op as it is recorded (for stepping through in pdb)."""


def bind(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Apply a primitive: record it on this thread's recording, or compute it now."""
    rec = state.recording
    if rec is None:
        return compute(prim, args, attrs)
    if rec.step is None:
        plain = None if attrs else _plain(rec, prim, args)
        if plain is not None:
            plan = rec.plans.get(plain[0])
            if plan is not None and plan[0] is None:
                return _noted(rec, prim, plain[1], (), plan)
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


def _plain(rec: Recording, prim: Primitive, args: tuple[Any, ...]) -> Any:
    """Key of the plan, and values, for one or two tensors of this recording."""
    if len(args) == 2:
        a, b = args
        if type(a) is Tensor is type(b) and a.rec is rec is b.rec:
            return (prim, (), a.kind, b.kind), (a.value, b.value)
    elif len(args) == 1:
        (a,) = args
        if type(a) is Tensor and a.rec is rec:
            return (prim, (), a.kind), (a.value,)
    return None


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
    if casts is not None or not as_is:
        wanted = casts or (None,) * len(args)
        operands = [_recorded(rec, a, dtype) for a, dtype in zip(args, wanted)]  # noqa: B905
    return _noted(rec, prim, tuple(operands), items, plan)


def _noted(
    rec: Recording, prim: Primitive, operands: tuple[Value, ...], items: Any, plan: Any
) -> Any:
    """The tensor (or tensors) of one more op."""
    _, type_, kind = plan
    value = rec.append(prim, operands, items, type_, 5)
    if type(type_) is TupleType:
        return _results(rec, value, prim)
    out = Tensor(rec, value, kind)
    if rec.is_trace:
        return out
    rec.track(out)
    if prim.may_raise or EAGER:
        _flush_here(rec, out)
    return out


def _recorded(rec: Recording, a: Any, dtype: Any) -> Value:
    """An operand on the recording, cast when the operation wants another dtype."""
    if type(a) is not Tensor:
        return rec.literal(a, dtype, 7)
    v: Value = a.value if a.rec is rec else rec.leaf_of(a) or rec.leaf(a, a.array)
    if dtype is None:
        return v
    to = ArrayType(dtype, v.type.shape)
    return rec.append(cast, (v,), (("dtype", dtype),), to)


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
