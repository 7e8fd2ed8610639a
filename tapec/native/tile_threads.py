"""Loops over tiles that several threads share.

A chunk is some tiles that follow each other. Its accumulators start from their
identities; what the chunks accumulate is joined in their order. Each thread has memory
for one tile, which stays in its cache. Products have threads of their own: a loop with
one inside is not shared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapec.ir import Value, dims_of
from tapec.native import platform
from tapec.native.inner import Inner
from tapec.native.joining import Kind
from tapec.native.plan import ALIGNMENT
from tapec.native.sharing import joined, words_of
from tapec.native.split import WORTH, Chunks, time_of
from tapec.native.steps import Step
from tapec.native.tile_code import routine
from tapec.native.words import Words
from tapec.settings import config

__all__ = ["Shared", "shared"]

PARTS = 16
"""Chunks of a loop: what they accumulate is written and read once more."""

ROOM = 1 << 23
"""Bytes that the partial results of all chunks may take."""


class Shared:
    """How the step of a loop is shared. threads: at most, since each needs memory."""

    def __init__(self, chunks: Chunks, kinds: tuple[Kind, ...]) -> None:
        self.chunks = chunks
        self.threads = 1 if platform.elsewhere() else max(2, config.threads)
        self._kinds = kinds
        self._joined = Words(())

    def nbytes(self, own: int) -> int:
        """Of the workspace: partial results, then the memory of each thread."""
        return self._partial + self.threads * own

    @property
    def _partial(self) -> int:
        return self.chunks.number * self.chunks.stride

    def indices(
        self, workspace: int, own: int, told: Sequence[int], slots: Sequence[int]
    ) -> list[int]:
        """The step's indices. told: what the routine would be told alone. slots: of the
        accumulators' results."""
        self._joined = joined(self.chunks, self._kinds, slots)
        chunk = routine("tile_chunk")
        head = words_of(self.chunks, chunk, self._joined, workspace, self.threads)
        return [*head, *told, self._partial, own]


def shared(op: Value, bodies: Sequence[Inner]) -> Shared | None:
    """For a `tile`; None if one thread is to run it."""
    steps = bodies[0].steps
    tiles = -(-op.attr("length") // op.attr("size"))
    time = _time(steps)
    if time is None or tiles * time < 2 * WORTH:
        return None
    n = len(op.attr("reduce"))
    types = op.type.items[:n]
    places, stride = [], 0
    for t in types:
        places.append((stride, int(t.size)))
        stride += -(-int(t.nbytes) // ALIGNMENT) * ALIGNMENT
    number = min(PARTS, tiles // 2, ROOM // max(stride, 1))
    if number < 2:
        return None
    length = -(-tiles // number)
    chunks = Chunks(-(-tiles // length), tiles, length, tuple(places), stride)
    dtypes = [np.dtype(t.dtype) for t in types]
    return Shared(chunks, tuple(zip(op.attr("reduce"), dtypes, strict=True)))


def _time(steps: Sequence[Step]) -> float | None:
    """Nanoseconds, estimated; None if something inside has threads of its own."""
    total = 0.0
    for step in steps:
        if step.kind == "kernel":
            body, sizes = step.op.attr("body"), dict(step.op.attrs).get("sizes", ())
            total += time_of(body, dict(zip(dims_of(body), sizes, strict=True)))
        elif step.op.prim.name == "scan" and step.control is not None:
            inner = _time(step.control.bodies[0].steps)
            if inner is None:
                return None
            total += step.op.attr("length") * inner
        else:
            return None
    return total
