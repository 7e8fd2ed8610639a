"""Results that are reduced: in a register along the innermost loops, then in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tapec.ir import Value
from tapec.native import accumulate, memory
from tapec.native.accumulate import Accumulator
from tapec.native.scalars import Builder, Scalar
from tapec.native.space import reduced_axes
from tapec.ops.reduce import identity

if TYPE_CHECKING:
    from tapec.native.kernels import Emission

__all__ = ["clear", "emit"]

HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)


def emit(kernel: Emission, result: Value, buffer: Any, *, last: bool) -> None:
    """One result, or what a column adds to it; it is complete with the last one."""
    operand = result.args[0]
    element = kernel.value_at(operand, kernel.index_of(operand.shape))
    element = kernel.b.cast(element, _wide(result))
    columns = kernel.space.columns > 1
    if columns and len(kernel.space.shape) - 1 in reduced_axes(result):
        row = kernel.rows.get(result)
        if row is not None:
            monoid = result.prim.lower.monoid
            element = accumulate.combine(kernel.b, monoid, row, element)
        kernel.rows[result] = element
        if not last:
            return
    kernel.mark(result)
    _deliver(kernel, result, element, buffer)


def _wide(result: Value) -> np.dtype[Any]:
    """What elements are combined in."""
    return FLOAT if result.dtype == HALF else result.dtype


def _deliver(kernel: Emission, result: Value, element: Scalar, buffer: Any) -> None:
    b, nest, axes = kernel.b, kernel.nest, kernel.axes
    reduced = _loops(kernel, result)
    inner = 0
    while inner < len(axes) and axes[-1 - inner] in reduced:
        inner += 1
    top = len(nest.loops)
    if inner:
        element, top = _total(kernel, result, element, inner)
    after = nest.after[top]
    here = Builder([after] * len(nest.before))
    here.places, here.axes, here.extents = b.places, b.axes, kernel.extents
    element = Scalar(here, element.dtype, element.parts, element.depth)
    element = here.cast(element, result.dtype)
    offset = _offset(kernel, result)
    if reduced - set(axes[len(axes) - inner :]):
        if result not in kernel.cleared:
            kernel.cleared.add(result)
            clear(kernel, result, buffer)
        offset.lower(b)
        before = memory.load(here, buffer, result.dtype, offset)
        monoid = result.prim.lower.monoid
        element = accumulate.combine(here, monoid, before, element)
        element = here.cast(element, result.dtype)
    memory.store(b, after, buffer, offset, element)


def _loops(kernel: Emission, result: Value) -> set[int]:
    """Loops a result is reduced over; a joined axis counts as its successor."""
    return {a for a in reduced_axes(result) if kernel.space.extents[a] != 1}


def _offset(kernel: Emission, result: Value) -> Any:
    space, reduced = kernel.space, reduced_axes(result)
    kept = [a for a in range(len(space.shape)) if a not in reduced]
    extents = [space.shape[a] for a in kept]
    return memory.flat(extents, [space.axis(a) for a in kept])


def clear(kernel: Emission, result: Value, buffer: Any) -> None:
    """Fill a result that is accumulated in memory with its identity."""
    start = identity(result.prim.lower.monoid, result.dtype)
    size = kernel.extents.value(result.type.size)
    x = kernel.b.const(start, result.dtype)
    accumulate.fill(kernel.b.scopes[0], buffer, size, x)


def _total(
    kernel: Emission, result: Value, element: Scalar, inner: int
) -> tuple[Scalar, int]:
    """The value reduced over the innermost `inner` axes, and its depth."""
    nest, loops = kernel.nest, kernel.nest.loops
    split = len(loops) - len(kernel.axes)
    enter = top = len(loops) - inner - split
    if accumulate.sums_floats(result):
        enter = len(loops)
        size: Any = 1
        while enter > top and accumulate.is_short(size * loops[enter - 1].extent):
            size *= loops[enter - 1].extent
            enter -= 1
        if split and enter == len(loops) - 2:
            enter = len(loops) - 1
    monoid = result.prim.lower.monoid
    accumulator = Accumulator(kernel.b, monoid, _wide(result), enter, top)
    accumulator.start(nest)
    accumulator.add(element, len(loops))
    accumulator.flush(nest)
    return accumulator.total(nest), top
