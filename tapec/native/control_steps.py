"""Loops and branches as steps: what their routines are told.

A body that has steps in Python (a factorization, say) makes the whole loop one: Python
runs it, the body compiled.
"""

from __future__ import annotations

import numpy as np

from tapec.ir import ArrayType, Function, Value
from tapec.native.control_code import index_code, routine
from tapec.native.inner import Inner
from tapec.native.layout import NoNative
from tapec.native.plan import ALIGNMENT, Plan
from tapec.native.words import Words

__all__ = ["Control", "control"]


class Control:
    """A step made of bodies. workspace: a value that stands for its own memory."""

    def __init__(self, op: Value, bodies: list[Inner]) -> None:
        self.op = op
        self.bodies = bodies
        self.address = self.routine()
        self._kept: list[Words] = []
        self._size = 0
        self.starts = [self._reserved(body.nbytes) for body in bodies]
        self.buffers = self._buffers()
        type_ = ArrayType(np.uint8, (max(self._size, 1),))
        self.workspace = Value(None, (), (), type_, -1)

    def _reserved(self, nbytes: int) -> int:
        """Where `nbytes` of the workspace begin."""
        start = self._size
        self._size += -(-nbytes // ALIGNMENT) * ALIGNMENT
        return start

    def routine(self) -> int:
        """The address of the routine."""
        return routine(self.op.prim.name)

    @staticmethod
    def inner(op: Value) -> list[Inner]:
        """The bodies, compiled."""
        return [Inner(v) for _, v in op.attrs if isinstance(v, Function)]

    def _buffers(self) -> list[tuple[int, int]]:
        return []

    def indices(self, plan: Plan) -> list[int]:
        """The step's indices."""
        raise NotImplementedError

    def _address(self, rows: list[int]) -> int:
        self._kept.append(Words(rows))
        return self._kept[-1].address

    def _results(self, plan: Plan) -> list[int]:
        return [plan.slots[self.op, i] for i in range(len(self.op.type.items))]

    def _pairs(self, values: list[Value]) -> list[tuple[int, int]]:
        """Two buffers for each carry, which take turns."""
        sizes = [int(v.type.nbytes) for v in values]
        return [(self._reserved(n), self._reserved(n)) for n in sizes]


class Scan(Control):
    def _buffers(self) -> list[tuple[int, int]]:
        return self._pairs(list(self.op.args[: self.op.attr("carries")]))

    def indices(self, plan: Plan) -> list[int]:
        op, (body,) = self.op, self.bodies
        n = op.attr("carries")
        shared = n + op.attr("invariants")
        outer, results = [plan.slot(a) for a in op.args], self._results(plan)
        fixed = {body.param(i): outer[i] for i in range(n, shared)}
        moving: list[int] = []
        for i in range(shared, len(outer)):
            nbytes = int(body.function.params[i].type.nbytes)
            moving += [body.param(i), outer[i], nbytes]
        for i in range(n, len(results)):
            nbytes = int(body.function.results[i].type.nbytes)
            moving += [body.result(i), results[i], nbytes]
        carries: list[int] = []
        for i, pair in enumerate(self.buffers):
            carries += [body.param(i), body.result(i), outer[i], results[i], *pair]
        return [
            plan.slot(self.workspace), *body.words(0, fixed), op.attr("length"),
            int(op.attr("reverse")), len(moving) // 3, self._address(moving), n,
            self._address(carries),
        ]  # fmt: skip


class Switch(Control):
    def indices(self, plan: Plan) -> list[int]:
        index, *operands = self.op.args
        results = self._results(plan)
        words: list[int] = []
        for start, body in zip(self.starts, self.bodies, strict=True):
            fixed = {body.param(i): plan.slot(a) for i, a in enumerate(operands)}
            fixed |= {body.result(i): slot for i, slot in enumerate(results)}
            del start
            words += body.words(0, fixed)
        head = [plan.slot(self.workspace), plan.slot(index), index_code(index.dtype)]
        return [*head, len(self.bodies), *words]


class While(Control):
    def _buffers(self) -> list[tuple[int, int]]:
        self.truth = self._reserved(1)
        return self._pairs(list(self.op.args[: self.op.attr("carries")]))

    def indices(self, plan: Plan) -> list[int]:
        cond, body, *_ = self.bodies
        fixed, outer = self._fixed(plan), [plan.slot(a) for a in self.op.args]
        finals = self._finals(plan)
        rows: list[int] = []
        for i, pair in enumerate(self.buffers[: self.op.attr("carries")]):
            where = [cond.param(i), body.param(i), body.result(i)]
            nbytes = int(self.op.args[i].type.nbytes)
            rows += [*where, outer[i], finals[i], *pair, nbytes]
        test = cond.words(self.starts[0], fixed, {cond.result(0): self.truth})
        return [
            plan.slot(self.workspace), *test, *body.words(self.starts[1], fixed),
            self.starts[1], cond.result(0), len(rows) // 8, self._address(rows),
        ]  # fmt: skip

    def _fixed(self, plan: Plan) -> dict[int, int]:
        """The outer slots of the invariants, by their number among the parameters."""
        count = len(self.bodies[0].function.params)
        numbers = range(self.op.attr("carries"), count)
        return {i: plan.slot(self.op.args[i]) for i in numbers}

    def _finals(self, plan: Plan) -> list[int]:
        return self._results(plan)


class Record(While):
    """The routine goes forward as for `while_loop` first."""

    def _buffers(self) -> list[tuple[int, int]]:
        op = self.op
        self.bars = op.args[len(op.args) - len(op.attr("bars")) :]
        self.sums = [op.args[op.attr("carries") + i] for i in op.attr("sums")]
        return [*super()._buffers(), *self._pairs([*self.bars, *self.sums])]

    def _finals(self, plan: Plan) -> list[int]:
        return [-1] * self.op.attr("carries")

    def indices(self, plan: Plan) -> list[int]:
        _, body, back = self.bodies
        n, carried = self.op.attr("carries"), len(self.bars) + len(self.sums)
        fixed = self._fixed(plan)
        moved = {i - n + carried: slot for i, slot in fixed.items()}
        residuals, size = self._rows(n, carried + len(fixed))
        starts = [*map(plan.slot, self.bars), *[-1] * len(self.sums)]
        rows: list[int] = []
        pairs = zip(starts, self._results(plan), strict=True)
        for i, (start, slot) in enumerate(pairs):
            nbytes = int(back.function.params[i].type.nbytes)
            pair = self.buffers[n + i]
            rows += [back.param(i), back.result(i), start, slot, *pair, nbytes]
        del body
        return [
            *super().indices(plan), size, len(residuals) // 3,
            self._address(residuals), *back.words(self.starts[2], moved),
            self.starts[2], carried, self._address(rows),
        ]  # fmt: skip

    def _rows(self, n: int, first: int) -> tuple[list[int], int]:
        """Where the residuals are in body, record and back; the record's row."""
        _, body, back = self.bodies
        rows, size = [], 0
        for k, value in enumerate(body.function.results[n:]):
            rows += [body.result(n + k), size, back.param(first + k)]
            size += -(-int(value.type.nbytes) // ALIGNMENT) * ALIGNMENT
        return rows, max(size, ALIGNMENT)


STEPS: dict[str, type[Control]] = {
    "scan": Scan,
    "switch": Switch,
    "while_loop": While,
    "while_reverse": Record,
}


def control(op: Value) -> Control | None:
    """The step of a loop or branch; None for any other op.

    NoNative if a body has steps in Python, or nothing to do.
    """
    made = STEPS.get(op.prim.name)
    if op.prim.name == "tile":
        from tapec.native.tile_steps import Tile

        made = Tile
    if made is None:
        return None
    if made is Scan and op.attr("length") == 0:
        raise NoNative("a loop without steps")
    return made(op, made.inner(op))
