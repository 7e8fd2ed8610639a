"""Bodies as programs inside a program: a table of steps, run by emitted routines.

The buffers of a body lie in a workspace, which is a buffer of the surrounding program;
so does the table of their addresses, which the routine fills in. A routine is told of
each body in five words:

    table of steps, number of steps, number of slots, words, kinds

A slot starts as an address in the workspace (kind 0), as a constant address (1), or as
the buffer of an outer slot (2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tapec.ir import Function
from tapec.native.addresses import Address
from tapec.native.cache import KernelCode, kernels_for
from tapec.native.layout import NoNative
from tapec.native.plan import ALIGNMENT, make_plan
from tapec.native.steps import Step, make_steps
from tapec.native.table import Table
from tapec.native.weight import light
from tapec.native.words import Words

__all__ = ["Inner", "inner_codes"]


class Inner:
    """The body of a loop or branch, compiled; NoNative if it has host steps.

    nbytes: of the workspace: addresses of the buffers, then the arena.
    """

    def __init__(self, fn: Function) -> None:
        self.function = fn
        self.steps = make_steps(fn)
        if any(step.kind == "host" for step in self.steps):
            raise NoNative("a body with steps in Python")
        self.plan = make_plan(fn, [(step.reads, step.writes) for step in self.steps])
        self._kernels = kernels_for(
            [step.wanted for step in self.steps if step.kind == "kernel"],
            light(self.steps),
        )
        self._constants = {
            slot: np.ascontiguousarray(op.attr("value").array)
            for slot, op in self.plan.constants
        }
        self._kept: list[Words] = []
        self._table = Table(self.steps, self.plan, self._kernels)
        self._arena = -(-8 * len(self.plan.buffers) // ALIGNMENT) * ALIGNMENT
        self.nbytes = self._arena + self.plan.nbytes + ALIGNMENT

    @property
    def codes(self) -> Iterator[KernelCode]:
        """Its kernels, and those of bodies inside."""
        yield from self._kernels.values()
        yield from inner_codes(self.steps)

    def _keep(self, words: list[int]) -> Words:
        self._kept.append(Words(words))
        return self._kept[-1]

    # --- what a routine is told

    def param(self, number: int) -> int:
        """The slot of a parameter."""
        return number

    def result(self, number: int) -> int:
        """The slot where a result is written."""
        return len(self.function.params) + number

    def words(
        self, start: int, outer: Mapping[int, int], inside: Mapping[int, int] = {}
    ) -> list[int]:
        """The five words; the body's memory begins at byte `start` of the workspace.

        outer: which outer slot's buffer an inner slot is, where that never changes.
        inside: where in the workspace the buffer of a slot begins.
        """
        words, kinds = [], []
        for slot, buffer in enumerate(self.plan.buffers):
            if slot in outer:
                words.append(outer[slot])
                kinds.append(2)
            elif slot in self._constants:
                constant = self._constants[slot]
                words.append(Address(constant.ctypes.data, constant))
                kinds.append(1)
            else:
                words.append(inside.get(slot, start + self._arena + buffer.offset))
                kinds.append(0)
        lists = [self._keep(words).address, self._keep(kinds).address]
        return [self._table.address, self._table.count, len(words), *lists]


def inner_codes(steps: Sequence[Step]) -> Iterator[KernelCode]:
    """The kernels of the bodies of these steps."""
    for step in steps:
        for body in step.control.bodies if step.control else ():
            yield from body.codes
