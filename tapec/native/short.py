"""Kernels on arrays of a few elements: straight code on vectors, without a loop.

Each result is stored as soon as it is known, in front of what is loaded later: LLVM
keeps that order, and values for which there is no register must be stored anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

from tapec import primitive as lowerings
from tapec.ir import Function, Value, dims_of
from tapec.native import debug, memory, platform
from tapec.native.kernels import Emission
from tapec.native.lanes import LaneBuilder, Lanes, total
from tapec.native.layout import NoNative, register_type
from tapec.native.nest import Loop
from tapec.native.places import place
from tapec.native.signature import declare, emit_entry
from tapec.native.space import Space

__all__ = ["emit_kernel", "is_short"]

LEAST = 4
"""Elements that are worth a vector."""

REGISTERS = 2
"""Vector registers that a value may take."""

DTYPES = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.bool_))


def emit_kernel(module: Any, body: Function, name: str, *, lines: bool = False) -> None:
    """Define `name` in `module`: what a `fused` op with this body does."""
    inner = declare(module, len(body.params) + len(body.results), name)
    _Emission(inner, body, debug.lines_of(inner) if lines else None).emit()
    emit_entry(module, inner, name)


# --- which kernels ----------------------------------------------------------------


@platform.per_processor
def is_short(body: Function) -> bool:
    """Whether the kernel runs through so few elements that registers hold them."""
    values = (*body.params, *body.ops)
    if not body.results or dims_of(body) or any(v.dtype not in DTYPES for v in values):
        return False
    space = Space(body)
    wide = max(v.dtype.itemsize for v in values)
    most = REGISTERS * platform.vector_width() // (8 * wide)
    if len(space.shape) != 1 or not LEAST <= space.shape[0] <= most:
        return False
    return all(map(_is_simple, body.ops))


def _is_simple(op: Value) -> bool:
    """Whether an op can be done to all elements at once."""
    lower = op.prim.lower
    if op.prim.name == "const" or isinstance(lower, lowerings.View):
        return True
    if isinstance(lower, lowerings.Reduce):
        return lower.monoid == "add" and op.dtype.kind == "f" and op.type.size == 1
    if isinstance(lower, lowerings.Pack):
        return bool(lower.leading)
    if op.prim.name == "broadcast_to":
        return bool(op.args[0].type.size == 1)
    if op.prim.name == "slice":
        return all(step == 1 for step in op.attr("step")) and _is_row(op)
    if not isinstance(lower, lowerings.Scalar):
        return False
    return _widens(lower.emit, tuple([a.dtype for a in op.args]), op.attrs)


def _is_row(op: Value) -> bool:
    """Whether the elements of a slice are next to each other in its operand."""
    axes = [a for a, n in enumerate(op.shape) if n != 1]
    return all(n == 1 for a in axes for n in op.args[0].shape[a + 1 :])


@lru_cache(maxsize=1024)
def _widens(emit: Any, dtypes: tuple[Any, ...], attrs: Any) -> bool:
    """Whether an elementwise op works on vectors: tried in a module thrown away."""
    module = ir.Module("scratch")
    kinds = [ir.VectorType(register_type(dtype), LEAST) for dtype in dtypes]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "scratch")
    at = LaneBuilder(function.append_basic_block(), LEAST)
    b = Lanes([ir.IRBuilder(at.block), at], None, 0)
    xs = [b.make(d, 1, x) for d, x in zip(dtypes, function.args, strict=True)]
    try:
        emit(b, *xs, **dict(attrs))
    except (NoNative, AttributeError, TypeError, ValueError):
        return False  # it does what only numbers have
    return True


# --- the code ---------------------------------------------------------------------


class _Straight:
    """What a loop nest is to `Emission`, without a loop."""

    def __init__(self, function: Any, count: int) -> None:
        self.loops = [Loop(count)]
        outer, inside, after = (
            function.append_basic_block(name) for name in ("before", "all", "after")
        )
        self.entry = outer
        lanes = LaneBuilder(inside, count)
        self.before = [ir.IRBuilder(outer), lanes]
        self.after = [ir.IRBuilder(after), lanes]

    def close(self) -> Any:
        """Join the blocks; the builder behind them."""
        self.before[0].branch(self.before[1].block)
        self.before[1].branch(self.after[0].block)
        return self.after[0]


class _Emission(Emission):
    def _open_loops(self) -> None:
        (count,) = self.space.shape
        self.nest: Any = _Straight(self.function, count)
        self.b = self._builder(self.nest.before)

    def _builder(self, scopes: Sequence[Any]) -> Any:
        if len(scopes) == 1:
            return super()._builder(scopes)
        b = Lanes(scopes, self.lines, 0)
        b.extents = self.extents
        return b

    def _emit_values(self) -> None:
        """With their results."""
        outputs: dict[Value, list[Any]] = {}
        for result, buffer in zip(self.body.results, self.outputs, strict=True):
            outputs.setdefault(result, []).append(buffer)
        for op in self.body.ops:
            for pattern in sorted(self.space.patterns.get(op, ()), key=str):
                self.value_at(op, self.space.places(pattern))
            for buffer in outputs.pop(op, ()):
                self._deliver(op, buffer)
        for param, buffers in outputs.items():
            for buffer in buffers:
                self._deliver(param, buffer)

    def _deliver(self, result: Value, buffer: Any) -> None:
        lower = None if result.prim is None else result.prim.lower
        if isinstance(lower, lowerings.Reduce):
            self._store_sum(result, buffer)
        elif isinstance(lower, lowerings.Pack):
            self._store_parts(result, buffer)
        else:
            self._store(result, buffer)

    def _emit_results(self, *, last: bool) -> None:
        """They are stored already."""

    def _store_sum(self, result: Value, buffer: Any) -> None:
        (a,) = result.args
        element = self.b.cast(self.value_at(a, self.index_of(a.shape)), result.dtype)
        self.mark(result)
        x = self.b.make(result.dtype, 1, total(self.b, element))
        memory.store(self.b, self.nest.after[-1], buffer, place(0), x)
