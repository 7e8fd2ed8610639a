"""Reductions over axes: the axes disappear, the dtype stays.

`axis` is a sorted tuple of non-negative integers. What NumPy adds (keepdims, where=,
accumulator dtypes) is written with other ops in `tapec.numpy.reductions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.batching import along
from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.ops.cast import cast
from tapec.ops.complex import conj
from tapec.ops.cumulate import cumprod
from tapec.ops.select import where
from tapec.ops.shape import broadcast_to, reshape, transpose
from tapec.primitive import (
    HOST,
    Masked,
    Primitive,
    Reduce,
    Sample,
    draw_array,
    primitive,
)

__all__ = [
    "all_",
    "any_",
    "argmax",
    "argmin",
    "identity",
    "max_",
    "min_",
    "prod",
    "sum_",
]

Axes = tuple[int, ...]
ANY = (-3.0, 3.0)
BOOL = np.dtype(np.bool_)
INDEX = np.dtype(np.intp)


# --- axes ---------------------------------------------------------------------


def kept(name: str, x: ArrayType, axis: Axes) -> tuple[int, ...]:
    """The shape without the axes `axis`."""
    if list(axis) != sorted(set(axis)) or not all(0 <= a < x.ndim for a in axis):
        raise ShapeError(f"{name}: axis={axis} does not fit {x!r}")
    return tuple(d for a, d in enumerate(x.shape) if a not in axis)


def spread(ct: Any, shape: tuple[int, ...], axis: Axes) -> Any:
    """`ct` repeated along the axes that a reduction removed."""
    ones = tuple(1 if a in axis else d for a, d in enumerate(shape))
    wide = ct if ct.shape == ones else reshape(ct, shape=ones)
    return wide if ones == tuple(shape) else broadcast_to(wide, shape=tuple(shape))


def _keeps_dtype(name: str, identity: bool) -> Callable[..., ArrayType]:
    def type_rule(x: ArrayType, *, axis: Axes) -> ArrayType:
        out = ArrayType(x.dtype, kept(name, x, axis))
        if not identity and 0 in [x.shape[a] for a in axis] and 0 not in out.shape:
            raise ShapeError(f"{name} of nothing has no value: {x!r}, axis={axis}")
        return out

    return type_rule


def _gives(dtype: np.dtype[Any], name: str) -> Callable[..., ArrayType]:
    def type_rule(x: ArrayType, *, axis: Axes) -> ArrayType:
        return ArrayType(dtype, kept(name, x, axis))

    return type_rule


def _samples(dtypes: str, *, empty: bool = True) -> Callable[..., list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        def draw(shape: tuple[int, ...], axis: Axes, dtype: str = dtypes[0]) -> Sample:
            return Sample((draw_array(rng, ANY, shape, dtype),), {"axis": axis})

        cases = [draw((2, 3, 4), (0, 2)), draw((5,), (0,)), draw((), ())]
        cases += [draw((2, 3), (1,)), draw((0, 3), (1,)), draw((2, 3), ())]
        if empty:
            cases += [draw((0, 3), (0,)), draw((2, 0), (0, 1))]
        return [*cases, *(draw((3, 4), (1,), dtype) for dtype in dtypes[1:])]

    return samples


def identity(monoid: str, dtype: np.dtype[Any]) -> Any:
    """The number that a reduction starts from."""
    if monoid in ("add", "or"):
        return 0
    if monoid in ("mul", "and"):
        return 1
    if dtype.kind == "f":
        return -np.inf if monoid == "max" else np.inf
    if dtype.kind == "b":
        return monoid == "min"
    info = np.iinfo(dtype)
    return info.min if monoid == "max" else info.max


# --- sum ----------------------------------------------------------------------


def _sum(x: Any, *, axis: Axes) -> Any:
    return np.sum(x, axis=axis, dtype=x.dtype)


def _sum_d(ct: Any, out: Any, x: Any, *, axis: Axes) -> Any:
    return spread(ct, x.shape, axis)


sum_ = primitive(
    name="sum",
    doc="The sum over the axes `axis`, accumulated in the dtype of `x`.",
    reference=_sum,
    type_rule=_keeps_dtype("sum", identity=True),
    vjp=(_sum_d,),
    lower=Reduce("add"),
    samples=_samples("dfDFlB"),
    batch=along,
    liveness="move",
    affine=True,
)


# --- product ------------------------------------------------------------------


def _prod(x: Any, *, axis: Axes) -> Any:
    return np.prod(x, axis=axis, dtype=x.dtype)


def _prod_d(ct: Any, out: Any, x: Any, *, axis: Axes) -> Any:
    """The product of all others, from both sides: exact with any number of zeros."""
    if not axis:
        return ct
    order = tuple(a for a in range(x.ndim) if a not in axis) + axis
    last = len(order) - len(axis)
    moved = transpose(x, perm=order)
    rows = reshape(moved, shape=(*moved.shape[:last], _size(moved.shape[last:])))
    before = cumprod(rows, axis=last, reverse=False, exclusive=True)
    after = cumprod(rows, axis=last, reverse=True, exclusive=True)
    others = reshape(before * after, shape=moved.shape)
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return spread(ct, x.shape, axis) * conj(transpose(others, perm=back))


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for d in shape:
        n *= d
    return n


prod = primitive(
    name="prod",
    doc="The product over the axes `axis`.",
    reference=_prod,
    type_rule=_keeps_dtype("prod", identity=True),
    vjp=(_prod_d,),
    lower=Reduce("mul"),
    samples=_samples("dfDlB"),
    batch=along,
)


# --- extrema ------------------------------------------------------------------


def _extremum_d(ct: Any, out: Any, x: Any, *, axis: Axes) -> Masked:
    """Elements that attain the extremum share the cotangent equally."""
    hit = x == spread(out, x.shape, axis)
    count = np.maximum(sum_(cast(hit, dtype=ct.dtype), axis=axis), 1)
    return Masked(where(hit, spread(ct / count, x.shape, axis), 0), hit)


def _extremum(name: str, reduce: Callable[..., Any]) -> Primitive:
    def reference(x: Any, *, axis: Axes) -> Any:
        return reduce(x, axis=axis)

    return primitive(
        name=name,
        doc=f"The {name}imum over the axes `axis`; ties share the gradient.",
        reference=reference,
        type_rule=_keeps_dtype(name, identity=False),
        vjp=(_extremum_d,),
        lower=Reduce(name),
        samples=_samples("dflB?", empty=False),
        batch=along,
    )


max_ = _extremum("max", np.max)
min_ = _extremum("min", np.min)


# --- truth --------------------------------------------------------------------


def _truth(name: str, doc: str, reduce: Callable[..., Any], monoid: str) -> Primitive:
    def reference(x: Any, *, axis: Axes) -> Any:
        return reduce(x, axis=axis)

    return primitive(
        name=name, doc=doc, reference=reference, type_rule=_gives(BOOL, name), vjp=None,
        lower=Reduce(monoid), samples=_samples("?"), batch=along,
    )  # fmt: skip


any_ = _truth("any", "Whether any element over `axis` is true.", np.any, "or")
all_ = _truth("all", "Whether all elements over `axis` are true.", np.all, "and")


# --- positions ----------------------------------------------------------------


def _position(name: str, reduce: Callable[..., Any]) -> Primitive:
    def reference(x: Any, *, axis: Axes) -> Any:
        return reduce(x, axis=axis[0])

    def type_rule(x: ArrayType, *, axis: Axes) -> ArrayType:
        if len(axis) != 1 or x.shape[axis[0]] == 0:
            raise ShapeError(f"{name} takes one axis of some length: {x!r}, {axis}")
        return ArrayType(INDEX, kept(name, x, axis))

    def samples(rng: np.random.Generator) -> list[Sample]:
        x = draw_array(rng, ANY, (3, 4))
        arrays = (x, np.round(x), x[:0], x.astype(int), x > 0)
        first = Sample((x,), {"axis": (0,)})
        return [first, *(Sample((a,), {"axis": (1,)}) for a in arrays)]

    return primitive(
        name=name,
        doc=f"The index of the first {name[3:]}imum along the axis.",
        reference=reference,
        type_rule=type_rule,
        vjp=None,
        lower=HOST,
        samples=samples,
        batch=along,
    )


argmax = _position("argmax", np.argmax)
argmin = _position("argmin", np.argmin)
