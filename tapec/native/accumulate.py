"""Reductions inside a loop nest.

The innermost loops over which a reduction runs without interruption keep it in a
register. Sums do so for at most `BLOCK` elements; block sums are then combined pairwise
in index order, so the error grows with the logarithm of the length, as in NumPy. What
is reduced over outer loops only is accumulated in the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Dim, Extent, Value
from tapec.native.layout import NoNative, memory_type, register_type
from tapec.native.scalars import Builder, Scalar
from tapec.ops.reduce import identity
from tapec.ops.tiled import ROWS
from tapec.primitive import Reduce

__all__ = [
    "BLOCK",
    "Accumulator",
    "combine",
    "fill",
    "is_short",
    "sums_floats",
]

BLOCK = 512
LEVELS = 48  # of the pairwise tree: enough for any array
INT = ir.IntType(64)
HALF = np.dtype(np.float16)
FLOAT = np.dtype(np.float32)


def combine(b: Builder, monoid: str, x: Scalar, y: Scalar) -> Scalar:
    """One step of a reduction. Only sums and products of floats may be reordered."""
    at = b.scopes[max(x.depth, y.depth)]
    depth = max(x.depth, y.depth)
    if monoid in ("add", "mul") and x.kind in "fc" and x.dtype != HALF:
        if monoid == "mul" and x.kind == "c":
            return x * y
        make = at.fadd if monoid == "add" else at.fmul
        pairs = zip(x.parts, y.parts, strict=True)
        parts = [make(p, q, flags=("reassoc",)) for p, q in pairs]
        return b.make(x.dtype, depth, *parts)
    match monoid:
        case "add":
            return x + y
        case "mul":
            return x * y
        case "and":
            return x & y
        case "or":
            return x | y
    if x.kind == "f":
        greater = "maximum" if monoid == "max" else "minimum"
        return b.intrinsic(greater, x, y, flags=("nsz",))
    if x.kind == "c":
        raise NoNative(f"{monoid} of complex numbers")
    return b.where(x > y if monoid == "max" else x < y, x, y)


@dataclass
class Accumulator:
    """A register, and for long sums the tree of block sums behind it.

    enter: depth in front of whose inner loop the register is cleared. top: depth behind
    whose inner loop the total is complete; above `enter` if there is a tree.
    """

    b: Builder
    monoid: str
    dtype: np.dtype[Any]
    enter: int
    top: int

    def start(self, nest: Any) -> None:
        """Emit what precedes the loops."""
        entry = nest.before[0]
        kinds = _part_types(self.dtype)
        with entry.goto_entry_block():
            self.cells = [entry.alloca(kind) for kind in kinds]
            if self.enter > self.top:
                self.count = entry.alloca(INT)
                self.trees = [entry.alloca(ir.ArrayType(k, LEVELS)) for k in kinds]
        if self.enter > self.top:
            nest.before[self.top].store(ir.Constant(INT, 0), self.count)
        first = self.b.const(identity(self.monoid, self.dtype), self.dtype)
        for part, cell in zip(first.parts, self.cells, strict=True):
            nest.before[self.enter].store(part, cell)

    def add(self, x: Scalar, depth: int) -> None:
        """Take in one element, in the innermost loop."""
        at = self.b.scopes[depth]
        before = self.b.make(x.dtype, depth, *[at.load(c) for c in self.cells])
        after = combine(self.b, self.monoid, before, x)
        for part, cell in zip(after.parts, self.cells, strict=True):
            at.store(part, cell)

    def flush(self, nest: Any) -> None:
        """Behind the loops of one block: hand the block sum to the tree."""
        if self.enter == self.top:
            return
        at = nest.after[self.enter]
        count = at.load(self.count)
        for cell, tree in zip(self.cells, self.trees, strict=True):
            _call(at, "push", cell.allocated_type, [tree, count, at.load(cell)])
        at.store(at.add(count, ir.Constant(INT, 1)), self.count)

    def total(self, nest: Any) -> Scalar:
        """Behind all loops of the reduction: its value."""
        at = nest.after[self.top]
        if self.enter == self.top:
            parts = [at.load(cell) for cell in self.cells]
        else:
            count = at.load(self.count)
            parts = [
                _call(at, "total", cell.allocated_type, [tree, count])
                for cell, tree in zip(self.cells, self.trees, strict=True)
            ]
        return self.b.make(self.dtype, self.top, *parts)


def _part_types(dtype: np.dtype[Any]) -> list[Any]:
    return [memory_type(dtype)] * 2 if dtype.kind == "c" else [register_type(dtype)]


def fill(at: Any, buffer: Any, size: Any, x: Scalar) -> None:
    """Set all `size` > 0 elements of a buffer, which a reduction is accumulated in."""
    kind = memory_type(x.dtype)
    for part, number in enumerate(x.parts):
        value = at.zext(number, kind) if x.kind == "b" else number
        head = at.append_basic_block("fill")
        before = at.block
        at.branch(head)
        at.position_at_end(head)
        i = at.phi(INT)
        i.add_incoming(ir.Constant(INT, 0), before)
        where = at.add(
            at.mul(i, ir.Constant(INT, len(x.parts))), ir.Constant(INT, part)
        )
        at.store(value, at.gep(buffer, [where], inbounds=True, source_etype=kind))
        following = at.add(i, ir.Constant(INT, 1), flags=("nuw", "nsw"))
        i.add_incoming(following, head)
        done = at.append_basic_block("filled")
        again = at.icmp_unsigned("<", following, size)
        at.cbranch(again, head, done)
        at.position_at_end(done)


def is_short(extent: Extent) -> bool:
    """Whether one accumulator is enough for a sum of this length.

    Of symbolic extents only the rows of a tile are known to be few.
    """
    return extent is ROWS if isinstance(extent, Dim) else extent <= BLOCK


def sums_floats(result: Value) -> bool:
    """Whether a result is a sum of floating-point numbers."""
    lower = result.prim.lower
    adds = isinstance(lower, Reduce) and lower.monoid == "add"
    return adds and result.dtype.kind in "fc"


# --- the tree of block sums ---------------------------------------------------


def _call(at: Any, name: str, kind: Any, arguments: list[Any]) -> Any:
    return at.call(_DEFINE[name](at.module, kind), arguments)


def _define(module: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    signature = ir.FunctionType(result, arguments)
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    return function


def _slot(at: Any, kind: Any, tree: Any, level: Any) -> Any:
    return at.gep(tree, [level], inbounds=True, source_etype=kind)


def _push(module: Any, kind: Any) -> Any:
    """Block number `count` is complete: add it to the partial sums of equal size."""
    name = f"tapec.push.{kind}"
    if name in module.globals:
        return module.globals[name]
    function = _define(module, name, ir.VoidType(), [ir.PointerType(), INT, kind])
    tree, count, x = function.args
    entry, loop, merge, done = map(
        function.append_basic_block, ("entry", "loop", "merge", "done")
    )
    one = ir.Constant(INT, 1)
    at = ir.IRBuilder(entry)
    popcount = module.declare_intrinsic("llvm.ctpop", [INT])
    top = at.call(popcount, [count])
    at.branch(loop)
    at.position_at_end(loop)
    rest, level, value = at.phi(INT), at.phi(INT), at.phi(kind)
    odd = at.icmp_unsigned("!=", at.and_(rest, one), ir.Constant(INT, 0))
    at.cbranch(odd, merge, done)
    at.position_at_end(merge)
    below = at.sub(level, one)
    joined = at.fadd(at.load(_slot(at, kind, tree, below), typ=kind), value)
    half = at.lshr(rest, one)
    at.branch(loop)
    for phi, first, following in (
        (rest, count, half), (level, top, below), (value, x, joined)
    ):  # fmt: skip
        phi.add_incoming(first, entry)
        phi.add_incoming(following, merge)
    at.position_at_end(done)
    at.store(value, _slot(at, kind, tree, level))
    at.ret_void()
    return function


def _total(module: Any, kind: Any) -> Any:
    """The sum of the partial sums, the smallest first."""
    name = f"tapec.total.{kind}"
    if name in module.globals:
        return module.globals[name]
    function = _define(module, name, kind, [ir.PointerType(), INT])
    tree, count = function.args
    entry, loop, more, done = map(
        function.append_basic_block, ("entry", "loop", "more", "done")
    )
    one = ir.Constant(INT, 1)
    at = ir.IRBuilder(entry)
    top = at.call(module.declare_intrinsic("llvm.ctpop", [INT]), [count])
    last = at.sub(top, one)
    first = at.load(_slot(at, kind, tree, last), typ=kind)
    at.branch(loop)
    at.position_at_end(loop)
    level, value = at.phi(INT), at.phi(kind)
    at.cbranch(at.icmp_unsigned("==", level, ir.Constant(INT, 0)), done, more)
    at.position_at_end(more)
    below = at.sub(level, one)
    joined = at.fadd(at.load(_slot(at, kind, tree, below), typ=kind), value)
    at.branch(loop)
    for phi, start, following in ((level, last, below), (value, first, joined)):
        phi.add_incoming(start, entry)
        phi.add_incoming(following, more)
    at.position_at_end(done)
    at.ret(value)
    return function


_DEFINE = {"push": _push, "total": _total}
