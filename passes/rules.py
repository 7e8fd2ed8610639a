"""What differentiation in both directions shares: cotangent pairs, rules applied."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import TraceError, UnsupportedError, at
from tapec.ir import ArrayType, TupleType, Value
from tapec.ops.cast import cast
from tapec.ops.const import item
from tapec.ops.shape import broadcast_to
from tapec.recording import Recording
from tapec.tensor import FUNCTIONS, Tensor

__all__ = ["Pair", "Rules", "differentiable", "filled", "fit"]


def differentiable(type_: Any) -> bool:
    """Whether values of this type have cotangents."""
    return type(type_) is ArrayType and type_.dtype.kind in "fc"


def filled(rec: Recording, type_: ArrayType, number: float) -> Tensor:
    """A tensor of this type with every element `number`."""
    value = rec.literal(number, type_.dtype)
    scalar = Tensor(rec, value, value.type)
    return broadcast_to(scalar, shape=type_.shape) if type_.shape else scalar


class Pair:
    """A cotangent, where it can be nonzero, and whether it is zero elsewhere."""

    __slots__ = ("clean", "ct", "live")

    def __init__(self, ct: Tensor, live: Any = None, clean: bool = True) -> None:
        self.ct = ct
        self.live = live
        self.clean = clean

    def mask(self) -> Any:
        """`live` as a tensor, computed when first asked for."""
        if callable(self.live):
            self.live = self.live()
        return self.live

    def settled(self) -> Tensor:
        """The cotangent with everything outside `live` set to zero."""
        if not self.clean:
            self.ct = FUNCTIONS[np.where](self.mask(), self.ct, 0)
            self.clean = True
        return self.ct


class Rules:
    """The derivative rules applied to ops of a recording.

    tensors: forward values as the rules see them, made once.
    """

    def __init__(self, rec: Recording) -> None:
        self.rec = rec
        self.tensors: dict[Value, Any] = {}

    def tensor(self, value: Value) -> Any:
        """A forward value as the rules see it."""
        found = self.tensors.get(value)
        if found is None:
            if type(value.type) is TupleType:
                found = self._items(value)
            else:
                found = Tensor(self.rec, value, value.type)
            self.tensors[value] = found
        return found

    def _items(self, value: Value) -> tuple[Tensor, ...]:
        parts = enumerate(value.type.items)
        made = [
            self.rec.append(item, (value,), (("index", i),), type_)
            for i, type_ in parts
        ]
        return tuple(Tensor(self.rec, v, v.type) for v in made)

    def apply(self, op: Value, ct: Any, needed: list[int]) -> list[tuple[int, Any]]:
        """What the primitive's rule gives for the needed operands."""
        try:
            return self._apply(op, ct, needed)
        except UnsupportedError as error:
            raise at(error, op.meta.loc) from None

    def _apply(self, op: Value, ct: Any, needed: list[int]) -> list[tuple[int, Any]]:
        rule = op.prim.vjp
        out = self.tensor(op)
        args = [self.tensor(a) for a in op.args]
        attrs = dict(op.attrs)
        if callable(rule):
            every = rule(ct, out, *args, **attrs)
            got = [(i, every[i]) for i in needed]
        else:
            got = [
                (i, rule[i](ct, out, *args, **attrs))
                for i in needed
                if rule[i] is not None
            ]
        return [(i, g) for i, g in got if g is not None]


def fit(pair: Pair, type_: Any) -> Pair:
    """Undo what recording did to the operand: broadcasting and casts."""
    if len(pair.ct.shape) != len(type_.shape) or pair.ct.shape != type_.shape:
        axes = _broadcast_axes(pair.ct.shape, type_.shape)
        shape, live = pair.ct.shape, pair.live
        total = _summed(pair.settled(), axes, type_.shape)
        if live is not None:
            mask = pair.mask
            live = lambda: _any_along(mask(), shape, axes, type_.shape)  # noqa: E731
        pair = Pair(total, live)
    if pair.ct.dtype != type_.dtype:
        real = pair.ct.dtype.kind == "c" and type_.dtype.kind != "c"
        ct = np.real(pair.ct) if real else pair.ct
        pair = Pair(cast(ct, dtype=type_.dtype), pair.live, pair.clean)
    return pair


def _broadcast_axes(big: tuple[int, ...], small: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of `big` along which `small` was repeated."""
    extra = len(big) - len(small)
    if extra < 0:
        raise TraceError(f"cotangent of shape {big} for an operand of shape {small}")
    repeated = (i for i, d in enumerate(small, extra) if d == 1 and big[i] != 1)
    return (*range(extra), *repeated)


def _summed(ct: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    total = FUNCTIONS[np.sum](ct, axis=axes, dtype=ct.dtype)
    return total if total.shape == shape else np.reshape(total, shape)


def _any_along(
    mask: Any, shape: tuple[int, ...], axes: tuple[int, ...], small: tuple[int, ...]
) -> Any:
    whole = mask if mask.shape == shape else FUNCTIONS[np.broadcast_to](mask, shape)
    return np.reshape(FUNCTIONS[np.any](whole, axis=axes), small)
