"""Shapes, indexing, joining: TensorFlow's names and argument orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ops.cast import copy
from tapec.ops.cast import stop_gradient as _stop_gradient
from tapec.tf.convert import constant, convert_to_tensor, pair

__all__ = [
    "argsort",
    "boolean_mask",
    "broadcast_to",
    "cast",
    "concat",
    "expand_dims",
    "eye",
    "fill",
    "gather",
    "gather_nd",
    "identity",
    "linspace",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "range",
    "rank",
    "repeat",
    "reshape",
    "reverse",
    "roll",
    "shape",
    "size",
    "sort",
    "split",
    "squeeze",
    "stack",
    "stop_gradient",
    "tile",
    "transpose",
    "unstack",
    "where",
    "zeros",
    "zeros_like",
]


# --- new tensors ------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = np.float32, name: Any = None) -> Any:
    """A tensor of zeros."""
    return constant(np.zeros(_shape(shape), dtype))


def ones(shape: Any, dtype: Any = np.float32, name: Any = None) -> Any:
    """A tensor of ones."""
    return constant(np.ones(_shape(shape), dtype))


def fill(dims: Any, value: Any, name: Any = None) -> Any:
    """A tensor with every element `value`."""
    return np.broadcast_to(convert_to_tensor(value), _shape(dims))


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = np.float32) -> Any:
    """The identity matrix."""
    return constant(np.eye(num_rows, num_columns, dtype=dtype))


def zeros_like(input: Any, dtype: Any = None, name: Any = None) -> Any:
    """Zeros of the shape and dtype of `input`."""
    return np.zeros_like(convert_to_tensor(input), dtype=dtype)


def ones_like(input: Any, dtype: Any = None, name: Any = None) -> Any:
    """Ones of the shape and dtype of `input`."""
    return np.ones_like(convert_to_tensor(input), dtype=dtype)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = None
) -> Any:
    """Numbers from `start` (0 if only one is given) up to, not including, `limit`."""
    first, last = (0, start) if limit is None else (start, limit)
    whole = all(isinstance(x, (int, np.integer)) for x in (first, last, delta))
    numbers = np.arange(first, last, delta)
    return constant(numbers.astype(dtype or (np.int32 if whole else np.float32)))


def linspace(start: Any, stop: Any, num: int, name: Any = None, axis: int = 0) -> Any:
    """`num` numbers from `start` to `stop`, both included."""
    a, b = convert_to_tensor(start), convert_to_tensor(stop)
    dtype = a.dtype if a.dtype.kind == "f" else np.dtype(np.float64)
    return np.linspace(a, b, num, axis=axis).astype(dtype)


def one_hot(
    indices: Any, depth: int, on_value: Any = 1, off_value: Any = 0, axis: int = -1,
    dtype: Any = np.float32, name: Any = None,
) -> Any:  # fmt: skip
    """`on_value` at each index along a new axis of length `depth`, else `off_value`."""
    hit = np.equal(np.expand_dims(convert_to_tensor(indices), -1), np.arange(depth))
    out = np.where(hit, on_value, off_value).astype(dtype)
    return np.moveaxis(out, -1, axis)


# --- shape ------------------------------------------------------------------------


def _shape(shape: Any) -> tuple[int, ...]:
    """A shape given as integers, tensors of integers, or one tensor."""
    if np.ndim(shape) == 0 and not isinstance(shape, (list, tuple)):
        return (int(shape.__index__()),) if np.shape(shape) == () else ()
    return tuple([n.__index__() for n in shape])


def shape(input: Any, out_type: Any = np.int32, name: Any = None) -> Any:
    """The shape as a tensor of integers."""
    return constant(np.array(convert_to_tensor(input).shape, out_type))


def size(input: Any, out_type: Any = np.int32, name: Any = None) -> Any:
    """The number of elements, as a tensor."""
    return constant(np.array(convert_to_tensor(input).size, out_type))


def rank(input: Any, name: Any = None) -> Any:
    """The number of axes, as a tensor."""
    return constant(np.array(convert_to_tensor(input).ndim, np.int32))


def reshape(tensor: Any, shape: Any, name: Any = None) -> Any:
    """The same elements under another shape; one extent may be -1."""
    return np.reshape(convert_to_tensor(tensor), _shape(shape))


def transpose(
    a: Any, perm: Any = None, conjugate: bool = False, name: Any = None
) -> Any:
    """Axes in the order `perm` (default: reversed)."""
    x = np.transpose(convert_to_tensor(a), None if perm is None else _shape(perm))
    return np.conj(x) if conjugate else x


def expand_dims(input: Any, axis: int, name: Any = None) -> Any:
    """A new axis of length 1."""
    return np.expand_dims(convert_to_tensor(input), axis)


def squeeze(input: Any, axis: Any = None, name: Any = None) -> Any:
    """Without axes of length 1 (all, or those named)."""
    x = convert_to_tensor(input)
    return np.squeeze(x, tuple(axis) if isinstance(axis, list) else axis)


def broadcast_to(input: Any, shape: Any, name: Any = None) -> Any:
    """Repeated along axes to fill `shape`."""
    return np.broadcast_to(convert_to_tensor(input), _shape(shape))


def tile(input: Any, multiples: Any, name: Any = None) -> Any:
    """Repeated as a whole, `multiples` times along each axis."""
    return np.tile(convert_to_tensor(input), _shape(multiples))


def repeat(input: Any, repeats: Any, axis: Any = None, name: Any = None) -> Any:
    """Each element repeated."""
    return np.repeat(convert_to_tensor(input), repeats, axis)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0,
    name: Any = None,
) -> Any:  # fmt: skip
    """With elements added before and after along each axis."""
    options: Any = {"mode": mode.lower()}
    if options["mode"] == "constant":
        options["constant_values"] = constant_values
    return np.pad(convert_to_tensor(tensor), np.asarray(paddings).tolist(), **options)


def reverse(tensor: Any, axis: Any, name: Any = None) -> Any:
    """Read backwards along the axes."""
    return np.flip(convert_to_tensor(tensor), _shape(axis))


def roll(input: Any, shift: Any, axis: Any, name: Any = None) -> Any:
    """Shifted along the axes, what falls out comes in again."""
    return np.roll(convert_to_tensor(input), shift, axis)


# --- joining and taking apart -----------------------------------------------------


def _all(values: Any) -> list[Any]:
    return [convert_to_tensor(v) for v in values]


def stack(values: Any, axis: int = 0, name: Any = None) -> Any:
    """Tensors of one shape along a new axis."""
    return np.stack(_all(values), axis)


def concat(values: Any, axis: int, name: Any = None) -> Any:
    """Tensors one after the other along an axis."""
    return np.concatenate(_all(values), axis)


def unstack(value: Any, num: Any = None, axis: int = 0, name: Any = None) -> list[Any]:
    """The slices along an axis."""
    x = np.moveaxis(convert_to_tensor(value), axis, 0)
    return list(x)


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None,
    name: Any = None,
) -> list[Any]:  # fmt: skip
    """Parts along an axis: so many equal ones, or of these sizes (one may be -1)."""
    x = convert_to_tensor(value)
    if np.ndim(num_or_size_splits) == 0:
        return list(np.split(x, num_or_size_splits, axis))
    sizes = list(_shape(num_or_size_splits))
    rest = x.shape[axis] - sum(n for n in sizes if n >= 0)
    sizes = [rest if n < 0 else n for n in sizes]
    return list(np.split(x, np.cumsum(sizes)[:-1].tolist(), axis))


def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: int | None = None,
    batch_dims: int = 0, name: Any = None,
) -> Any:  # fmt: skip
    """The elements of `params` at `indices` along `axis` (default `batch_dims`)."""
    x, at = convert_to_tensor(params), convert_to_tensor(indices)
    axis = batch_dims if axis is None else axis
    if batch_dims == 0:
        return np.take(x, at, axis=axis)
    x = np.moveaxis(x, axis, batch_dims)
    grid = np.ogrid[tuple(slice(n) for n in at.shape[:batch_dims])]
    extra = (1,) * (at.ndim - batch_dims)
    return x[(*[g.reshape(g.shape + extra) for g in grid], at)]


def gather_nd(params: Any, indices: Any, name: Any = None) -> Any:
    """The parts of `params` at index vectors, which lie along the last axis."""
    x, at = convert_to_tensor(params), convert_to_tensor(indices)
    return x[tuple(np.moveaxis(at, -1, 0))]


def boolean_mask(tensor: Any, mask: Any, name: Any = None) -> Any:
    """The elements where `mask` is true."""
    return convert_to_tensor(tensor)[convert_to_tensor(mask)]


def where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Any:
    """`x` where the condition holds, else `y`; alone: the indices where it holds."""
    c = convert_to_tensor(condition)
    return np.argwhere(c) if x is None else np.where(c, *pair(x, y))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """Sorted along an axis."""
    x = np.sort(convert_to_tensor(values), axis)
    return np.flip(x, axis) if direction == "DESCENDING" else x


def argsort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False
) -> Any:
    """The indices that sort along an axis."""
    x = convert_to_tensor(values)
    x = -x if direction == "DESCENDING" else x
    return np.argsort(x, axis, kind="stable").astype(np.int32)


# --- the same numbers -------------------------------------------------------------


def cast(x: Any, dtype: Any, name: Any = None) -> Any:
    """The same numbers in another dtype."""
    return convert_to_tensor(x).astype(dtype)


def identity(input: Any, name: Any = None) -> Any:
    """The same numbers, as a value of its own."""
    return copy(convert_to_tensor(input))


def stop_gradient(input: Any, name: Any = None) -> Any:
    """The same numbers, constant for gradients."""
    return _stop_gradient(convert_to_tensor(input))
