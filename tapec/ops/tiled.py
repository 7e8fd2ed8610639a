"""A loop over tiles of examples: what the pass `tile` makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ir import ArrayType, Dim, Emitter, Function, TupleType, Value, with_sizes
from tapec.ops.control import typed
from tapec.ops.reduce import identity
from tapec.primitive import HOST, PRIMITIVES, Sample, primitive

__all__ = ["ROWS", "tile"]

ROWS = Dim("rows")
"""How many examples a tile has: the one extent that the body leaves open."""

Axes = tuple[int | None, ...]
MONOIDS = ("add", "mul", "max", "min", "and", "or")


def _whole(t: ArrayType, axis: int | None, length: int) -> ArrayType:
    """The type of all tiles of `t` along `axis`."""
    shape = tuple(length if a == axis else d for a, d in enumerate(t.shape))
    if axis is not None and (axis >= t.ndim or t.shape[axis] is not ROWS):
        raise TypeError(f"tile: axis {axis} of {t!r} has not the extent {ROWS}")
    if any(isinstance(d, Dim) for d in shape):
        raise TypeError(f"tile: {t!r} is tiled along axis {axis} only")
    return ArrayType(t.dtype, shape)


def _tile_type(
    *types: ArrayType, body: Function, reduce: tuple[str, ...], axes: Axes,
    joined: tuple[int, ...], length: int, size: int,
) -> TupleType:  # fmt: skip
    if size < 1:
        raise TypeError(f"tile: {size} rows in a tile")
    if unknown := [m for m in reduce if m not in MONOIDS]:
        raise TypeError(f"tile: unknown monoid {unknown[0]}")
    n = len(reduce)
    params, results = (
        [v.type for v in values] for values in (body.params, body.results)
    )
    if len(params) != n + len(axes) or len(results) != n + len(joined):
        raise TypeError(f"tile: @{body.name} has other operands or results")
    sums = [_whole(t, None, length) for t in params[:n]]
    typed("tile", "next accumulator", results[:n], params[:n])
    pairs = zip(params[n:], axes, strict=True)
    typed("tile", "operand", types, [_whole(t, axis, length) for t, axis in pairs])
    outputs = zip(results[n:], joined, strict=True)
    return TupleType((*sums, *[_whole(t, axis, length) for t, axis in outputs]))


def _part(x: Any, axis: int | None, start: int, stop: int) -> Any:
    if axis is None:
        return x
    return np.ascontiguousarray(x[(*[slice(None)] * axis, slice(start, stop))])


def _tile(
    *args: Any, body: Function, reduce: tuple[str, ...], axes: Axes,
    joined: tuple[int, ...], length: int, size: int,
) -> tuple[Any, ...]:  # fmt: skip
    from tapec.interpret import evaluate

    n = len(reduce)
    types = [v.type for v in body.params[:n]]
    state = [
        np.full(t.shape, identity(m, t.dtype), t.dtype)
        for m, t in zip(reduce, types, strict=True)
    ]
    whole = [
        _whole(r.type, axis, length)
        for r, axis in zip(body.results[n:], joined, strict=True)
    ]
    outputs = [np.empty(t.shape, t.dtype) for t in whole]
    for start in range(0, length, size):
        stop = min(start + size, length)
        parts = [_part(x, a, start, stop) for x, a in zip(args, axes, strict=True)]
        one = with_sizes(body, {ROWS.name: stop - start})
        results = evaluate(one, *state, *parts)
        state = list(results[:n])
        for array, axis, part in zip(outputs, joined, results[n:], strict=True):
            array[(*[slice(None)] * axis, slice(start, stop))] = part
    return (*state, *outputs)


def _tile_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(*shape: int) -> np.ndarray[Any, Any]:
        return rng.uniform(-1.0, 1.0, shape)

    found = []
    for length, size in ((7, 3), (6, 3), (2, 5), (0, 4)):
        for axis in (0, 1):
            attrs = _sample_attrs(axis) | {"length": length, "size": size}
            x = draw(length, 4) if axis == 0 else draw(4, length)
            found.append(Sample((x, draw(4)), attrs))
    return found


def _sample_attrs(axis: int) -> dict[str, Any]:
    """s + sum(tanh(x) w), max(m, max(x)); tanh(x) w, of tiles along `axis` of x."""
    p, number = PRIMITIVES, ArrayType(np.float64)
    shape: tuple[Any, ...] = (ROWS, 4) if axis == 0 else (4, ROWS)
    types = [number, number, ArrayType(np.float64, shape), ArrayType(np.float64, (4,))]
    s, m, x, w = (Value(None, (), (), t, uid) for uid, t in enumerate(types))
    emit = Emitter(4)
    column = w if axis == 0 else emit.new(p["reshape"], w, shape=(4, 1))
    y = emit.new(p["multiply"], emit.new(p["tanh"], x), column)
    total = emit.new(p["add"], s, emit.new(p["sum"], y, axis=(0, 1)))
    greatest = emit.new(p["maximum"], m, emit.new(p["max"], x, axis=(0, 1)))
    body = Function("tile", [s, m, x, w], emit.ops, [total, greatest, y])
    return {
        "body": body, "reduce": ("add", "max"), "axes": (axis, None), "joined": (axis,)
    }  # fmt: skip


tile = primitive(
    name="tile",
    doc="Run `body` on one tile of examples after the other: next accumulators from "
    "accumulators and the operands' parts along `axes` (None: all of it); its further "
    "results are parts of results, along `joined`. An accumulator starts from the "
    "identity of its monoid in `reduce`, and `body` combines it with what the tile "
    "gives by that monoid.",
    reference=_tile,
    type_rule=_tile_type,
    vjp=None,
    lower=HOST,
    samples=_tile_samples,
)
