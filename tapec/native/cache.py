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
        self.address = library.address(name)
        self._library = library

    def __repr__(self) -> str:
        return f"<kernel {self.name}: {len(self.body.ops)} ops>"

    @cached_property
    def _texts(self) -> tuple[str, str]:
        module: Any = engine.new_module(self.name)
        emit_kernel(module, self.body, self.name, lines=True)
        return engine.texts_of(module)

    @property
    def llvm(self) -> str:
        """Optimized LLVM IR; line n of its debug information is `body.ops[n - 1]`."""
        return self._texts[0]

    @property
    def assembly(self) -> str:
        """Assembly, with the same line numbers."""
        return self._texts[1]


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
