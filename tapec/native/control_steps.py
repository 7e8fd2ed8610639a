"""Loops and branches as steps: what their routines are told.

A body that has steps in Python (a factorization, say) makes the whole loop one: Python
runs it, the body compiled.
"""

from __future__ import annotations

import numpy as np

from tapec.ir import ArrayType, Function, Value
from tapec.native.control_code import routine
from tapec.native.inner import Inner, Words
from tapec.native.plan import ALIGNMENT, Plan

__all__ = ["CONTROL", "Control", "control"]

CONTROL = ("scan", "switch", "while_loop")


class Control:
    """A step made of bodies. workspace: a value that stands for its own memory."""

    def __init__(self, op: Value, name: str, bodies: list[Inner]) -> None:
        self.op = op
        self.bodies = bodies
        self.address = routine(name)
        self._kept: list[Words] = []
        self._size = 0

    def _reserved(self, nbytes: int) -> int:
        """Where `nbytes` of the workspace begin."""
        start = self._size
        self._size += -(-nbytes // ALIGNMENT) * ALIGNMENT
        return start

    def finish(self) -> Control:
        """Reserve what the routine needs."""
        self.starts = [self._reserved(body.nbytes) for body in self.bodies]
        self.buffers = self._buffers()
        type_ = ArrayType(np.uint8, (max(self._size, 1),))
        self.workspace = Value(None, (), (), type_, -1)
        return self

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
        head = [plan.slot(self.workspace), plan.slot(index), index.dtype.itemsize]
        return [*head, len(self.bodies), *words]


class While(Control):
    def _buffers(self) -> list[tuple[int, int]]:
        self.truth = self._reserved(1)
        return self._pairs(list(self.op.args[: self.op.attr("carries")]))

    def indices(self, plan: Plan) -> list[int]:
        op, (cond, body) = self.op, self.bodies
        n = op.attr("carries")
        outer, results = [plan.slot(a) for a in op.args], self._results(plan)
        fixed = {body.param(i): outer[i] for i in range(n, len(outer))}
        rows: list[int] = []
        for i, pair in enumerate(self.buffers):
            where = [cond.param(i), body.param(i), body.result(i)]
            rows += [*where, outer[i], results[i], *pair, int(op.args[i].type.nbytes)]
        test = cond.words(self.starts[0], fixed, {cond.result(0): self.truth})
        return [
            plan.slot(self.workspace), *test, *body.words(self.starts[1], fixed),
            self.starts[1], cond.result(0), n, self._address(rows),
        ]  # fmt: skip


def control(op: Value) -> Control:
    """The step of a loop or branch; NoNative if a body has steps in Python."""
    bodies = [Inner(v) for _, v in op.attrs if isinstance(v, Function)]
    match op.prim.name:
        case "scan":
            return Scan(op, "scan", bodies).finish()
        case "switch":
            return Switch(op, "switch", bodies).finish()
    return While(op, "while", bodies).finish()
