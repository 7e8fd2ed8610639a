"""LLVM's passes and code generator: from IR text to object code.

llvmlite lets one thread into LLVM at a time. Modules of different contexts have nothing
in common, so the two long calls are made without its lock, and several threads compile.
Forks wait for both: LLVM has locks of its own, which nobody frees in the new process.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from tapec import log
from tapec.locks import cached_property, waited_for
from tapec.native import platform

__all__ = ["Compiler", "Effort", "compiler", "target_machine"]


class Effort(Enum):
    """What LLVM does to a module before it generates code, and how well it does that.

    FULL: all of its passes; for loops over elements, which it vectorizes.
    TIDY: for text that is vectors already: what they need is put in registers. All
    passes take ten times as long, and find nothing more.
    NONE: no pass would make it faster, as it has no loops over elements.
    PLAIN: code that runs now and then, generated seven times faster.
    """

    FULL = auto()
    TIDY = auto()
    NONE = auto()
    PLAIN = auto()


def target_machine(opt: int = 2, elsewhere: platform.Cpu | None = None) -> Any:
    """This machine, as LLVM sees it; or one for object files that run elsewhere.

    That all vectors are used is said here and not of each function: LLVM would make a
    description of the processor for either kind, which takes a millisecond.
    """
    name, features = elsewhere or platform.cpu()
    if "avx512f" in (elsewhere or platform.cpu()).has:
        features += ",-prefer-256-bit"
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=name,
        features=features,
        opt=opt,
        reloc="pic",
        codemodel="small",
        jit=elsewhere is None,
    )


@lru_cache(maxsize=1)
def _unlocked() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """LLVM's two long calls: to run passes, to generate code."""
    library = ctypes.CDLL(ffi.lib._name)
    made = []
    for name in ("LLVMPY_RunNewModulePassManager", "LLVMPY_TargetMachineEmitToMemory"):
        locked, function = getattr(ffi.lib, name), getattr(library, name)
        function.argtypes, function.restype = locked.argtypes, locked.restype
        made.append(function)
    return made[0], made[1]


def _watch(library: Any) -> None:
    """Let forks wait for the lock of llvmlite, where it can be found."""
    inner = getattr(getattr(library, "_lock", None), "_lock", None)
    if inner is not None:
        waited_for(inner)


_watch(ffi.lib)  # before any compiler: without it nobody gives one something to do


class Compiler:
    """What one thread compiles with. elsewhere: the processor if it is not this one."""

    def __init__(self, elsewhere: platform.Cpu | None = None) -> None:
        self._calls = waited_for()
        self._elsewhere = elsewhere

    @cached_property
    def _machine(self) -> Any:
        """What optimizes and generates code."""
        return target_machine(elsewhere=self._elsewhere)

    @cached_property
    def _plain_machine(self) -> Any:
        """What only generates code."""
        return target_machine(opt=0)

    def object_code(self, text: str, effort: Effort = Effort.FULL) -> bytes:
        """Of a module given as text."""
        start = time.perf_counter()
        module = self.optimized(text, effort)
        middle = time.perf_counter()
        code = self._object(self._generator(effort), module)
        end = time.perf_counter()
        log.event(
            "passes", "llvm", effort=effort.name.lower(), text=len(text),
            optimized_ms=1e3 * (middle - start), code_ms=1e3 * (end - middle),
            bytes=len(code),
        )  # fmt: skip
        return code

    def texts(self, text: str, effort: Effort = Effort.FULL) -> tuple[str, str]:
        """Optimized LLVM IR, and assembly."""
        module = self.optimized(text, effort)
        return str(module), str(self._generator(effort).emit_assembly(module))

    def _generator(self, effort: Effort) -> Any:
        return self._plain_machine if effort is Effort.PLAIN else self._machine

    def optimized(self, text: str, effort: Effort = Effort.FULL) -> Any:
        """Parsed and through LLVM's passes.

        Without unrolling: with it, loops of up to 32 iterations are unrolled before
        they are vectorized, and run several times longer; vectorized loops need none.
        """
        module = _parsed(text)
        if effort not in (Effort.FULL, Effort.TIDY):
            return module
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = True
        options.loop_interleaving = True
        options.slp_vectorization = False
        options.loop_unrolling = False
        builder = llvm.create_pass_builder(self._machine, options)
        full = effort is Effort.FULL
        manager = builder.getModulePassManager() if full else _tidying()
        manager.add_always_inliner_pass()  # what was called by vectorized loops only
        run, _ = _unlocked()
        with self._calls:
            run(manager, module, builder)
        return module

    def _object(self, machine: Any, module: Any) -> bytes:
        _, emit = _unlocked()
        with ffi.OutputString() as problem:
            with self._calls:
                memory = emit(machine, module, 1, problem)
            if not memory:
                raise RuntimeError(str(problem))
        try:
            start = ffi.lib.LLVMPY_GetBufferStart(memory)
            return ctypes.string_at(start, ffi.lib.LLVMPY_GetBufferSize(memory))
        finally:
            ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def _tidying() -> Any:
    manager = llvm.create_new_module_pass_manager()
    manager.add_sroa_pass()
    manager.add_new_gvn_pass()
    manager.add_loop_rotate_pass()
    manager.add_simplify_cfg_pass()
    return manager


def _parsed(text: str) -> Any:
    return llvm.parse_assembly(text, llvm.create_context())


_idle: list[Compiler] = []


@contextmanager
def compiler() -> Iterator[Compiler]:
    """A compiler for this thread alone; there are as many as worked at a time."""
    try:
        found = _idle.pop()
    except IndexError:
        found = Compiler()
    try:
        yield found
    finally:
        _idle.append(found)
