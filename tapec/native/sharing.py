"""Kernels as steps that several threads share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tapec.ir import ArrayType, Value
from tapec.locks import cached_property
from tapec.native.addresses import Address
from tapec.native.plan import Plan
from tapec.native.pool import pool
from tapec.native.pool_state import Row
from tapec.native.split import Chunks, chunks_of
from tapec.settings import MOST

if TYPE_CHECKING:
    from tapec.native.cache import KernelCode

__all__ = ["Shared", "shared", "words_of"]


class Shared:
    """How the step of a kernel is run in chunks. workspace: a value that stands for
    the memory of their partial results, if there are any."""

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks
        self.workspace: Value | None = None
        if chunks.stride:
            type_ = ArrayType(np.uint8, (chunks.number * chunks.stride,))
            self.workspace = Value(None, (), (), type_, -1)

    @cached_property
    def address(self) -> int:
        """The routine."""
        return pool().address

    def indices(self, plan: Plan, code: KernelCode, told: Sequence[int]) -> list[int]:
        """The step's indices; `told`: what the kernel alone would be told."""
        scratch = -1 if self.workspace is None else plan.slots[self.workspace, 0]
        places = [word for place in self.chunks.places for word in place]
        head = words_of(self.chunks, (code.chunk, code.join), scratch, MOST)
        return [*head, *told, *places]


def words_of(
    chunks: Chunks, routines: tuple[int, int], scratch: int, most: int
) -> list[int]:
    """The indices of a parallel step up to `Row.rest`. routines: chunk and join."""
    chunk, join = routines
    head = {
        Row.state: Address(pool().state),
        Row.threads: Address(pool().threads),
        Row.chunk: chunk,
        Row.join: join,
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
    return None if chunks is None else Shared(chunks)
