"""LLVM: from IR text to machine code in this process.

Code refers to Python, BLAS and our own helpers by symbol; their addresses are given
when a library is linked, never written into code.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from tapec.locks import lock
from tapec.native.addresses import Address, Symbol
from tapec.native.ahead import apart
from tapec.native.compiler import Effort, compiler, target_machine
from tapec.native.objects import object_code

__all__ = [
    "Effort",
    "Library",
    "compile_module",
    "compiled",
    "engine",
    "linked",
    "new_module",
    "texts_of",
]

_lock = lock()
_numbers = itertools.count()


class _Engine:
    """The compiler of this process, made on first use."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        # JITLink puts all sections of an object into one block of memory, which is
        # what the small code model needs.
        self.jit = llvm.create_lljit_compiler(target_machine(), use_jit_link=True)


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
    """Compiled code, alive as long as this object. key: what it was made from."""

    def __init__(self, tracker: Any, key: Any = None) -> None:
        self._tracker = tracker
        self._key = key
        self._found: dict[str, Address] = {}
        _libraries.add(self)

    def address(self, name: str) -> Address:
        """Where the function `name` begins."""
        found = self._found.get(name)
        if found is None:
            found = Address(self._tracker[name], Symbol(self._key, name))
            self._found[name] = found
        return found


_libraries: weakref.WeakSet[Library] = weakref.WeakSet()


@atexit.register
def _keep_code() -> None:
    """What is finalized after this module may still call code: it is not freed then."""
    for kept in (_engine, *_libraries):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))


def compile_module(
    module: Any,
    exports: Iterable[str],
    imports: Mapping[str, int] | None = None,
    effort: Effort = Effort.FULL,
) -> Library:
    """Optimize, compile and link a module; equal text was perhaps compiled before.

    `imports` are the addresses of the symbols it uses besides those of the process.
    """
    text = str(module)
    link = partial(_linked, exports=exports, imports=imports or {})
    return _library(text, lambda: text, link, effort)


def compiled(
    key: Any,
    emit: Callable[[Any], object],
    exports: Iterable[str],
    imports: Mapping[str, int] | None = None,
    effort: Effort = Effort.FULL,
) -> Library:
    """The same for what `emit` adds to a module; `key` (see `objects`) decides what.

    Nothing is emitted if code for this key has been kept.
    """

    def text() -> str:
        module = new_module("tapec")
        emit(module)
        return str(module)

    link = partial(_linked, exports=exports, imports=imports or {}, key=key)
    return _library(key, text, link, effort)


def _library(
    key: Any,
    text: Callable[[], str],
    link: Callable[[bytes], Library],
    effort: Effort,
) -> Library:
    """One thread compiles and links: to begin another takes as long as to link."""
    made: list[Library] = []

    def work(written: str) -> bytes:
        code = _compiled(written, effort)
        made.append(link(code))
        return code

    code = object_code(key, lambda: apart(partial(work, text())))
    return made[0] if made else apart(partial(link, code))


def _compiled(text: str, effort: Effort) -> bytes:
    """The object code of a module given as text."""
    engine()
    with compiler() as c:
        return c.object_code(text, effort)


def linked(code: bytes, exports: Iterable[str], imports: Mapping[str, int]) -> Library:
    """Object code as a part of this process."""
    return apart(partial(_linked, code, exports, imports))


def _linked(
    code: bytes, exports: Iterable[str], imports: Mapping[str, int], key: Any = None
) -> Library:
    builder = llvm.JITLibraryBuilder()
    builder.add_object_img(code)
    builder.add_current_process()
    for name, address in imports.items():
        builder.import_symbol(name, address)
    for name in exports:
        builder.export_symbol(name)
    with _lock:
        tracker = builder.link(engine().jit, f"tapec{next(_numbers)}")
        return Library(tracker, key)


def texts_of(module: Any, effort: Effort = Effort.FULL) -> tuple[str, str]:
    """Optimized LLVM IR and assembly of a module."""
    engine()
    with compiler() as c:
        return c.texts(str(module), effort)
