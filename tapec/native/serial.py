"""Results whose loop has an order: scattered elements, states carried along an axis.

Such a result is in memory while it is computed. Elements are put in it one after the
other, so a place may come twice. A state is kept in a register along the innermost
axis; along another one it is read from the result, one step back, and the loops inside
have a state in each lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import Value, never_negative
from tapec.native import accumulate, memory
from tapec.native.access import Access
from tapec.native.places import Clamped, Place, place
from tapec.native.scalars import Builder, Scalar
from tapec.native.space import aligned

if TYPE_CHECKING:
    from tapec.native.kernels import Emission

__all__ = ["emit", "prepare"]

INT = ir.IntType(64)
BIT = ir.IntType(1)


def emit(kernel: Emission, result: Value, buffer: Any) -> None:
    """One result of a kernel."""
    prepare(kernel, result, buffer)
    if not result.type.size:
        return
    if isinstance(result.prim.lower, lowerings.Scatter):
        _scatter(kernel, result, buffer)
    else:
        _run(kernel, result, buffer)


def prepare(kernel: Emission, result: Value, buffer: Any) -> None:
    """Before the loops: what stays where no element is put."""
    lower, size = result.prim.lower, result.type.size
    if not size or not isinstance(lower, lowerings.Scatter):
        return
    at, base = kernel.b.scopes[0], result.args[0]
    count = kernel.extents.value(size)
    if lower.adds:
        accumulate.fill(at, buffer, count, kernel.b.const(0, result.dtype))
    elif base in kernel.buffers:
        nbytes = kernel.extents.value(result.type.nbytes)
        _copy(at, buffer, kernel.buffers[base], nbytes)
    else:  # one number everywhere
        x = kernel.value_at(base, [place(0)] * len(base.shape))
        accumulate.fill(at, buffer, count, x)


def _copy(at: Any, target: Any, source: Any, nbytes: Any) -> None:
    kinds = [target.type, source.type, INT]
    signature = ir.FunctionType(ir.VoidType(), [*kinds, BIT])
    memcpy = at.module.declare_intrinsic("llvm.memcpy", kinds, signature)
    at.call(memcpy, [target, source, nbytes, ir.Constant(BIT, 0)])


def _innermost(kernel: Emission) -> Builder:
    """All code goes to the innermost loop, as it depends on what is stored there."""
    here = Builder([kernel.nest.after[-1]] * len(kernel.nest.before))
    here.places, here.axes = dict(kernel.b.places), kernel.b.axes
    here.extents = kernel.extents
    return here


def _scatter(kernel: Emission, result: Value, buffer: Any) -> None:
    lower = result.prim.lower
    source = result.args[lower.source]
    index = kernel.index_of(source.shape)
    element = kernel.value_at(source, index)
    access = Access(kernel.b, result, kernel.value_at)
    places = [place(i) for i in lower.place(access, result, index)]
    offset = memory.flat(result.shape, places)
    offset.lower(kernel.b)
    here = _innermost(kernel)
    element = Scalar(here, element.dtype, element.parts, element.depth)
    if lower.adds:
        before = memory.load(here, buffer, result.dtype, offset)
        element = accumulate.combine(here, "add", before, element)
    memory.store(here, kernel.nest.after[-1], buffer, offset, element)


def _run(kernel: Emission, result: Value, buffer: Any) -> None:
    shape, axis = result.shape, result.attr("axis")
    number = sum(n != 1 for n in shape[:axis])
    inner = shape[axis] != 1 and kernel.axes[-1] == number
    (_in_register if inner else _in_memory)(kernel, result, buffer)


def _row(result: Value, index: list[Place], steps: Any) -> list[Place]:
    """The index after `steps` of the running axis."""
    axis = result.attr("axis")
    last = result.shape[axis] - 1
    there = last - steps if result.attr("reverse") else place(steps)
    if not (never_negative(there.low) and never_negative(last - there.high)):
        there = Place([(Clamped(there, 0, last), 1)], 0)
    return [*index[:axis], there, *index[axis + 1 :]]


def _following(
    kernel: Emission, result: Value, state: Scalar, index: list[Place]
) -> Scalar:
    """The state after the operands' elements at `index`."""
    xs = [
        kernel.value_at(a, aligned(a.shape, tuple(index), place(0)))
        for a in result.args
    ]
    return kernel.b.cast(result.prim.lower.emit(kernel.b, state, *xs), result.dtype)


def _in_register(kernel: Emission, result: Value, buffer: Any) -> None:
    b, nest, dtype = kernel.b, kernel.nest, result.dtype
    index = kernel.index_of(result.shape)
    index = _row(result, index, index[result.attr("axis")])
    start = b.const(result.prim.lower.start, dtype)
    with nest.before[0].goto_entry_block():
        cells = [nest.before[0].alloca(part.type) for part in start.parts]
    for cell, part in zip(cells, start.parts, strict=True):
        nest.before[-2].store(part, cell)
    at = nest.after[-1]
    state = b.make(dtype, len(nest.loops), *[at.load(cell) for cell in cells])
    following = _following(kernel, result, state, index)
    for cell, part in zip(cells, following.parts, strict=True):
        at.store(part, cell)
    element = state if result.attr("exclusive") else following
    memory.store(b, at, buffer, memory.flat(result.shape, index), element)


def _in_memory(kernel: Emission, result: Value, buffer: Any) -> None:
    b, dtype = kernel.b, result.dtype
    index = kernel.index_of(result.shape)
    steps = index[result.attr("axis")]
    here, before = _row(result, index, steps), _row(result, index, steps - 1)
    first, element = steps == 0, b.const(result.prim.lower.start, dtype)
    exclusive = result.attr("exclusive")
    if first is not True:
        offset = memory.flat(result.shape, before)
        state = b.where(first, element, memory.load(b, buffer, dtype, offset))
    else:
        state = element
    if not exclusive:
        element = _following(kernel, result, state, here)
    elif first is not True:
        following = _following(kernel, result, state, before)
        element = b.where(first, element, following)
    offset = memory.flat(result.shape, here)
    memory.store(b, kernel.nest.after[-1], buffer, offset, element)
