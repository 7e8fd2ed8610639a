"""LLVM: from IR text to machine code in this process.

Code refers to Python, BLAS and our own helpers by symbol; their addresses are given
when a library is linked, never written into code.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from tapec.native import platform

__all__ = ["Library", "compile_module", "new_module", "texts_of"]

_lock = threading.RLock()
_numbers = itertools.count()


class _Engine:
    """The compiler of this process, made on first use."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.machine = _target_machine()
        # JITLink puts all sections of an object into one block of memory, which is
        # what the small code model needs.
        self.jit = llvm.create_lljit_compiler(_target_machine(), use_jit_link=True)


def _target_machine() -> Any:
    name, features = platform.cpu()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=name,
        features=features,
        opt=2,
        reloc="pic",
        codemodel="small",
        jit=True,
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
    """Compiled code, alive as long as this object."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def address(self, name: str) -> int:
        """Where the function `name` begins."""
        return int(self._tracker[name])


def compile_module(
    module: Any, exports: Iterable[str], imports: Mapping[str, int] | None = None
) -> Library:
    """Optimize, compile and link a module.

    `imports` are the addresses of the symbols it uses besides those of the process.
    """
    with _lock:
        found = engine()
        parsed = _optimized(module)
        builder = llvm.JITLibraryBuilder()
        builder.add_object_img(found.machine.emit_object(parsed))
        builder.add_current_process()
        for name, address in (imports or {}).items():
            builder.import_symbol(name, address)
        for name in exports:
            builder.export_symbol(name)
        return Library(builder.link(found.jit, f"tapec{next(_numbers)}"))


def texts_of(module: Any) -> tuple[str, str]:
    """Optimized LLVM IR and assembly of a module."""
    with _lock:
        parsed = _optimized(module)
        return str(parsed), str(engine().machine.emit_assembly(parsed))


def _optimized(module: Any) -> Any:
    """Parsed and through LLVM's passes.

    Without unrolling: with it, loops of up to 32 iterations are unrolled before they
    are vectorized, and run several times longer; vectorized loops need none.
    """
    parsed = llvm.parse_assembly(str(module))
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    options.loop_interleaving = True
    options.slp_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(engine().machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return parsed
