"""Kernels as steps that several threads share.

    [*head, *told, *where]

`head` is what `words_of` gives, `told` what the kernel alone would be told; where its
partial results are in the memory of a chunk follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tapec.ir import ArrayType, Value
from tapec.locks import cached_property
from tapec.native.addresses import Address
from tapec.native.joining import Kind, rows_of
from tapec.native.plan import Plan
from tapec.native.pool import pool
from tapec.native.pool_state import Row
from tapec.native.split import Chunks, chunks_of, split_of
from tapec.native.words import Words
from tapec.settings import MOST

__all__ = ["Shared", "shared", "words_of"]


class Shared:
    """How the step of a kernel is run in chunks. workspace: a value that stands for
    the memory of their partial results, if there are any."""

    def __init__(self, op: Value, chunks: Chunks) -> None:
        self.chunks = chunks
        self._op = op
        self._joined = Words(())
        self.workspace: Value | None = None
        if chunks.stride:
            type_ = ArrayType(np.uint8, (chunks.number * chunks.stride,))
            self.workspace = Value(None, (), (), type_, -1)

    @cached_property
    def address(self) -> int:
        """The routine."""
        return pool().address

    def indices(self, chunk: int, plan: Plan, told: Sequence[int]) -> list[int]:
        """The step's indices. chunk: address of the kernel."""
        scratch = -1 if self.workspace is None else plan.slots[self.workspace, 0]
        body, split = self._op.attr("body"), split_of(self._op.attr("body"))
        partial = () if split is None else split.partial
        results = [body.results[number] for number in partial]
        kinds = [(r.prim.lower.monoid, r.dtype) for r in results]
        slots = [plan.slots[self._op, number] for number in partial]
        self._joined = joined(self.chunks, kinds, slots)
        head = words_of(self.chunks, chunk, self._joined, scratch, MOST)
        return [*head, *told, *[where for where, _ in self.chunks.places]]


def joined(chunks: Chunks, kinds: Sequence[Kind], slots: Sequence[int]) -> Words:
    """What the pool reads of the partial results, whose slots these are."""
    places = zip(slots, chunks.places, strict=True)
    return Words(rows_of(kinds, [(slot, *place) for slot, place in places]))


def words_of(
    chunks: Chunks, chunk: int, joined: Words, scratch: int, most: int
) -> list[int]:
    """The indices of a parallel step up to `Row.rest`. chunk: address of the routine.

    joined: kept by the caller as long as the step.
    """
    head = {
        Row.state: Address(pool().state),
        Row.threads: Address(pool().threads),
        Row.chunk: chunk,
        Row.partial: len(chunks.places),
        Row.joined: joined.address,
        Row.count: chunks.number,
        Row.extent: chunks.extent,
        Row.length: chunks.length,
        Row.scratch: scratch,
        Row.stride: chunks.stride,
        Row.most: most,
    }
    return [head[word] for word in sorted(head)]


def shared(op: Value) -> Shared | None:
    """For a `fused` op; None if one thread is to run it."""
    sizes = dict(op.attrs).get("sizes", ())
    chunks = chunks_of(op.attr("body"), sizes)
    return None if chunks is None else Shared(op, chunks)
