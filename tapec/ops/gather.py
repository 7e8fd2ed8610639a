"""Advanced indexing: elements fetched from, added to and put in computed places.

The indexed axes are neighbours: `axis`, `axis + 1`, ..., one per index array, and the
common shape of the index arrays takes their place in the result. Indices lie in
[-n, n): `tapec.numpy.indexing` has made sure when one of these ops is recorded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tapec.batching import Batch, padded
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.positions import iota
from tapec.ops.select import where
from tapec.ops.shape import broadcast_to, reshape
from tapec.primitive import Index, Masked, Sample, Scatter, primitive
from tapec.promotion import broadcast_shapes

__all__ = ["gather", "put", "scatter_add"]

Shape = tuple[int, ...]


def _key(indices: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, *indices)


def _gathered(
    op: str, shape: Shape, indices: tuple[ArrayType, ...], axis: int
) -> Shape:
    """The shape of `x[:, ..., i, j, ...]` for `x` of `shape`."""
    if any(t.dtype.kind not in "iu" for t in indices):
        listed = ", ".join(map(repr, indices))
        raise DTypeError(f"{op}: indices must be integers, not {listed}")
    if axis + len(indices) > len(shape):
        raise ShapeError(f"{op}: {len(indices)} indices from axis {axis} of {shape}")
    common = broadcast_shapes(op, *indices)
    return (*shape[:axis], *common, *shape[axis + len(indices) :])


def _gather_type(x: ArrayType, *indices: ArrayType, axis: int) -> ArrayType:
    return ArrayType(x.dtype, _gathered("gather", x.shape, indices, axis))


def _gather_vjp(
    ct: Any, out: Any, x: Any, *indices: Any, axis: int
) -> list[Masked | None]:
    def back(part: Any) -> Any:
        if part.dtype.kind == "i":  # a mask as numbers: its count might overflow
            part = np.not_equal(part, 0)
        return scatter_add(part, *indices, shape=x.shape, axis=axis)

    def live() -> Any:
        return back(broadcast_to(np.True_, shape=out.shape))

    return [Masked(back(ct), live), *[None] * len(indices)]


def _fetch(k: Any, op: Any, index: list[Any], first: int, shape: Shape) -> list[Any]:
    """For an element of the gathered array: its place in the array of `shape`.

    Operand `first` is the first index array.
    """
    axis, arrays = op.attr("axis"), op.args[first:]
    ndim = max(len(a.shape) for a in arrays)
    middle = index[axis : axis + ndim]
    places = []
    for number, array in enumerate(arrays, first):
        inner = middle[ndim - len(array.shape) :]
        rows = zip(array.shape, inner, strict=True)
        i = k.cast(k.read(number, [0 if n == 1 else j for n, j in rows]), np.int64)
        n = shape[axis + number - first]
        places.append(k.clamp(k.where(i < 0, i + n, i), 0, n - 1))
    return [*index[:axis], *places, *index[axis + ndim :]]


def _gather_lower(k: Any, op: Any, index: list[Any]) -> Any:
    shape = op.args[0].shape
    return k.read(0, _fetch(k, op, index, 1, shape))


def _gather_samples(rng: np.random.Generator) -> list[Sample]:
    x = rng.uniform(-1.0, 1.0, (3, 4, 2))
    rows, columns = np.array([[0], [2], [-1]]), np.array([1, 1, -4])
    return [
        Sample((x, rows, columns), {"axis": 0}),
        Sample((x, columns), {"axis": 1}),
        Sample((x, np.array(2)), {"axis": 0}),
        Sample((x, columns[:0]), {"axis": 1}),
    ]


def _gather(x: Any, *indices: Any, axis: int) -> Any:
    return x[_key(indices, axis)]


def _rows_too(batch: Batch, indices: tuple[Any, ...], first: int) -> list[Any]:
    """Index arrays (operands from `first` on) with the new axis, one for it before."""
    which = batch.which[first:]
    rank = max(batch.rank(i, x) for i, x in enumerate(indices, first))
    rows = reshape(iota(length=batch.size), shape=(batch.size, *[1] * rank))
    pairs = zip(indices, which, strict=True)
    return [rows, *(padded(x, rank) if has else x for x, has in pairs)]


def _gather_batch(batch: Batch, x: Any, *indices: Any, axis: int) -> Any:
    if not any(batch.which[1:]):
        return gather(x, *indices, axis=axis + 1)
    rows = _rows_too(batch, indices, 1)
    if batch.which[0]:
        found = gather(np.moveaxis(x, 0, axis), *rows, axis=axis)
    else:
        found = gather(x, *rows[1:], axis=axis)
    return np.moveaxis(found, axis, 0)


gather = primitive(
    name="gather",
    doc="`x[..., i, j, ...]` with integer arrays for the axes from `axis` on.",
    reference=_gather,
    type_rule=_gather_type,
    vjp=_gather_vjp,
    lower=Index(_gather_lower),
    samples=_gather_samples,
    batch=_gather_batch,
    liveness="sum",
    affine=True,
)


# --- scatter_add --------------------------------------------------------------


def _scatter_add_type(
    v: ArrayType, *indices: ArrayType, shape: Shape, axis: int
) -> ArrayType:
    wanted = _gathered("scatter_add", shape, indices, axis)
    if v.shape != wanted:
        raise ShapeError(f"scatter_add: {v!r} is not of shape {wanted}")
    return ArrayType(v.dtype, shape)


def _scatter_add_vjp(
    ct: Any, out: Any, v: Any, *indices: Any, shape: Shape, axis: int
) -> list[Any]:
    return [gather(ct, *indices, axis=axis), *[None] * len(indices)]


def _scatter_add_samples(rng: np.random.Generator) -> list[Sample]:
    v, i = rng.uniform(-1.0, 1.0, (2, 3)), np.array([1, 1, -4])
    return [
        Sample((v, i), {"shape": (2, 4), "axis": 1}),
        Sample((v, np.array([[0], [2]]), i), {"shape": (3, 4), "axis": 0}),
        Sample((v[0, 0], i[0]), {"shape": (4,), "axis": 0}),
    ]


def _scatter_add(v: Any, *indices: Any, shape: Shape, axis: int) -> Any:
    out = np.zeros(shape, v.dtype)
    if v.size:
        places = _flat_places(indices, shape, axis)
        np.add.at(out.reshape(-1), places.reshape(-1), v.reshape(-1))
    return out


def _flat_places(indices: tuple[Any, ...], shape: Shape, axis: int) -> Any:
    """Where each gathered element is, counted in row-major order.

    One flat index array is several times faster for `np.add.at` than rows of it.
    """
    end = axis + len(indices)
    before, after = math.prod(shape[:axis]), math.prod(shape[end:])
    middle: Any = np.intp(0)
    for i, n in zip(indices, shape[axis:end], strict=True):
        i = i.astype(np.intp)
        middle = middle * n + np.where(i < 0, i + n, i)
    rows = np.arange(before)[:, None] * math.prod(shape[axis:end]) + middle.reshape(-1)
    return rows[:, :, None] * after + np.arange(after)


def _scatter_add_place(k: Any, op: Any, index: list[Any]) -> list[Any]:
    return _fetch(k, op, index, 1, op.shape)


def _scatter_add_batch(
    batch: Batch, v: Any, *indices: Any, shape: Shape, axis: int
) -> Any:
    if not any(batch.which[1:]):
        return scatter_add(v, *indices, shape=(batch.size, *shape), axis=axis + 1)
    v = np.moveaxis(batch.spread(0, v), 0, axis)
    wide = (*shape[:axis], batch.size, *shape[axis:])
    out = scatter_add(v, *_rows_too(batch, indices, 1), shape=wide, axis=axis)
    return np.moveaxis(out, axis, 0)


scatter_add = primitive(
    name="scatter_add",
    doc="Zeros of `shape` with the elements of `v` added where the indices say.",
    reference=_scatter_add,
    type_rule=_scatter_add_type,
    vjp=_scatter_add_vjp,
    lower=Scatter(_scatter_add_place, adds=True),
    samples=_scatter_add_samples,
    batch=_scatter_add_batch,
    liveness="move",
    affine=True,
)


# --- put ----------------------------------------------------------------------


def _put_type(
    x: ArrayType, v: ArrayType, *indices: ArrayType, axis: int, unique: bool
) -> ArrayType:
    wanted = _gathered("put", x.shape, indices, axis)
    if x.dtype != v.dtype:
        raise DTypeError(f"put: operands of mixed dtype: {x!r}, {v!r}")
    if v.shape != wanted:
        raise ShapeError(f"put: {v!r} is not of shape {wanted}")
    return x


def _put_vjp(
    ct: Any, out: Any, x: Any, v: Any, *indices: Any, axis: int, unique: bool
) -> list[Any]:
    attrs = {"axis": axis, "unique": True}

    def without(whole: Any) -> Any:
        hole = broadcast_to(whole.dtype.type(0), shape=v.shape)
        return put(whole, hole, *indices, **attrs)

    def live() -> Any:
        return without(broadcast_to(np.True_, shape=x.shape))

    ct_v = gather(ct, *indices, axis=axis)
    if not unique:
        last = winners(x.shape, v.shape, indices, axis)
        ct_v = Masked(where(last, ct_v, ct.dtype.type(0)), last)
    return [Masked(without(ct), live), ct_v, *[None] * len(indices)]


def winners(shape: Shape, shape_v: Shape, indices: tuple[Any, ...], axis: int) -> Any:
    """Which elements of `v` stay when several are put in one place: the last."""
    size = math.prod(shape_v)
    numbers = reshape(iota(length=size), shape=shape_v)
    nobody = broadcast_to(np.int64(-1), shape=shape)
    owner = put(nobody, numbers, *indices, axis=axis, unique=True)
    return np.equal(gather(owner, *indices, axis=axis), numbers)


def _put_samples(rng: np.random.Generator) -> list[Sample]:
    x, v, i = rng.uniform(-1.0, 1.0, (2, 4)), rng.uniform(-1.0, 1.0, (2, 3)), [1, 1, -4]
    return [
        Sample((x, v, np.array(i)), {"axis": 1, "unique": False}),
        Sample((x, v[:, :2], np.array(i[1:])), {"axis": 1, "unique": True}),
    ]


def _put(x: Any, v: Any, *indices: Any, axis: int, unique: bool) -> Any:
    out = np.array(x)
    out[_key(indices, axis)] = v
    return out


def _put_place(k: Any, op: Any, index: list[Any]) -> list[Any]:
    return _fetch(k, op, index, 2, op.shape)


def _put_batch(
    batch: Batch, x: Any, v: Any, *indices: Any, axis: int, unique: bool
) -> Any:
    x, v = batch.spread(0, x), batch.spread(1, v)
    if not any(batch.which[2:]):
        return put(x, v, *indices, axis=axis + 1, unique=unique)
    x, v = np.moveaxis(x, 0, axis), np.moveaxis(v, 0, axis)
    out = put(x, v, *_rows_too(batch, indices, 2), axis=axis, unique=unique)
    return np.moveaxis(out, axis, 0)


put = primitive(
    name="put",
    doc="`x` with the elements of `v` where the indices say; `unique`: none repeats.",
    reference=_put,
    type_rule=_put_type,
    vjp=_put_vjp,
    lower=Scatter(_put_place, adds=False),
    samples=_put_samples,
    batch=_put_batch,
    liveness="move",
    affine=True,
)
