"""Compiled kernels, one per body: equal bodies of any programs share their code."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from tapec.ir import Function
from tapec.native import engine

__all__ = ["Kernel", "KernelCode", "kernels_for"]

_known: WeakValueDictionary[Function, KernelCode]


class KernelCode:
    """The code of a body: its address, and its text on request."""

    def __init__(self, body: Function, address: int, library: engine.Library) -> None:
        self.body = body
        self.address = address
        self._library = library  # the code lives as long as this

    @cached_property
    def _texts(self) -> tuple[str, str]:
        from tapec.native.loops import emit_kernel

        module: Any = engine.new_module("kernel")
        emit_kernel(module, self.body, "kernel", lines=True)
        return engine.texts_of(module)

    @property
    def llvm(self) -> str:
        """Optimized LLVM IR; line n of its debug information is `body.ops[n - 1]`."""
        return self._texts[0]

    @property
    def assembly(self) -> str:
        """Assembly, with the same line numbers."""
        return self._texts[1]


class Kernel(NamedTuple):
    """A kernel of a program, under the name that it has in the program's text."""

    name: str
    code: KernelCode

    def __repr__(self) -> str:
        return f"<kernel {self.name}: {len(self.body.ops)} ops>"

    @property
    def body(self) -> Function:
        """What it computes."""
        return self.code.body

    @property
    def llvm(self) -> str:
        """Optimized LLVM IR."""
        return self.code.llvm

    @property
    def assembly(self) -> str:
        """Assembly."""
        return self.code.assembly


_known = WeakValueDictionary()
_lock = threading.RLock()


def kernels_for(bodies: Iterable[Function]) -> dict[Function, KernelCode]:
    """The code of each body; what is not known yet is compiled as one module."""
    wanted = dict.fromkeys(bodies)
    with _lock:
        found = {body: _known.get(body) for body in wanted}
        new = [body for body, code in found.items() if code is None]
        if new:
            names = [f"kernel{number}" for number in range(len(new))]

            def emit(module: Any) -> None:
                from tapec.native.loops import emit_kernel

                for name, body in zip(names, new, strict=True):
                    emit_kernel(module, body, name)

            library = engine.compiled(("kernels", *new), emit, names)
            for name, body in zip(names, new, strict=True):
                code = KernelCode(body, library.address(name), library)
                _known[body] = found[body] = code
    return {body: code for body, code in found.items() if code is not None}
