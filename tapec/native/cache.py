"""Compiled kernels, one per body: equal bodies of any programs share their code."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

from tapec.ir import Function
from tapec.native import engine
from tapec.native.kernels import emit_kernel

__all__ = ["KernelCode", "kernels_for"]

_known: WeakValueDictionary[Function, KernelCode]


class KernelCode:
    """name, body and address of a kernel; its text on request."""

    def __init__(self, name: str, body: Function, library: engine.Library) -> None:
        self.name = name
        self.body = body
        self.library = library
        self.address = library.address(name)

    def __repr__(self) -> str:
        return f"<kernel {self.name}: {len(self.body.ops)} ops>"

    @cached_property
    def llvm(self) -> str:
        """Optimized LLVM IR of the module it was compiled in."""
        return self.library.llvm

    @cached_property
    def assembly(self) -> str:
        """Assembly of the module it was compiled in."""
        return self.library.assembly


_known = WeakValueDictionary()
_lock = threading.RLock()


def kernels_for(bodies: Iterable[Function]) -> dict[Function, KernelCode]:
    """The code of each body; what is not known yet is compiled as one module."""
    wanted = dict.fromkeys(bodies)
    with _lock:
        found = {body: _known.get(body) for body in wanted}
        new = [body for body, code in found.items() if code is None]
        if new:
            module: Any = engine.new_module("kernels")
            names = [f"kernel{number}" for number in range(len(new))]
            for name, body in zip(names, new, strict=True):
                emit_kernel(module, body, name)
            library = engine.compile_module(module, names)
            for name, body in zip(names, new, strict=True):
                _known[body] = found[body] = KernelCode(name, body, library)
    return {body: code for body, code in found.items() if code is not None}
