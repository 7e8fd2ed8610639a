"""A loop nest under construction: a builder before and after every inner loop.

`before[d]` adds code at depth `d` in front of the loop of depth `d + 1`, `after[d]`
behind it; for the innermost depth they are the same. Branches are added by `close`, so
all of them stay open until the kernel is complete.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from llvmlite import ir

from tapec.ir import Dim, Extent
from tapec.native import platform
from tapec.native.extents import Extents
from tapec.ops.tiled import ROWS

__all__ = ["Loop", "Nest", "Part"]

INT = ir.IntType(64)
LANES, UNIT = 8, 64
SHORT, HEAVY = 64, 50
"""Numbers in a vector, and in all that LLVM takes at once. Elements of a loop whose
last vector is worth masking; and instructions of one that is, whatever its length: it
is not worth to be written out for vectors, parts of a vector and single elements."""


class Loop(NamedTuple):
    """A counter from `start` in steps; `stop` may depend on outer counters."""

    extent: Extent
    step: int = 1
    within: int | None = None
    """Depth of the loop whose block of `extent` counts this one runs through."""


class Part(NamedTuple):
    """The loop at this depth runs from `begin` to `end` only: two LLVM integers."""

    depth: int
    begin: Any
    end: Any


class Nest:
    """counters: the LLVM value of each loop's counter, outermost first.

    interleaved: whether the innermost loop works on two vectors at a time. Through the
    rows of a tile, which are few, it goes one by one: all else is much more code.
    """

    def __init__(
        self,
        function: Any,
        loops: list[Loop],
        extents: Extents,
        part: Part | None = None,
        *,
        interleaved: bool = False,
    ) -> None:
        self.function = function
        self.interleaved = interleaved
        self.loops = loops
        self.extents = extents
        self._part = part
        self.before = [ir.IRBuilder(function.append_basic_block("nest"))]
        self.entry = self.before[0].block
        self.counters: list[Any] = []
        self._heads: list[Any] = []
        self._starts: list[Any] = []
        self._stops: list[Any] = []
        for depth, loop in enumerate(loops, 1):
            self._open(depth, loop)
        self._tails = [
            function.append_basic_block(f"after{depth}") for depth in range(len(loops))
        ]
        self.after = [*map(ir.IRBuilder, self._tails), self.before[-1]]

    def _open(self, depth: int, loop: Loop) -> None:
        outer = self.before[-1]
        start: Any = ir.Constant(INT, 0)
        stop: Any = self.extents.value(loop.extent)
        if loop.within is not None:
            start = self.counters[loop.within - 1]
            whole = self.loops[loop.within - 1].extent
            stop = outer.add(start, stop, flags=("nuw", "nsw"))
            if isinstance(whole, Dim) or whole % loop.extent:
                most = self.extents.value(whole)
                least = outer.icmp_unsigned("<", stop, most)
                stop = outer.select(least, stop, most)
                stop = _in_units(outer, start, stop, self._unit(loop))
        if self._part is not None and depth == self._part.depth:
            start, stop = self._part.begin, self._part.end
        head = self.function.append_basic_block(f"loop{depth}")
        builder = ir.IRBuilder(head)
        counter = builder.phi(INT, f"i{depth}")
        self._starts.append(start)
        self._heads.append(head)
        self._stops.append(stop)
        self.counters.append(counter)
        self.before.append(builder)

    def _unit(self, loop: Loop) -> int:
        """What the length of every block is a multiple of, as far as is of use."""
        if loop.within is None or isinstance(loop.extent, Dim):
            return 1
        whole = self.loops[loop.within - 1].extent
        return 1 if isinstance(whole, Dim) else math.gcd(whole, loop.extent, UNIT)

    def span(self, depth: int) -> tuple[Any, Any]:
        """Where the loop at this depth starts and stops: LLVM values."""
        return self._starts[depth - 1], self._stops[depth - 1]

    def _is_heavy(self, whole: bool) -> bool:
        """Whether the innermost loop has many instructions and is a block, as a whole:
        its last vector is masked then, too."""
        if self.interleaved or not (whole and _can_mask()):
            return False
        return _instructions(self._heads[-1]) > HEAVY

    def close(self) -> Any:
        """Add the branches; the builder behind the nest."""
        for depth in range(len(self.loops), 0, -1):
            head, latch = self._heads[depth - 1], self.after[depth]
            counter = self.counters[depth - 1]
            step = ir.Constant(INT, self.loops[depth - 1].step)
            following = latch.add(counter, step, flags=("nuw", "nsw"))
            counter.add_incoming(following, latch.block)
            exact = self._unit(self.loops[depth - 1]) > 1
            less = "!=" if exact else "<"
            again = latch.icmp_unsigned(less, following, self._stops[depth - 1])
            branch = latch.cbranch(again, head, self._tails[depth - 1])
            if depth < len(self.loops):
                continue
            if _leaves_rest(self.loops[-1]) or self._is_heavy(latch.block is head):
                _wish(branch, "vectorize.predicate.enable", ir.IntType(1)(1))
            elif self.interleaved or self.loops[-1].extent is ROWS:
                vectors = 2 if self.interleaved else 1
                _wish(branch, "interleave.count", ir.IntType(32)(vectors))
        for depth, builder in enumerate(self.before[:-1]):
            self.counters[depth].add_incoming(self._starts[depth], builder.block)
            builder.branch(self._heads[depth])
        return self.after[0]


def _in_units(at: Any, start: Any, stop: Any, unit: int) -> Any:
    """`stop`, which is some units behind `start`: with this number of elements LLVM
    sees that no part of a vector is left, and writes no loops for it."""
    if unit == 1:
        return stop
    kind = [INT]
    most = at.module.declare_intrinsic(
        "llvm.umax", kind, ir.FunctionType(INT, [INT, INT])
    )
    length = at.and_(at.sub(stop, start), ir.Constant(INT, -unit))
    length = at.call(most, [length, ir.Constant(INT, unit)])
    return at.add(start, length, flags=("nuw", "nsw"))


def _leaves_rest(loop: Loop) -> bool:
    """Whether what is left behind whole vectors is much, and can be masked: then no
    scalar loop follows."""
    n = loop.extent
    return not isinstance(n, Dim) and _can_mask() and n < SHORT and n % LANES != 0


def _can_mask() -> bool:
    return platform.vector_width() >= 64 * LANES


def _instructions(block: Any) -> int:
    """How many there are, with those of the functions called."""
    inside = [i.callee for i in block.instructions if i.opname == "call"]
    called = [b for function in inside for b in getattr(function, "blocks", ())]
    return sum(len(b.instructions) for b in [block, *called])


def _wish(branch: Any, name: str, value: Any) -> None:
    """Tell LLVM's vectorizer something about the loop that this branch closes."""
    module = branch.function.module
    wish = module.add_metadata([ir.MetaDataString(module, f"llvm.loop.{name}"), value])
    loop = ir.MDValue(module, [wish], name=str(len(module.metadata)))
    loop.operands = (loop, wish)  # refers to itself: no two loops are the same
    branch.set_metadata("llvm.loop", loop)
