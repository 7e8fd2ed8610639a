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

from tapec.ir import Function, Value
from tapec.native import (
    control_code,
    driver,
    engine,
    joining,
    library,
    platform,
    pool_code,
    tile_code,
)
from tapec.native.addresses import Address, Symbol
from tapec.native.cache import Wanted, kernels_for
from tapec.native.compiler import Compiler
from tapec.native.driver import INT, _number
from tapec.native.layout import NoNative
from tapec.native.plan import ALIGNMENT, make_plan
from tapec.native.standalone_entry import Outside
from tapec.native.steps import make_steps
from tapec.native.table import Table
from tapec.native.words import Words

__all__ = ["InPython", "Standalone", "standalone"]

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


def standalone(fn: Function, name: str, cpu: platform.Cpu) -> Standalone:
    """The object code of a function after all passes.

    Made inside `platform.made_for(cpu)`. Raises InPython, NoNative.
    """
    steps = make_steps(fn)
    for step in steps:
        if step.kind == "host":
            raise InPython(_culprit(step.op))
    plan = make_plan(fn, [(step.reads, step.writes) for step in steps])
    kernels = kernels_for([s.wanted for s in steps if s.kind == "kernel"])
    module = Module()
    table = Table(steps, plan, kernels)
    nbytes = Outside(module, fn, plan).emit(ENTRY, table)
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


class Module:
    """The module under construction: what tables refer to is added when it is met."""

    def __init__(self) -> None:
        self.module = engine.new_module("tapec")
        driver.emit_alone(self.module)
        self._data: dict[int, Any] = {}
        self._arrays: list[tuple[str, np.ndarray[Any, Any]]] = []
        self._kept: list[Any] = []
        self._kernels: dict[Wanted, str] = {}
        self._units: dict[Any, str] = {}

    def finished(self, name: str) -> str:
        """The text, with `name` as the only function that others see.

        Arrays are declared so far, and defined here: their text is long.
        """
        module = llvm.parse_assembly(str(self.module), llvm.create_context())
        for thing in (*module.functions, *module.global_variables):
            if not thing.is_declaration and not thing.name.startswith("llvm."):
                thing.linkage = "internal"
                thing.name = f"{ENTRY}.{thing.name}"  # `name` may be one of these
        entry = module.get_function(f"{ENTRY}.{ENTRY}")
        entry.linkage, entry.name = "external", name
        text = str(module)
        for declared, array in self._arrays:
            before, line, after = text.partition(f"@{declared} = external constant")
            assert line
            kind, rest = after.split(", align", 1)
            data = array.tobytes().hex("\\")
            defined = f'@{declared} = internal constant{kind} c"\\{data}", align'
            text = f"{before}{defined}{rest}"
        return text

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
            kind = ir.ArrayType(INT, len(words))
            row = ir.Constant(kind, [*map(self.word, words)])
            made = self._add(words, f"table{len(self._data)}", kind, 8)
            made.linkage, made.initializer = "internal", row
        return self._data[id(words)]

    def array(self, array: np.ndarray[Any, Any]) -> Any:
        """An array's elements as data."""
        if id(array) not in self._data:
            kind = ir.ArrayType(ir.IntType(8), array.nbytes)
            made = self._add(array, f"{ENTRY}.array{len(self._data)}", kind, ALIGNMENT)
            self._arrays.append((made.name, array))
        return self._data[id(array)]

    def _add(self, what: Any, name: str, kind: Any, align: int) -> Any:
        made = ir.GlobalVariable(self.module, kind, name)
        made.global_constant, made.align = True, align
        self._data[id(what)] = made
        self._kept.append(what)
        return made

    # --- code

    def _function(self, symbol: Symbol) -> Any:
        unit, *rest = symbol.key if isinstance(symbol.key, tuple) else (symbol.key,)
        if unit == "kernels":
            number = int(symbol.name.removeprefix("kernel"))
            return self.module.globals[self._kernel(rest[number])]
        if symbol.key not in self._units:
            self._units[symbol.key] = self._emit(unit, rest)
        return self.module.globals[self._units[symbol.key] or symbol.name]

    def _kernel(self, wanted: Wanted) -> str:
        from tapec.native.loops import emit_kernel

        if wanted not in self._kernels:
            self._kernels[wanted] = name = f"kernel{len(self._kernels)}"
            emit_kernel(self.module, wanted[0], name, shared=wanted[1])
        return self._kernels[wanted]

    def _emit(self, unit: str, rest: list[Any]) -> str:
        """Add the code of a library; the name of its function if that is another."""
        if unit == "product":
            name, letter = f"product_{rest[0]}", rest[0]
            routines = f"{letter}gemm_", f"{letter}gemv_"
            library.emit_product(self.module, name, letter, routines, limits=False)
            return name
        if unit == "combine":
            name = f"combine{len(self._units)}"
            joining.emit(self.module, name, (rest[0], rest[1]))
            return name
        if unit == "pool":
            pool_code.emit(self.module, workers=False)
        elif unit == "control":
            control_code.emit(self.module, rest[0])
        elif unit == "tile":
            tile_code.emit(self.module)
        elif unit not in ("driver", "run"):
            raise NoNative(f"{unit} has code for this process only")
        return ""
