"""From a version of a decorated function to the emitted entry that calls it.

What an entry can take apart and put together is said in `native.forms`; here the
structures of arguments and results are brought into that form. What has none (functions
as arguments, dataclasses, tensors) is called through Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tapec.containers import Static, Structure, flatten
from tapec.locks import lock
from tapec.native.abi import AVAILABLE, offset_of
from tapec.native.callable import use
from tapec.native.forms import (
    Captured,
    Form,
    Forms,
    Items,
    Keys,
    Leaf,
    Living,
    NoEntry,
    Read,
    Same,
)
from tapec.recording import threads_recording
from tapec.tensor import Tensor
from tapec.tracing import Traced
from tapec.variable import Variable, commit_fresh

if TYPE_CHECKING:
    from tapec.compiled import Version

__all__ = ["Entries"]

MOST = 16
"""Entries that a call tries, at most."""

_SEQUENCES = {"tuple": tuple, "list": list}
_PYTHON = {"f": float, "i": int, "c": complex}


class Entries:
    """The entries of one decorated function, most recent first.

    python: what is called with arguments that no entry is for.
    """

    def __init__(self, python: Callable[..., Any]) -> None:
        self._python = python
        self._made: dict[Any, Any] = {}
        self._used: list[Any] = []
        self._lock = lock()

    def answer(self, thing: Any, version: Version, key: Any) -> None:
        """Let emitted code answer calls of `thing` like this one, if it can.

        version: one that was just called through Python with this key.
        """
        if not AVAILABLE:
            return
        with self._lock:
            if version not in self._made:
                self._made[version] = _entry(version, key, self._python)
            entry = self._made[version]
            if entry is None:
                return
            entry.add_frame()
            values = version.traced.bindings.equal_numbers()
            if values is not None:
                entry.rebind(values)
            if entry not in self._used:
                self._used = [entry, *self._used][:MOST]
                use(thing, self._used, self._python, threads_recording)

    def forget(self, thing: Any) -> None:
        """Let Python answer all calls of `thing`."""
        with self._lock:
            self._made.clear()
            if self._used:
                self._used = []
                use(thing, [], self._python, threads_recording)


def _entry(version: Version, key: Any, python: Callable[..., Any]) -> Any:
    """The entry for calls with this key (structure and signature), or None."""
    from tapec.native.entry import Entry

    direct, traced = version.program.direct, version.traced
    if direct is None:
        return None
    try:
        return Entry(direct, _forms(traced, key), python, threads_recording)
    except NoEntry:
        return None


def _forms(traced: Traced, key: Any) -> Forms:
    structure, signature = key
    positional, keywords = structure.children
    leaves = iter([_argument(n, kind) for n, kind in enumerate(signature)])
    given = (*positional.children, *keywords.children)
    arguments = [_form(s, leaves) for s in given]
    dtypes = [r.dtype for r in traced.function.results]
    pairs = enumerate(zip(traced.weak, dtypes, strict=False))
    results = iter([Leaf(n, _PYTHON[d.kind] if w else None) for n, (w, d) in pairs])
    result = _form(traced.structure, results)
    captured = [_captured(read) for read in traced.bindings.reads]
    names = keywords.data
    taker = partial(commit_fresh, traced.assigned) if traced.assigned else None
    return Forms(arguments, names, result, traced.bindings.numbers, captured, taker)


def _captured(read: Read) -> Captured:
    kind = type(read.value)
    if kind is Variable:
        return Captured(read, kind, offset_of(read.value, read.value._array))
    if kind is Tensor and read.value.known is not None:
        return Captured(read, kind, offset_of(read.value, read.value.known))
    if kind is not np.ndarray:
        raise NoEntry
    return Captured(read, kind, 0)


def _argument(number: int, kind: Any) -> Leaf:
    """The form of an argument of this kind, as `signature_of` gives it."""
    if isinstance(kind, type):
        return Leaf(number, kind)
    if kind[0] == "variable":
        raise NoEntry
    return Leaf(number)


def _form(structure: Structure, leaves: Iterator[Leaf]) -> Form:
    kind = structure.kind
    if kind == "leaf":
        return next(leaves)
    if kind == "none":
        return Same(None)
    if kind == "static":
        return _static(structure.data)
    children = tuple([_form(child, leaves) for child in structure.children])
    if kind == "dict":
        return Keys(structure.data, children)
    if kind == "namedtuple":
        return Items(structure.data[0], children)
    if kind not in _SEQUENCES:
        raise NoEntry
    return Items(_SEQUENCES[kind], children)


def _static(key: Any) -> Form:
    """One of the stand-ins that `containers.static_key` makes."""
    if hasattr(key, "value"):
        return Same(key.value)
    reference = getattr(key, "reference", None)
    if reference is None:
        raise NoEntry
    plain = flatten(reference())[1].kind == "static"
    mark = Static(reference())
    return Living(reference, Static, offset_of(mark, mark.value), plain)
