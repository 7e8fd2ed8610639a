"""`np.pad`: every mode that is built from the array's own elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import UnsupportedError
from tapec.numpy.joining import concatenate
from tapec.numpy.shapes import broadcast_to, reshape
from tapec.numpy.support import here
from tapec.ops.cast import cast
from tapec.ops.gather import gather
from tapec.ops.index import unslice
from tapec.ops.join import part
from tapec.tensor import as_tensor, implements

__all__ = ["pad"]

Widths = list[tuple[int, int]]

_STATISTICS = {"mean": np.mean, "maximum": np.max, "minimum": np.min}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    x = as_tensor(array)
    widths = _pairs(pad_width, x.ndim)
    if any(w < 0 for pair in widths for w in pair):
        raise ValueError("index can't contain negative values")
    if mode in ("edge", "wrap", "reflect", "symmetric"):
        return _from_positions(x, widths, mode, **options)
    if mode == "constant":
        return _constant(x, widths, **options)
    if mode == "empty":
        return _constant(x, widths)
    if mode == "linear_ramp":
        return _ramp(x, widths, **options)
    if mode in _STATISTICS:
        return _statistic(x, widths, _STATISTICS[mode], **options)
    text = f"pad: mode {mode!r} is not supported on tensors"
    raise here(UnsupportedError(f"{text}; use np.concatenate"))


def _pairs(given: Any, ndim: int) -> Widths:
    """One (before, after) per axis, from any of the forms that NumPy takes."""
    if isinstance(given, dict):
        pairs = [(0, 0)] * ndim
        for axis, w in given.items():
            pairs[axis] = (w, w) if np.ndim(w) == 0 else tuple(w)
        return pairs
    return [(int(a), int(b)) for a, b in np.broadcast_to(given, (ndim, 2))]


def _values(given: Any, ndim: int) -> list[Any]:
    """One pair of numbers, perhaps traced, per axis."""
    if isinstance(given, (list, tuple)):
        rows = [tuple(r) if isinstance(r, (list, tuple)) else (r,) for r in given]
        if all(len(r) == 1 for r in rows):
            rows = [tuple(r[0] for r in rows)]
        rows = [r * 2 if len(r) == 1 else r for r in rows]
        return rows * ndim if len(rows) == 1 else rows
    pairs = broadcast_to(as_tensor(given), (ndim, 2))
    return [(pairs[i, 0], pairs[i, 1]) for i in range(ndim)]


def _constant(x: Any, widths: Widths, constant_values: Any = 0) -> Any:
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    if isinstance(constant_values, (int, float)) and constant_values == 0:
        start = tuple(a for a, _ in widths)
        if 0 in x.shape:
            start = tuple(0 for _ in widths)
        return unslice(x, shape=shape, start=start, step=(1,) * x.ndim)
    fill = _values(constant_values, x.ndim)
    return _frame(x, widths, lambda y, axis, side: fill[axis][side])


def _frame(x: Any, widths: Widths, value: Any) -> Any:
    """Axis by axis, `value(x, axis, side)` repeated on both sides."""
    for axis, pair in enumerate(widths):
        sides = []
        for side, width in enumerate(pair):
            shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
            v = cast(as_tensor(value(x, axis, side)), dtype=x.dtype)
            sides.append([broadcast_to(v, shape)] if width else [])
        x = concatenate([*sides[0], x, *sides[1]], axis)
    return x


def _from_positions(
    x: Any, widths: Widths, mode: str, reflect_type: str = "even"
) -> Any:
    """Modes that repeat elements: NumPy pads the positions, and they are gathered."""
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        if reflect_type == "odd" and mode in ("reflect", "symmetric"):
            x = _odd(x, axis, before, after, mode)
            continue
        places = np.arange(x.shape[axis])
        source = np.pad(places, (before, after), mode)  # type: ignore[call-overload]
        x = gather(x, source.tolist(), axis=axis)
    return x


def _odd(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """Reflection through the end points: 2 * end - element, as often as it takes."""
    if x.shape[axis] == 1 and mode == "reflect":
        return _from_positions(x, [(0, 0)] * axis + [(before, after)], "edge")
    while before or after:
        n = x.shape[axis]
        most = n - 1 if mode == "reflect" else n
        low, high = min(before, most), min(after, most)
        source = np.pad(np.arange(n), (low, high), mode)  # type: ignore[call-overload]
        even = gather(x, source.tolist(), axis=axis)
        total = n + low + high
        first = part(x, start=0, length=1, axis=axis)
        last = part(x, start=n - 1, length=1, axis=axis)
        left = 2 * first - part(even, start=0, length=low, axis=axis)
        right = 2 * last - part(even, start=total - high, length=high, axis=axis)
        x = concatenate([left, x, right], axis)
        before, after = before - low, after - high
    return x


def _ramp(x: Any, widths: Widths, end_values: Any = 0) -> Any:
    ends = _values(end_values, x.ndim)
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        first = part(x, start=0, length=1, axis=axis)
        last = part(x, start=n - 1, length=1, axis=axis)
        low = _line(ends[axis][0], first, before, axis)
        high = np.flip(_line(ends[axis][1], last, after, axis), axis)
        x = concatenate([low, x, high], axis)
    return x


def _line(end: Any, edge: Any, count: int, axis: int) -> Any:
    """`count` points from `end` towards `edge`, which is not among them."""
    t = np.arange(count, dtype=float) / max(count, 1)
    shape = [count if i == axis else 1 for i in range(edge.ndim)]
    steps = reshape(as_tensor(t.tolist()), shape) if count else np.zeros(shape)
    line = end + (edge - end) * steps
    return cast(np.trunc(line) if edge.dtype.kind in "iu" else line, dtype=edge.dtype)


def _statistic(x: Any, widths: Widths, reduce: Any, stat_length: Any = None) -> Any:
    lengths = [(None, None)] * x.ndim if stat_length is None else _pairs(
        stat_length, x.ndim
    )  # fmt: skip

    def value(y: Any, axis: int, side: int) -> Any:
        n = y.shape[axis]
        count = min(lengths[axis][side] or n, n)
        start = 0 if side == 0 else n - count
        v = reduce(part(y, start=start, length=count, axis=axis), axis, keepdims=True)
        return np.round(v) if x.dtype.kind in "iu" else v

    return _frame(x, widths, value)
