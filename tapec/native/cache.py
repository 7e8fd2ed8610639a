"""Compiled kernels, one per body: equal bodies of any programs share their code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from tapec.ir import Function, Value
from tapec.locks import cached_property, lock
from tapec.native import engine, platform
from tapec.native.addresses import Address, Symbol
from tapec.native.ahead import Ahead
from tapec.native.split import split_of
from tapec.settings import config

__all__ = ["Kernel", "KernelCode", "kernels_for"]

_known: WeakValueDictionary[Function, KernelCode]


class Code(Protocol):
    """What a `Library` is to a kernel."""

    def address(self, name: str) -> Address:
        """Where a function begins."""
        ...


class _Elsewhere(NamedTuple):
    """A kernel that has no address, as its code is for another process."""

    body: Function

    def address(self, name: str) -> Address:
        """Nowhere."""
        return Address(0, Symbol(("kernels", self.body), name))


class KernelCode:
    """The code of a body: where it begins, and its text on request.

    chunk, join: of a kernel that can be split; else 0.
    """

    def __init__(self, body: Function, name: str, library: Code) -> None:
        self.body = body
        self.address = library.address(name)
        self.chunk, self.join = (
            library.address(end) if end else 0 for end in _split_names(body, name)
        )
        self._library = library  # the code lives as long as this

    @cached_property
    def _texts(self) -> tuple[str, str]:
        from tapec.native.loops import emit_kernel

        module: Any = engine.new_module("kernel")
        emit_kernel(module, self.body, "kernel", lines=True)
        return engine.texts_of(module)

    @property
    def llvm(self) -> str:
        """Optimized LLVM IR; the lines of its debug information: `debug.numbered`."""
        return self._texts[0]

    @property
    def assembly(self) -> str:
        """Assembly, with the same line numbers."""
        return self._texts[1]


class Kernel(NamedTuple):
    """A kernel of a program, under the name that it has in the program's text.

    chunks: how many parts threads share; 1 for a kernel that one thread runs.
    """

    name: str
    code: KernelCode
    chunks: int = 1

    def __repr__(self) -> str:
        shared = f", {self.chunks} chunks" if self.chunks > 1 else ""
        return f"<kernel {self.name}: {len(self.body.ops)} ops{shared}>"

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


def _split_names(body: Function, name: str) -> tuple[str, str]:
    """The functions besides `name` itself; empty where there is none."""
    from tapec.native.joining import CHUNK, JOIN
    from tapec.native.loops import is_loop

    split = None if is_loop(body) else split_of(body)
    if split is None:
        return "", ""
    return name + CHUNK, name + JOIN if split.partial else ""


_known = WeakValueDictionary()
_lock = lock()


def kernels_for(bodies: Iterable[Function]) -> dict[Function, KernelCode]:
    """The code of each body; what is not known yet is compiled now."""
    wanted = dict.fromkeys(bodies)
    if platform.elsewhere():
        return {body: KernelCode(body, "kernel0", _Elsewhere(body)) for body in wanted}
    with _lock:
        found = {body: _known.get(body) for body in wanted}
        new = [body for body, code in found.items() if code is None]
        if new:
            codes = _compiled(new)
            _known.update(codes)
            found |= codes
    return {body: code for body, code in found.items() if code is not None}


# --- modules --------------------------------------------------------------------

MANY = 24
"""Ops of kernels that are worth a second thread to compile them."""


def _compiled(bodies: list[Function]) -> dict[Function, KernelCode]:
    """Each body's code; modules of about the same size compile at the same time."""
    own, *others = _modules(bodies)
    meanwhile = [Ahead(partial(_module, part)) for part in others]
    found = _module(own)
    for ahead in meanwhile:
        found |= ahead.result()
    return found


def _modules(bodies: list[Function]) -> list[list[Function]]:
    """The bodies in parts, the largest ones apart."""
    sizes = {body: _size(body) for body in bodies}
    count = min(config.threads, len(bodies), sum(sizes.values()) // MANY)
    parts: list[list[Function]] = [[] for _ in range(max(count, 1))]
    filled = [0] * len(parts)
    for body in sorted(bodies, key=lambda b: -sizes[b]):
        least = filled.index(min(filled))
        parts[least].append(body)
        filled[least] += sizes[body]
    return parts


def _size(body: Function) -> int:
    return sum(1 + sum(map(_size, _inner_of(op))) for op in body.ops)


def _inner_of(op: Value) -> list[Function]:
    return [value for _, value in op.attrs if type(value) is Function]


def _module(bodies: list[Function]) -> dict[Function, KernelCode]:
    """The code of some bodies, compiled together."""
    names = [f"kernel{number}" for number in range(len(bodies))]
    pairs = list(zip(names, bodies, strict=True))

    def emit(module: Any) -> None:
        from tapec.native.loops import emit_kernel

        for name, body in pairs:
            emit_kernel(module, body, name)

    ends = [end for name, body in pairs for end in _split_names(body, name)]
    exports = [*names, *filter(None, ends)]
    library = engine.compiled(("kernels", *bodies), emit, exports)
    return {body: KernelCode(body, name, library) for name, body in pairs}
