"""Kernels as steps that several threads share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tapec.ir import ArrayType, Value
from tapec.native.plan import Plan
from tapec.native.pool import pool
from tapec.native.pool_state import Row
from tapec.native.split import Chunks, chunks_of

if TYPE_CHECKING:
    from tapec.native.cache import KernelCode

__all__ = ["Shared", "shared"]


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
        chunks, workspace = self.chunks, self.workspace
        head = {
            Row.state: pool().state,
            Row.threads: pool().threads,
            Row.chunk: code.chunk,
            Row.join: code.join,
            Row.count: chunks.number,
            Row.extent: chunks.extent,
            Row.length: chunks.length,
            Row.scratch: -1 if workspace is None else plan.slots[workspace, 0],
            Row.stride: chunks.stride,
        }
        places = [word for place in chunks.places for word in place]
        return [*[head[word] for word in sorted(head)], *told, *places]


def shared(op: Value) -> Shared | None:
    """For a `fused` op; None if one thread is to run it."""
    sizes = dict(op.attrs).get("sizes", ())
    chunks = chunks_of(op.attr("body"), sizes)
    return None if chunks is None else Shared(chunks)
