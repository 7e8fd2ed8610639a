"""Object code kept between processes, found by what it was made from.

A key is text, a function, or a tuple of these. The name of a file is the digest of the
key and of all else that decides what the code is: the sources of this package, LLVM,
the processor, Python and NumPy. Code has no address in it, so any process may link it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import NoneType
from typing import Any

import numpy as np

from tapec import kept, log
from tapec.ir import ArrayType, Constant, Dim, Function, TupleType, Value
from tapec.native import platform

__all__ = ["NoText", "object_code", "text_of"]

STARTED = time.time_ns()
RECENT = 2_000_000_000
"""Nanoseconds. Sources written later than this before the start may not be the ones
that this process runs; from then on nothing is kept."""

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOT_CODE = ("__pycache__", "viz", "demo")


def object_code(key: Any, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, of this process or an earlier one with the same key."""
    name = _name(key)
    found = None if name is None else kept.load(name)
    log.event("cache", "code", kept=found is not None, file=name or "none")
    if found is None:
        found = make()
        if name is not None and _sources(STARTED - RECENT) is not None:
            kept.store(name, found)
    return found


def _name(key: Any) -> str | None:
    if kept.folder() is None:
        return None
    around = _surroundings()
    try:
        text = text_of(key)
    except NoText:
        return None
    if around is None:
        return None
    return "code-" + hashlib.sha256(f"{around}\n{text}".encode()).hexdigest()[:40]


# --- what code depends on besides its key ---------------------------------------


@lru_cache(maxsize=1)
def _surroundings() -> str | None:
    """The same for equal code generators; None if that cannot be known."""
    sources = _sources(STARTED - RECENT)
    if sources is None:
        return None
    versions = platform.llvm_versions(), sys.version, np.__version__
    return repr((sources, versions, sys.platform, platform.cpu()))


def _sources(before: int) -> str | None:
    """Every source file by its time and size; None if one is not older than `before`.

    Reading them all would take longer than linking a program.
    """
    rows = sorted(_files(ROOT))
    if not rows or any(changed >= before for _, changed, _ in rows):
        return None
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in NOT_CODE:
                    yield from _files(entry.path)
            elif entry.name.endswith(".py"):
                state = entry.stat()
                yield entry.path, state.st_mtime_ns, state.st_size


# --- keys as text ---------------------------------------------------------------


class NoText(Exception):
    """The key holds an object that only this process knows."""


def text_of(value: Any) -> str:
    """Equal for equal structure: without names, uids and locations; exact constants."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, np.dtype):
        return value.str
    raise NoText(repr(value))


def _of_function(fn: Function) -> str:
    place: dict[Value, int] = {p: i for i, p in enumerate(fn.params)}
    rows = [", ".join([text_of(p.type) for p in fn.params])]
    for op in fn.ops:
        args = [place[a] for a in op.args]
        attrs = text_of(op.attrs)
        rows.append(f"{text_of(op.type)} = {op.prim.name} {args} {attrs}")
        place[op] = len(place)
    rows.append(repr([place[r] for r in fn.results]))
    return "{" + "\n".join(rows) + "}"


def _of_constant(value: Constant) -> str:
    a = value.array
    return f"{a.dtype.str}{a.shape}{hashlib.sha256(a.tobytes()).hexdigest()}"


def _of_tuple(value: tuple[Any, ...]) -> str:
    return f"({', '.join([text_of(item) for item in value])},)"


def _of_slice(value: slice) -> str:
    return f"slice{_of_tuple((value.start, value.stop, value.step))}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((NoneType, bool, int, float, complex, str, bytes), repr),
    **dict.fromkeys((ArrayType, TupleType, Dim), repr),
    Function: _of_function,
    Constant: _of_constant,
    tuple: _of_tuple,
    slice: _of_slice,
}
