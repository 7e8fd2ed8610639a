"""LLVM: from IR text to machine code in this process.

Code refers to Python, BLAS and our own helpers by symbol; their addresses are given when
a library is linked, never written into code.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from tapec.native import platform

__all__ = ["Library", "compile_module", "new_module"]

_lock = threading.RLock()
_numbers = itertools.count()


class _Engine:
    """The compiler of this process, made on first use."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.machine = _target_machine()
        self.jit = llvm.create_lljit_compiler(_target_machine())


def _target_machine() -> Any:
    name, features = platform.cpu()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=name, features=features, opt=2, reloc="pic", codemodel="jitdefault", jit=True
    )


_engine: _Engine | None = None


def engine() -> _Engine:
    """The one engine."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = _Engine()
        return _engine


def new_module(name: str) -> Any:
    """An empty module for this machine."""
    module = ir.Module(name)
    module.triple = llvm.get_default_triple()
    return module


class Library:
    """Compiled code, alive as long as this object; text of it is made when asked for."""

    def __init__(self, tracker: Any, bitcode: bytes) -> None:
        self._tracker = tracker
        self._bitcode = bitcode

    def address(self, name: str) -> int:
        """Where the function `name` begins."""
        return self._tracker[name]  # type: ignore[no-any-return]

    @cached_property
    def llvm(self) -> str:
        """The optimized LLVM IR."""
        with _lock:
            return str(llvm.parse_bitcode(self._bitcode))

    @cached_property
    def assembly(self) -> str:
        """The assembly."""
        with _lock:
            module = llvm.parse_bitcode(self._bitcode)
            return engine().machine.emit_assembly(module)  # type: ignore[no-any-return]


def compile_module(
    module: Any,
    exports: Iterable[str],
    imports: Mapping[str, int] | None = None,
    level: int = 3,
) -> Library:
    """Optimize, compile and link a module; `imports` are addresses of symbols it uses."""
    with _lock:
        found = engine()
        parsed = llvm.parse_assembly(str(module))
        _optimize(parsed, found.machine, level)
        builder = llvm.JITLibraryBuilder()
        builder.add_object_img(found.machine.emit_object(parsed))
        builder.add_current_process()
        for name, address in (imports or {}).items():
            builder.import_symbol(name, address)
        for name in exports:
            builder.export_symbol(name)
        tracker = builder.link(found.jit, f"tapec{next(_numbers)}")
        return Library(tracker, parsed.as_bitcode())


def _optimize(module: Any, machine: Any, level: int) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = True
    options.slp_vectorization = True
    options.loop_interleaving = True
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
