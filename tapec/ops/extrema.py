"""The larger and the smaller of two, clipping, rounding: ops that select or step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.ir import ArrayType
from tapec.ops.powers import broadcast_like
from tapec.ops.select import where
from tapec.primitive import (
    Masked,
    Primitive,
    Sample,
    Scalar,
    draw_array,
    elementwise,
    primitive,
)
from tapec.promotion import broadcast_shapes, promote_together

__all__ = [
    "ceil",
    "clip",
    "floor",
    "fmax",
    "fmin",
    "heaviside",
    "maximum",
    "minimum",
    "rint",
    "trunc",
]

ANY = (-3.0, 3.0)
REAL = "dflbB?"


# --- the larger and the smaller -----------------------------------------------


def _chosen(ct: Any, wins: Any, ties: Any) -> Masked:
    """All of `ct` to the winner, half of it where both operands are equal."""
    live = wins | ties
    return Masked(where(wins, ct, where(ties, 0.5 * ct, 0)), live)


def _maximum_dx(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, x > y, x == y)


def _maximum_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, y > x, x == y)


def _minimum_dx(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, x < y, x == y)


def _minimum_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, y < x, x == y)


def _fmax_dx(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, (x > y) | np.isnan(y), x == y)


def _fmax_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, (y > x) | np.isnan(x), x == y)


def _fmin_dx(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, (x < y) | np.isnan(y), x == y)


def _fmin_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _chosen(ct, (y < x) | np.isnan(x), x == y)


def _fmax(b: Any, x: Any, y: Any) -> Any:
    return b.where((x >= y) | (y != y), x, y)


def _fmin(b: Any, x: Any, y: Any) -> Any:
    return b.where((x <= y) | (y != y), x, y)


def _one_of_two(
    ufunc: np.ufunc, doc: str, vjp: tuple[Any, Any], lower: Callable[..., Any]
) -> Primitive:
    return elementwise(
        name=ufunc.__name__,
        doc=doc,
        reference=ufunc,
        vjp=vjp,
        lower=lower,
        domain=(ANY, ANY),
        dtypes=REAL,
    )


maximum = _one_of_two(
    np.maximum,
    "The larger of x and y, nan if one is nan; at a tie each gets half the gradient.",
    (_maximum_dx, _maximum_dy),
    lambda b, x, y: b.maximum(x, y),
)
minimum = _one_of_two(
    np.minimum,
    "The smaller of x and y, nan if one is nan; at a tie each gets half the gradient.",
    (_minimum_dx, _minimum_dy),
    lambda b, x, y: b.minimum(x, y),
)
fmax = _one_of_two(
    np.fmax,
    "The larger of x and y, the other one if one is nan.",
    (_fmax_dx, _fmax_dy),
    _fmax,
)
fmin = _one_of_two(
    np.fmin,
    "The smaller of x and y, the other one if one is nan.",
    (_fmin_dx, _fmin_dy),
    _fmin,
)


# --- clip ---------------------------------------------------------------------


def _only(ct: Any, live: Any, out: Any) -> Masked:
    return Masked(where(live, ct, 0), lambda: broadcast_like(live, out))


def _clip_dx(ct: Any, out: Any, x: Any, low: Any, high: Any) -> Masked:
    return _only(ct, (low <= x) & (x <= high), out)


def _clip_dlow(ct: Any, out: Any, x: Any, low: Any, high: Any) -> Masked:
    return _only(ct, (x < low) & (low <= high), out)


def _clip_dhigh(ct: Any, out: Any, x: Any, low: Any, high: Any) -> Masked:
    return _only(ct, (x > high) | (low > high), out)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def _clip_type(x: ArrayType, low: ArrayType, high: ArrayType) -> ArrayType:
    return ArrayType(x.dtype, broadcast_shapes("clip", x, low, high))


def _clip_lower(b: Any, x: Any, low: Any, high: Any) -> Any:
    return b.minimum(b.maximum(x, low), high)


def _clip_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(dtype: str, *shapes: tuple[int, ...]) -> Sample:
        return Sample(tuple(draw_array(rng, ANY, s, dtype) for s in shapes))

    cases = [
        draw("d", (4, 5), (), ()),
        draw("d", (), (), ()),
        draw("d", (4,), (3, 1), ()),
    ]
    return [*cases, draw("d", (0,), (1,), ()), *(draw(t, (9,), (), ()) for t in "flB")]


clip = primitive(
    name="clip",
    doc="x kept between low and high; at the boundary x gets the gradient.",
    reference=_clip,
    type_rule=_clip_type,
    vjp=(_clip_dx, _clip_dlow, _clip_dhigh),
    lower=Scalar(_clip_lower),
    samples=_clip_samples,
    batch=aligned,
    promote=promote_together,
    liveness="keep",
    affine=True,
)


# --- steps --------------------------------------------------------------------


def _heaviside_dy(ct: Any, out: Any, x: Any, y: Any) -> Masked:
    return _only(ct, x == 0, out)


def _heaviside(b: Any, x: Any, y: Any) -> Any:
    zero, one = b.const(0, like=x), b.const(1, like=x)
    return b.where(x == zero, y, b.where(x < zero, zero, b.where(x > zero, one, x)))


heaviside = elementwise(
    name="heaviside",
    doc="0 for negative x, 1 for positive x, y at 0.",
    reference=np.heaviside,
    vjp=(None, _heaviside_dy),
    lower=_heaviside,
    domain=(ANY, ANY),
    affine=True,
)


def _rounding(ufunc: np.ufunc, doc: str) -> Primitive:
    name = ufunc.__name__

    def lower(b: Any, x: Any) -> Any:
        return b.intrinsic(name, x) if x.dtype.kind == "f" else x

    return elementwise(
        name=name, doc=doc, reference=ufunc, vjp=None, lower=lower, domain=(ANY,),
        dtypes="dflB",
    )  # fmt: skip


floor = _rounding(np.floor, "The largest integer not above x.")
ceil = _rounding(np.ceil, "The smallest integer not below x.")
trunc = _rounding(np.trunc, "The integer part of x.")
rint = _rounding(np.rint, "The nearest integer, the even one of two.")
