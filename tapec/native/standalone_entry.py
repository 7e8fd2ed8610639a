"""The function of a standalone program that others call.

    i32 NAME(parameters..., results..., ptr workspace)

It enters addresses into the slots, in the workspace, and runs the table of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from tapec.ir import ArrayType, Function
from tapec.native.addresses import Address
from tapec.native.driver import INT, POINTER, WORD, _item, _Loop, _number
from tapec.native.heap import NO_MEMORY
from tapec.native.layout import memory_type
from tapec.native.plan import ALIGNMENT, Plan
from tapec.native.table import Table

if TYPE_CHECKING:
    from tapec.native.standalone import Module

__all__ = ["OTHER", "OUT_OF_MEMORY", "Outside", "by_value"]

OTHER, OUT_OF_MEMORY = 1, 2
"""What the function answers besides 0: these arguments take another way through the
function, or make it raise; there is no memory."""


def by_value(type_: ArrayType) -> bool:
    """Whether a parameter of this type is a number, not the address of one."""
    return not type_.ndim and type_.dtype.kind in "biuf" and type_.dtype != np.float16


class Outside:
    """The function that others call."""

    def __init__(self, module: Module, fn: Function, plan: Plan) -> None:
        self.module, self.fn, self.plan = module, fn, plan
        numbers = [p for p in fn.params if by_value(p.type)]
        words = len(plan.buffers) + len(numbers)
        self.arena = -(-8 * words // ALIGNMENT) * ALIGNMENT

    def emit(self, name: str, table: Table) -> int:
        """Add it; how many bytes of workspace it needs."""
        params = [self._kind(p.type) for p in self.fn.params]
        kinds = [*params, *[POINTER] * len(self.fn.results), POINTER]
        function = ir.Function(self.module.module, ir.FunctionType(WORD, kinds), name)
        function.attributes.add("nounwind")
        self._extend(function)
        self.at = at = ir.IRBuilder(function.append_basic_block("entry"))
        *given, workspace = function.args
        null = at.icmp_unsigned("==", workspace, ir.Constant(POINTER, None))
        with at.if_then(null, likely=False):
            at.ret(ir.Constant(WORD, OUT_OF_MEMORY))
        self.slots = self._aligned(workspace)
        self._enter_arguments(given)
        self._enter_buffers()
        rows = self.module.table(table.words)
        run = self.module.module.globals["run"]
        found = at.call(run, [self.slots, rows, _number(0), _number(table.count)])
        at.ret(self._answer(found))
        return self.arena + self.plan.nbytes + ALIGNMENT

    def _kind(self, type_: ArrayType) -> Any:
        return memory_type(type_.dtype) if by_value(type_) else POINTER

    def _extend(self, function: Any) -> None:
        """Small integers are widened by the caller, as C has it."""
        for argument, p in zip(function.args, self.fn.params, strict=False):
            if by_value(p.type) and p.dtype.kind in "biu" and p.dtype.itemsize < 4:
                signed = p.dtype.kind == "i"
                argument.add_attribute("signext" if signed else "zeroext")

    def _aligned(self, workspace: Any) -> Any:
        at = self.at
        address = at.add(at.ptrtoint(workspace, INT), _number(ALIGNMENT - 1))
        return at.inttoptr(at.and_(address, _number(-ALIGNMENT)), POINTER)

    def _put(self, pointer: Any, slot: Any) -> None:
        slot = _number(slot) if isinstance(slot, int) else slot
        self.at.store(pointer, self.at.gep(self.slots, [slot], source_etype=POINTER))

    def _enter_arguments(self, given: Sequence[Any]) -> None:
        """Parameters and results are the first buffers."""
        at, place = self.at, len(self.plan.buffers)
        for slot, value in enumerate(given):
            if value.type == POINTER:
                self._put(value, slot)
                continue
            cell = at.gep(self.slots, [_number(place)], source_etype=INT)
            place += 1
            if self.fn.params[slot].dtype.kind == "b":
                value = at.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
                value = at.zext(value, ir.IntType(8))
            at.store(value, cell)
            self._put(cell, slot)

    def _enter_buffers(self) -> None:
        at, rows = self.at, []
        for slot, buffer in enumerate(self.plan.buffers):
            if buffer.kind == "arena":
                rows += [slot, self.arena + buffer.offset]
        with self._rows(rows) as (slot, offset):
            self._put(at.gep(self.slots, [offset], source_etype=ir.IntType(8)), slot)
        rows = []
        for slot, op in self.plan.constants:
            array = np.ascontiguousarray(op.attr("value").array)
            rows += [slot, Address(0, array)]
        with self._rows(rows) as (slot, address):
            self._put(at.inttoptr(address, POINTER), slot)

    def _rows(self, rows: list[int]) -> Any:
        return _Pairs(self.at, self.module.table(rows), len(rows) // 2)

    def _answer(self, found: Any) -> Any:
        """The status of the step that failed, if one did, for those outside."""
        at = self.at
        kind = at.trunc(at.and_(found, _number(255)), WORD)
        memory = at.icmp_unsigned("==", kind, ir.Constant(WORD, NO_MEMORY))
        codes = [ir.Constant(WORD, code) for code in (0, OTHER, OUT_OF_MEMORY)]
        answer = at.select(memory, codes[2], codes[1])
        fine = at.icmp_unsigned("==", found, _number(0))
        return at.select(fine, codes[0], answer)


class _Pairs:
    """A loop over pairs of words."""

    def __init__(self, at: Any, table: Any, count: int) -> None:
        self.at, self.table = at, table
        self._loop = _Loop(at, _number(0), _number(count))

    def __enter__(self) -> tuple[Any, Any]:
        first = self.at.mul(self._loop.__enter__(), _number(2))
        second = self.at.add(first, _number(1))
        return _item(self.at, self.table, first), _item(self.at, self.table, second)

    def __exit__(self, *exc: object) -> None:
        self._loop.__exit__(*exc)
