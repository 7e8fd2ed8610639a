"""Objects that are called as emitted code, and as Python otherwise.

    @called_directly
    class Compiled(Called):
        def __call__(self, *args): ...

`Called` is a heap type whose instances have two words of their own: the function that
CPython calls for them (its vectorcall protocol), and the table of the first entry to
try. While there is no entry the words are empty and `__call__` is called, as it is for
every call that the entries refuse. What else a class has (attributes, methods, weak
references, the collector) is up to Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tapec.native import abi

if TYPE_CHECKING:
    from tapec.native.entry import Entry

__all__ = ["Called", "called_directly", "use"]

T = TypeVar("T", bound=type)

CALL, TABLE = 16, 24
"""Where an instance keeps its two words."""

_SIZE = 32
_MEMBERS_SLOT, _LENGTH_TYPE, _READ_ONLY = 72, 19, 1
_FLAGS = 1 << 18 | 1 << 10  # default, base type


class _Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    ]  # fmt: skip


class _Slot(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("pointer", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int), ("flags", ctypes.c_uint),
        ("slots", ctypes.c_void_p),
    ]  # fmt: skip


_KEPT: list[Any] = []


def _heap_type() -> Any:
    offset = _Member(b"__vectorcalloffset__", _LENGTH_TYPE, CALL, _READ_ONLY, None)
    members = (_Member * 2)(offset)
    slots = (_Slot * 2)(_Slot(_MEMBERS_SLOT, ctypes.addressof(members)))
    name = b"tapec.native.callable.Called"
    spec = _Spec(name, _SIZE, 0, _FLAGS, ctypes.addressof(slots))
    _KEPT.extend((members, slots, spec))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(
        ("PyType_FromSpec", ctypes.pythonapi)
    )
    made = make(ctypes.addressof(spec))
    made.__doc__ = "An object that emitted code can be called for."
    return made


class _Portable:
    """An object that is called through Python."""

    __slots__ = ()


if TYPE_CHECKING:

    class Called:
        """An object that emitted code can be called for."""

else:
    Called = _heap_type() if abi.AVAILABLE else _Portable


def called_directly(cls: T) -> T:
    """Let CPython look for emitted code in instances of a subclass of `Called`.

    Python makes classes with a `__call__` without this flag. Their subclasses do not
    have it, so one that overrides `__call__` is called by it.
    """
    if abi.AVAILABLE:
        abi.word_at(id(cls) + abi.TYPE_FLAGS).value |= abi.VECTORCALL_FLAG
    return cls


class _Last:
    """The table that ends a chain of entries: Python."""

    def __init__(self, python: Callable[..., Any], busy: Any) -> None:
        from tapec.native import entry_code as head
        from tapec.native.entry_common import common

        self.kept = (common(), python, busy)
        self.words = (ctypes.c_uint64 * head.HEAD)()
        self.words[head.CODE] = common().address("slow")
        self.words[head.PYTHON], self.words[head.BUSY] = id(python), id(busy)
        self.table = ctypes.addressof(self.words)


_last: dict[int, _Last] = {}


def use(
    thing: Any, entries: Sequence[Entry], python: Callable[..., Any], busy: Any
) -> None:
    """Try these entries, in this order, whenever `thing` is called; then `python`.

    busy: a dict; while it has items all calls go to `python`. Each entry keeps the
    next and its address. Chained from the last on, they never form a ring, whatever
    other threads see in between.
    """
    from tapec.native.entry_code import NEXT
    from tapec.native.entry_common import common

    if id(python) not in _last:
        _last[id(python)] = _Last(python, busy)
    following: Any = _last[id(python)]
    for entry in reversed(entries):
        entry.words[NEXT] = following.table
        entry.following = following
        following = entry
    abi.word_at(id(thing) + TABLE).value = following.table
    abi.word_at(id(thing) + CALL).value = common().address("call")
