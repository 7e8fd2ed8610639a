"""Compiled kernels: equal bodies of any programs share their code.

A body that threads share in chunks has other code than one that is run whole.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import partial
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from tapec.ir import Function, Value
from tapec.locks import cached_property, lock
from tapec.native import engine, platform
from tapec.native.addresses import Address, Symbol
from tapec.native.ahead import Ahead
from tapec.settings import config

__all__ = ["Kernel", "KernelCode", "Wanted", "kernels_for"]

Wanted = tuple[Function, bool]
"""A body, and whether it is run in chunks."""

_known: WeakValueDictionary[tuple[Wanted, bool], KernelCode]


class Code(Protocol):
    """What a `Library` is to a kernel."""

    def address(self, name: str) -> Address:
        """Where a function begins."""
        ...


class _Elsewhere(NamedTuple):
    """A kernel that has no address, as its code is for another process."""

    wanted: Wanted

    def address(self, name: str) -> Address:
        """Nowhere."""
        return Address(0, Symbol(("kernels", self.wanted), name))


class KernelCode:
    """The code of a body: where it begins, and its text on request.

    shared: whether it runs a chunk. light: whether LLVM took little effort.
    """

    def __init__(
        self, wanted: Wanted, name: str, library: Code, *, light: bool = False
    ) -> None:
        self.body, self.shared = wanted
        self.light = light
        self.address = library.address(name)
        self._library = library  # the code lives as long as this

    @cached_property
    def _texts(self) -> tuple[str, str]:
        from tapec.native.loops import emit_kernel

        module: Any = engine.new_module("kernel")
        emit_kernel(module, self.body, "kernel", lines=True, shared=self.shared)
        return engine.texts_of(module, _effort(self.body, light=self.light))

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


_known = WeakValueDictionary()
_lock = lock()


def kernels_for(
    wanted: Iterable[Wanted], light: Container[Wanted] = ()
) -> dict[Wanted, KernelCode]:
    """The code of each body; what is not known yet is compiled now.

    light: those whose time hardly counts. They are so even where another program has
    the same kernel compiled well, which may round otherwise: what a program gives does
    not depend on what ran before.
    """
    wanted = dict.fromkeys(wanted)
    if platform.elsewhere():
        return {w: KernelCode(w, "kernel0", _Elsewhere(w)) for w in wanted}
    with _lock:
        found = {each: _known.get((each, each in light)) for each in wanted}
        new = [each for each, code in found.items() if code is None]
        if new:
            codes = _compiled(new, light)
            for each, code in codes.items():
                _known[each, code.light] = code
            found |= codes
    return {each: code for each, code in found.items() if code is not None}


# --- modules --------------------------------------------------------------------

MANY = 24
"""Ops of kernels that are worth a second thread to compile them."""


def _compiled(
    wanted: list[Wanted], light: Container[Wanted] = ()
) -> dict[Wanted, KernelCode]:
    """Each body's code; modules of about the same size compile at the same time."""
    groups: dict[engine.Effort, list[Wanted]] = {}
    for each in wanted:
        effort = _effort(each[0], light=each in light)
        groups.setdefault(effort, []).append(each)
    work = [
        partial(_module, part, effort)
        for effort, group in groups.items()
        for part in _modules(group)
    ]
    many = config.threads > 1
    meanwhile = [Ahead(each).result if many else each for each in work[1:]]
    found = work[0]()
    for result in meanwhile:
        found |= result()
    return found


def _modules(wanted: list[Wanted]) -> list[list[Wanted]]:
    """The bodies in parts, the largest ones apart."""
    sizes = {each: _size(each[0]) for each in wanted}
    count = min(config.threads, len(wanted), sum(sizes.values()) // MANY)
    parts: list[list[Wanted]] = [[] for _ in range(max(count, 1))]
    filled = [0] * len(parts)
    for each in sorted(wanted, key=lambda w: -sizes[w]):
        least = filled.index(min(filled))
        parts[least].append(each)
        filled[least] += sizes[each]
    return parts


def _effort(body: Function, *, light: bool) -> engine.Effort:
    from tapec.native.loops import is_product

    if light:
        return engine.Effort.PLAIN
    return engine.Effort.TIDY if is_product(body) else engine.Effort.FULL


def _size(body: Function) -> int:
    return sum(1 + sum(map(_size, _inner_of(op))) for op in body.ops)


def _inner_of(op: Value) -> list[Function]:
    return [value for _, value in op.attrs if type(value) is Function]


def _module(wanted: list[Wanted], effort: engine.Effort) -> dict[Wanted, KernelCode]:
    """The code of some bodies that need the same effort, compiled together."""
    names = [f"kernel{number}" for number in range(len(wanted))]
    pairs = list(zip(names, wanted, strict=True))

    def emit(module: Any) -> None:
        from tapec.native.loops import emit_kernel

        for name, (body, shared) in pairs:
            emit_kernel(module, body, name, shared=shared)

    key = "kernels", effort.name, *wanted
    library = engine.compiled(key, emit, names, effort=effort)
    light = effort is engine.Effort.PLAIN
    return {each: KernelCode(each, name, library, light=light) for name, each in pairs}
