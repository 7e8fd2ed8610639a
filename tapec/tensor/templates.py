"""What NumPy's functions record, by kinds of operands: worked out once.

`bind` keeps for each operation and kinds of operands the casts and the result's type.
The same for whole functions: `x[1:, 2]` or `np.mean(x)` on one kind of tensor records
the same ops wherever it is called, if it does nothing else. Such a call is noted when
it is made for the second time, and from then on its ops are recorded without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Attrs, Type, Value
from tapec.recording import Recording
from tapec.recording.recording import PLANS
from tapec.tensor.calls import STATIC, side_effects
from tapec.tensor.tensor import Tensor

__all__ = ["called", "clear"]

MOST = 16_384
_known: dict[Any, Any] = {}
"""A template by call. True for one that was made once, False for one that does more
than to record ops, or something else each time."""

_ENDS = {int, type(None)}
"""Types in slices that say all by their value."""

_new = object.__new__


def clear() -> None:
    """Forget all calls."""
    _known.clear()


class _Op(NamedTuple):
    """args: places among the operands and the ops before."""

    prim: Any
    args: tuple[int, ...]
    attrs: Attrs
    type: Type


class Template(NamedTuple):
    """The ops of a call; its result's place among operands and ops, and its kind."""

    ops: list[_Op]
    result: int
    kind: Any

    def recorded(self, rec: Recording, operands: list[Value], near: int) -> Tensor:
        """The result; all ops are made in one place. near: see `Recording.here`."""
        here = rec.here(near)
        for prim, places, attrs, type_ in self.ops:
            args = tuple([operands[i] for i in places])
            operands.append(rec.append(prim, args, attrs, type_, here))
        out: Any = _new(Tensor)
        out.rec = rec
        out.value = operands[self.result]
        out.kind = self.kind
        out.known = None
        if not rec.is_trace:
            rec.track(out)
        return out  # type: ignore[no-any-return]


def called(
    rec: Recording, implementation: Callable[..., Any], what: Any, args: Any,
    options: dict[str, Any],
) -> Any:  # fmt: skip
    """`implementation(*args, **options)`, perhaps without calling it.

    what: the function that is implemented.
    """
    operands: list[Value] = []
    key = _key(rec, what, args, options, operands) if rec.plans is PLANS else None
    template = False if key is None else _known.get(key)
    if type(template) is Template:
        return template.recorded(rec, operands, 5)
    if template is None:
        if len(_known) >= MOST:
            clear()
        _known[key] = True
    if not template:
        return implementation(*args, **options)
    first, before = len(rec.values), (rec.position, side_effects(rec))
    out = implementation(*args, **options)
    found = rec.values[first:]
    pure = before == (rec.position - len(found), side_effects(rec))
    changed = any(out is a for a in args)
    made = _template(operands, found, rec, out) if pure and not changed else None
    _known[key] = made or False
    return out


def _template(
    operands: list[Value], recorded: list[Value], rec: Recording, out: Any
) -> Template | None:
    if type(out) is not Tensor or out.rec is not rec or out.known is not None:
        return None
    places = {v: i for i, v in enumerate([*operands, *recorded])}
    ops = []
    for v in recorded:
        if v.prim.may_raise or v.prim.effect or any(a not in places for a in v.args):
            return None
        ops.append(_Op(v.prim, tuple([places[a] for a in v.args]), v.attrs, v.type))
    result = places.get(out.value, 0)
    if result < len(operands):
        return None  # one of the operands, which is a tensor already
    return Template(ops, result, out.kind)


# --- keys -----------------------------------------------------------------------


def _key(
    rec: Recording, what: Any, args: Any, options: dict[str, Any], operands: list[Value]
) -> Any:
    """What decides on the ops of a call; None where more does.

    operands: takes the values of the tensors, each once.
    """
    marks: list[Any] = [what, rec.is_trace, rec.is_body]
    for a in args:
        if not _mark(rec, a, marks, operands):
            return None
    for name, a in options.items():
        marks.append(name)
        if not _mark(rec, a, marks, operands):
            return None
    return tuple(marks)


def _mark(rec: Recording, x: Any, marks: list[Any], operands: list[Value]) -> bool:
    """Append what `x` is to the marks; False if that cannot be said."""
    kind = type(x)
    if kind is Tensor:
        if x.rec is not rec or x.known is not None:
            return False
        value = x.value
        if value in operands:
            marks += (operands.index(value), x.kind)
        else:
            marks += (len(operands), x.kind)
            operands.append(value)
        return True
    if kind is int or kind is str or kind is bool:
        marks += (kind, x)
        return True
    if kind is slice:
        x = a, b, c = x.start, x.stop, x.step
        if type(a) in _ENDS and type(b) in _ENDS and type(c) in _ENDS:
            marks += (kind, a, b, c)
            return True
    if kind is slice or kind is tuple or kind is list:
        marks += (kind, len(x))
        for e in x:  # noqa: SIM110 (called for each op)
            if not _mark(rec, e, marks, operands):
                return False
        return True
    if kind is float:
        marks += (kind, x.hex())
        return True
    marks += (kind, x)
    return kind in STATIC or isinstance(x, np.dtype)
