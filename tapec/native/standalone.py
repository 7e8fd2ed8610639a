"""A program as object code that needs neither Python nor this process.

    i32 NAME(parameters..., results..., ptr workspace)

Steps, routines and tables are those that a program has here, in one module; where
tables hold addresses of this process, its tables have symbols. NAME_id is a text,
another one for other code. The workspace is laid out as

    slots | numbers that were passed by value | arena

and the function enters addresses into the slots, then runs the table. All other symbols
are local; what is left undefined are functions of C's libraries and of BLAS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from tapec.ir import ArrayType, Function, Value
from tapec.native import (
    control_code,
    driver,
    engine,
    library,
    platform,
    pool_code,
    tile_code,
)
from tapec.native.addresses import Address, Symbol
from tapec.native.cache import kernels_for
from tapec.native.compiler import Compiler
from tapec.native.driver import INT, POINTER, WORD, _item, _Loop, _number
from tapec.native.heap import NO_MEMORY
from tapec.native.layout import NoNative, memory_type
from tapec.native.plan import ALIGNMENT, Plan, make_plan
from tapec.native.steps import make_steps
from tapec.native.table import Table, Words
from tapec.native.tile_threads import emit_join

__all__ = ["OTHER", "OUT_OF_MEMORY", "InPython", "Standalone", "by_value", "standalone"]

OTHER, OUT_OF_MEMORY = 1, 2
"""What the function answers besides 0: these arguments take another way through the
function, or make it raise; there is no memory."""


ENTRY = "tapec"

ID = 32
"""Characters of the text that tells one code from another."""


class InPython(Exception):
    """The program has a step that only Python can take."""

    def __init__(self, op: Value) -> None:
        super().__init__(op.prim.name)
        self.op = op


class Standalone(NamedTuple):
    """code: an object file. workspace: bytes that a call needs, wherever they begin.

    id: what the symbol NAME_id of the code is.
    """

    code: bytes
    workspace: int
    id: str


def by_value(type_: ArrayType) -> bool:
    """Whether a parameter of this type is a number, not the address of one."""
    return not type_.ndim and type_.dtype.kind in "biuf" and type_.dtype != np.float16


def standalone(fn: Function, name: str, cpu: platform.Cpu) -> Standalone:
    """The object code of a function after all passes.

    Made inside `platform.made_for(cpu)`. Raises InPython.
    """
    steps = make_steps(fn)
    for step in steps:
        if step.kind == "host":
            raise InPython(_culprit(step.op))
    plan = make_plan(fn, [(step.reads, step.writes) for step in steps])
    kernels = kernels_for([s.op.attr("body") for s in steps if s.kind == "kernel"])
    module = _Module()
    table = Table(steps, plan, kernels)
    nbytes = _Entry(module, fn, plan).emit(ENTRY, table)
    engine.engine()  # LLVM's targets
    text = module.finished(name)
    id_ = hashlib.sha256(f"{cpu} {text}".encode()).hexdigest()[:ID]
    text += f'\n@{name}_id = constant [{ID + 1} x i8] c"{id_}\\00"\n'
    return Standalone(Compiler(cpu).object_code(text), nbytes, id_)


def _culprit(op: Value) -> Value:
    """The op in Python: of a loop or branch, the one inside."""
    for body in Function("", (), [op], ()).bodies():
        for step in make_steps(body):
            if step.kind == "host":
                return _culprit(step.op)
    return op


class _Module:
    """The module under construction: what tables refer to is added when it is met."""

    def __init__(self) -> None:
        self.module = engine.new_module("tapec")
        driver.emit_alone(self.module)
        self._data: dict[int, Any] = {}
        self._kept: list[Any] = []
        self._kernels: dict[Function, str] = {}
        self._units: dict[Any, str] = {}

    def finished(self, name: str) -> str:
        """The text, with `name` as the only function that others see."""
        module = llvm.parse_assembly(str(self.module), llvm.create_context())
        for thing in (*module.functions, *module.global_variables):
            if not thing.is_declaration and not thing.name.startswith("llvm."):
                thing.linkage = "internal"
                thing.name = f"{ENTRY}.{thing.name}"  # `name` may be one of these
        entry = module.get_function(f"{ENTRY}.{ENTRY}")
        entry.linkage, entry.name = "external", name
        return str(module)

    # --- data

    def word(self, word: int) -> Any:
        """What a table holds."""
        if not isinstance(word, Address):
            return _number(int(word))
        return _number(0) if word.of is None else self._of(word.of).ptrtoint(INT)

    def _of(self, of: Any) -> Any:
        if isinstance(of, Symbol):
            return self._function(of)
        return self.table(of.words) if isinstance(of, Words) else self.array(of)

    def table(self, words: Sequence[int]) -> Any:
        """Words and addresses as data."""
        if id(words) not in self._data:
            row = ir.Constant(ir.ArrayType(INT, len(words)), [*map(self.word, words)])
            self._add(words, row, 8)
        return self._data[id(words)]

    def array(self, array: np.ndarray[Any, Any]) -> Any:
        """An array's elements as data."""
        if id(array) not in self._data:
            kind = ir.ArrayType(ir.IntType(8), array.nbytes)
            self._add(array, ir.Constant(kind, bytearray(array.tobytes())), ALIGNMENT)
        return self._data[id(array)]

    def _add(self, what: Any, contents: Any, align: int) -> None:
        name = f"data{len(self._data)}"
        made = ir.GlobalVariable(self.module, contents.type, name)
        made.linkage, made.global_constant = "internal", True
        made.initializer, made.align = contents, align
        self._data[id(what)] = made
        self._kept.append(what)

    # --- code

    def _function(self, symbol: Symbol) -> Any:
        unit, *rest = symbol.key if isinstance(symbol.key, tuple) else (symbol.key,)
        if unit == "kernels":
            number, _, end = symbol.name.removeprefix("kernel").partition("_")
            name = self._kernel(rest[int(number)])
            return self.module.globals[f"{name}_{end}" if end else name]
        if symbol.key not in self._units:
            self._units[symbol.key] = self._emit(unit, rest)
        return self.module.globals[self._units[symbol.key] or symbol.name]

    def _kernel(self, body: Function) -> str:
        from tapec.native.loops import emit_kernel

        if body not in self._kernels:
            self._kernels[body] = name = f"kernel{len(self._kernels)}"
            emit_kernel(self.module, body, name)
        return self._kernels[body]

    def _emit(self, unit: str, rest: list[Any]) -> str:
        """Add the code of a library; the name of its function if that is another."""
        if unit == "product":
            name, letter = f"product_{rest[0]}", rest[0]
            routines = f"{letter}gemm_", f"{letter}gemv_"
            library.emit_product(self.module, name, letter, routines, limits=False)
            return name
        if unit == "join":
            emit_join(self.module, name := f"join{len(self._units)}", rest[0])
            return name
        if unit == "pool":
            pool_code.emit(self.module, False, 0)
        elif unit in ("control", "tile"):
            (control_code if unit == "control" else tile_code).emit(self.module)
        elif unit != "driver":
            raise NoNative(f"the code of {unit} is for this process")
        return ""


class _Entry:
    """The function that others call."""

    def __init__(self, module: _Module, fn: Function, plan: Plan) -> None:
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
