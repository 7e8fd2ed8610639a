"""The table of a program's steps, as the driver reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tapec.native.driver import driver
from tapec.native.interrupts import Pace
from tapec.native.plan import Plan
from tapec.native.steps import Step
from tapec.native.words import Words

if TYPE_CHECKING:
    from tapec.native.cache import KernelCode, Wanted

__all__ = ["Table"]


class Table(Words):
    """Two words per step, and then per copy of the plan: its routine, and its indices.

    count: of the rows. Now and then a step is one that also looks for signals.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        plan: Plan,
        kernels: dict[Wanted, KernelCode],
    ) -> None:
        copy, polled = driver().address("copy"), driver().address("polled")
        self._kept: list[Words] = []
        words: list[int] = []
        pace = Pace()
        for step in steps:
            row = self._row(step.address(kernels), step.indices(plan, kernels))
            if step.kind != "host" and pace.is_due(step.work):
                row = self._row(polled, row)
            words += row
        for value, slot in plan.copies:
            words += self._row(copy, [plan.slot(value), slot, value.type.nbytes])
        self.count = len(words) // 2
        super().__init__(words)

    def _row(self, address: int, indices: list[int]) -> list[int]:
        self._kept.append(Words(indices))
        return [address, self._kept[-1].address]
