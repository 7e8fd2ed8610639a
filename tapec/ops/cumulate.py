"""Running sums and products along one axis, and the recurrence behind their gradients.

`reverse` runs from the end; `exclusive` leaves the element itself out, so that the
first result is the neutral element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import along
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.primitive import Running, Sample, draw_array, primitive
from tapec.promotion import promote_together

__all__ = ["cumprod", "cumsum", "recurrence"]

Array = np.ndarray[Any, Any]
ANY = (-3.0, 3.0)


def _along(x: ArrayType, axis: int) -> ArrayType:
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"no axis {axis} in {x!r}")
    return x


def _shifted(out: Array, axis: int, first: int) -> Array:
    """`out` one place later along `axis`, beginning with `first`."""
    moved = np.empty_like(out)
    rows, source = np.moveaxis(moved, axis, 0), np.moveaxis(out, axis, 0)
    rows[:1] = first
    rows[1:] = source[:-1]
    return moved


def _accumulate(
    ufunc: np.ufunc, x: Array, axis: int, reverse: bool, exclusive: bool
) -> Array:
    if reverse:
        x = np.flip(x, axis)
    out = ufunc.accumulate(x, axis=axis, dtype=x.dtype)
    if exclusive:
        out = _shifted(out, axis, ufunc.identity)
    return np.flip(out, axis) if reverse else out


def _running_type(
    x: ArrayType, *, axis: int, reverse: bool, exclusive: bool
) -> ArrayType:
    return _along(x, axis)


def _running_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(
        shape: tuple[int, ...], axis: int, way: tuple[bool, bool], dtype: str = "d"
    ) -> Sample:
        attrs = {"axis": axis, "reverse": way[0], "exclusive": way[1]}
        return Sample((draw_array(rng, ANY, shape, dtype),), attrs)

    ways = [(r, e) for r in (False, True) for e in (False, True)]
    cases = [draw((2, 4), a, way) for a in (0, 1) for way in ways]
    cases += [draw((0, 3), a, (False, True)) for a in (0, 1)]
    return [*cases, *(draw((4,), 0, (True, False), dtype) for dtype in "fDlB")]


# --- cumsum -------------------------------------------------------------------


def _cumsum(x: Array, *, axis: int, reverse: bool, exclusive: bool) -> Array:
    return _accumulate(np.add, x, axis, reverse, exclusive)


def _cumsum_d(
    ct: Any, out: Any, x: Any, *, axis: int, reverse: bool, exclusive: bool
) -> Any:
    return cumsum(ct, axis=axis, reverse=not reverse, exclusive=exclusive)


cumsum = primitive(
    name="cumsum",
    doc="The sum of all elements up to each one along `axis`.",
    reference=_cumsum,
    type_rule=_running_type,
    vjp=(_cumsum_d,),
    lower=Running(lambda b, state, x: state + x, start=0),
    samples=_running_samples,
    batch=along,
    affine=True,
)


# --- recurrence ---------------------------------------------------------------


def _recurrence(
    a: Array, b: Array, *, axis: int, reverse: bool, exclusive: bool
) -> Array:
    out = np.empty_like(b)
    factors, terms, rows = (np.moveaxis(v, axis, 0) for v in (a, b, out))
    state = np.zeros(rows.shape[1:], rows.dtype)
    order = range(len(rows))
    for i in reversed(order) if reverse else order:
        following = factors[i] * state + terms[i]
        rows[i] = state if exclusive else following
        state = following
    return out


def _recurrence_type(
    a: ArrayType, b: ArrayType, *, axis: int, reverse: bool, exclusive: bool
) -> ArrayType:
    if a != b:
        raise DTypeError(f"recurrence: operands of different type: {a!r}, {b!r}")
    return _along(b, axis)


def _recurrence_adjoint(
    ct: Any, a: Any, axis: int, reverse: bool, exclusive: bool
) -> Any:
    """The cotangent of every step: the recurrence run backwards."""
    a = conj(a)
    if exclusive:
        return recurrence(a, ct, axis=axis, reverse=not reverse, exclusive=True)
    return ct + recurrence(a, a * ct, axis=axis, reverse=not reverse, exclusive=True)


def _recurrence_da(
    ct: Any, out: Any, a: Any, b: Any, *, axis: int, reverse: bool, exclusive: bool
) -> Any:
    before = recurrence(a, b, axis=axis, reverse=reverse, exclusive=True)
    return _recurrence_adjoint(ct, a, axis, reverse, exclusive) * conj(before)


def _recurrence_db(
    ct: Any, out: Any, a: Any, b: Any, *, axis: int, reverse: bool, exclusive: bool
) -> Any:
    return _recurrence_adjoint(ct, a, axis, reverse, exclusive)


def _recurrence_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((s.args[0], draw_array(rng, ANY, s.args[0].shape, s.args[0].dtype.char)),
               s.attrs)
        for s in _running_samples(rng)
        if s.args[0].dtype.kind in "fc"
    ]  # fmt: skip


recurrence = primitive(
    name="recurrence",
    doc="s[i] = a[i] * s[i - 1] + b[i] along `axis`, starting from 0.",
    reference=_recurrence,
    type_rule=_recurrence_type,
    vjp=(_recurrence_da, _recurrence_db),
    lower=Running(lambda b, state, x, y: x * state + y, start=0),
    samples=_recurrence_samples,
    batch=along,
    promote=promote_together,
)


# --- cumprod ------------------------------------------------------------------


def _cumprod(x: Array, *, axis: int, reverse: bool, exclusive: bool) -> Array:
    return _accumulate(np.multiply, x, axis, reverse, exclusive)


def _cumprod_d(
    ct: Any, out: Any, x: Any, *, axis: int, reverse: bool, exclusive: bool
) -> Any:
    """No division, so exact with any number of zeros, to any order."""
    before = cumprod(x, axis=axis, reverse=reverse, exclusive=True)
    after = _recurrence_adjoint(ct, x, axis, reverse, exclusive)
    return conj(before) * after


cumprod = primitive(
    name="cumprod",
    doc="The product of all elements up to each one along `axis`.",
    reference=_cumprod,
    type_rule=_running_type,
    vjp=(_cumprod_d,),
    lower=Running(lambda b, state, x: state * x, start=1),
    samples=_running_samples,
    batch=along,
)
