"""The matrices of a batch one after the other, where all of them fill the cache.

    func @tile(%x: f64[64,rows], %m: f64[50,64,1], %l: f64[50,64,64]) {
      %3: f64[50,64,rows] = subtract %x, %m
      %4: f64[50,64,rows] = matmul %l, %3
      return %4
    }
                                    ->
    func @matrix(%0: f64[64,rows], %1: f64[64,1], %2: f64[64,64]) {
      %3: f64[1,64,1] = reshape %1 shape=(1, 64, 1)
      %4: f64[1,64,64] = reshape %2 shape=(1, 64, 64)
      %5: f64[1,64,rows] = subtract %0, %3
      %6: f64[1,64,rows] = matmul %4, %5
      %7: f64[64,rows] = reshape %6 shape=(64, rows)
      return %7
    }

    func @tile(%x: f64[64,rows], %m: f64[50,64,1], %l: f64[50,64,64]) {
      %8: (f64[50,64,rows]) = scan %x, %m, %l body=@matrix ...
      %9: f64[50,64,rows] = item %8 index=0
      return %9
    }

A tile is as few examples as vector code can do with. When what is computed for them has
a batch of matrices for each, it goes through memory all the same, from one kernel to
the next: 50 matrices of 64 by 64 are 1.6 MB, thrice. One at a time they stay in the
nearest caches, and only what a later loop reads is stored.
"""

from __future__ import annotations

from collections.abc import Iterator

from tapec.ir import Dim, Emitter, Function, Value, users
from tapec.ops.tiled import ROWS
from tapec.passes.tile_axes import Classes, extent
from tapec.passes.tile_matrix import emit_loop
from tapec.passes.tile_plan import is_native
from tapec.passes.tile_size import FEWEST, TILE

__all__ = ["one_by_one"]

LEAST = 1 << 12
"""Bytes of a matrix below which a step of a loop is too little."""

FULL = 2 * TILE
"""Bytes of matrices that do not stay in the second cache."""


def one_by_one(fn: Function) -> Function:
    """The body of a tile with loops over the matrices of its largest batch."""
    batches = [b for b in _batches(fn) if b.nbytes > FULL and b.loops]
    if not batches:
        return fn
    return _with_loops(fn, max(batches, key=lambda b: b.nbytes))


def _batches(fn: Function) -> Iterator[_Batch]:
    """One for each axis along which there are products."""
    classes = Classes(fn)
    for axes in classes:
        length = extent(axes)
        products = [v for v in axes if _is_product(v) and axes[v] == 0]
        if isinstance(length, Dim) or length < 2 or not products:
            continue
        if all(_nbytes(op) >= LEAST * length for op in products):
            yield _Batch(fn, classes, axes, length)


def _is_product(v: Value) -> bool:
    return v.prim is not None and v.prim.name == "matmul"


def _is_matrices(v: Value) -> bool:
    return len(v.shape) > 2 and 1 not in v.shape[-2:]


def _nbytes(v: Value) -> int:
    """For the fewest examples."""
    n = v.type.nbytes
    return int(n.at({ROWS.name: FEWEST}) if isinstance(n, Dim) else n)


class _Batch:
    """What runs along an axis of matrices, in loops.

    parts: of each op inside a loop, which operands it has a part of. numbers: an op
    outside runs before the loop of its number. loops: those that have products.
    """

    def __init__(
        self, fn: Function, classes: Classes, axes: dict[Value, int], length: int
    ) -> None:
        self.classes, self.axes, self.length = classes, axes, length
        self.parts: dict[Value, set[int]] = {}
        self.numbers: dict[Value, int] = dict.fromkeys(fn.params, 0)
        for op in fn.ops:
            parts = self._parts(op)
            if parts is not None:
                self.parts[op] = parts
            after = [self._after(op, i) for i in range(len(op.args))]
            self.numbers[op] = max(after, default=0)
        self._sink(fn)
        self.loops: dict[int, list[Value]] = {}
        for op in fn.ops:
            if op in self.parts:
                self.loops.setdefault(self.numbers[op], []).append(op)
        for number, members in list(self.loops.items()):
            if not any(map(_is_product, members)):
                del self.loops[number]

    @property
    def nbytes(self) -> int:
        """Of all matrices."""
        return sum(_nbytes(v) for v in self.axes if _is_matrices(v))

    def _parts(self, op: Value) -> set[int] | None:
        """Which operands it reads matrix by matrix; None for what is outside."""
        if self.axes.get(op) != 0 or not is_native(op):
            return None
        spots = self.classes.letters[op].maps.get(0, [])
        found = {i for i, axis in spots if axis == self.axes.get(op.args[i]) == 0}
        if len(found) < len(spots) or not (found or op.prim.name == "broadcast_to"):
            return None
        values = [op, *[op.args[i] for i in found]]
        return found if any(map(_is_matrices, values)) else None

    def _after(self, op: Value, i: int) -> int:
        """The number an operand demands."""
        a = op.args[i]
        same = i in self.parts.get(op, ())
        return self.numbers[a] + (a in self.parts and not same)

    def _sink(self, fn: Function) -> None:
        """Move what only a later loop reads there, unless more would be stored."""
        readers, results = users(fn), set(fn.results)
        for op in reversed(fn.ops):
            found = readers[op]
            if op not in self.parts or op in results or not found:
                continue
            if any(u not in self.parts for u in found):
                continue
            own = self.numbers[op]
            exposed = sum(
                _nbytes(a)
                for a in set(op.args)
                if a in self.parts and self.numbers[a] == own
            )
            if exposed <= _nbytes(op):
                self.numbers[op] = min(self.numbers[u] for u in found)


def _with_loops(fn: Function, batch: _Batch) -> Function:
    """What is outside, and the loops, in an order that gives each its operands."""
    loop_of = {op: number for number, ops in batch.loops.items() for op in ops}
    order = sorted(fn.ops, key=lambda op: (batch.numbers[op], op in batch.parts))
    read = set(fn.results)
    for op in fn.ops:
        read.update(a for a in op.args if loop_of.get(a) != loop_of.get(op))
    emit = Emitter(fn.next_uid)
    new: dict[Value, Value] = {}
    done: set[int] = set()
    for op in order:
        number = loop_of.get(op)
        if number is None:
            args = tuple([new.get(a, a) for a in op.args])
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            new[op] = emit.keep(op if args == op.args else moved)
        elif number not in done:
            done.add(number)
            members = {op: batch.parts[op] for op in batch.loops[number]}
            emit_loop(members, [op for op in members if op in read], emit, new)
    results = [new.get(r, r) for r in fn.results]
    return Function(fn.name, fn.params, emit.ops, results)
