"""Locks in a process that forks.

A forked process has a copy of each lock as it was, and none of the threads that would
release it, but the one that forked. So there the locks made here are free again, unless
that one thread has them. What they protect must be good at any moment: whoever held one
may have stopped between any two lines. Where that cannot be, as inside LLVM, a fork
waits until the other threads are through.
"""

from __future__ import annotations

import functools
import gc
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["cached_property", "collector_off", "lock", "waited_for"]

T = TypeVar("T")
Lock = Any  # threading.RLock is a function, and has no public name for its type
_new_lock = type(threading.RLock())

PATIENCE = 60.0
"""Seconds that a fork waits for another thread, at most."""

_known: list[weakref.ref[Any]] = []
_waited_for: list[weakref.ref[Any]] = []
_enough = 1024
_tidying = threading.Lock()


def lock() -> Lock:
    """A reentrant lock that is free in a forked process."""
    return _noted(_new_lock())


def waited_for(found: Lock = None) -> Lock:
    """A reentrant lock, `found` or a new one, that forks wait for.

    It is held for short, and whoever has it waits for no other.
    """
    found = _noted(_new_lock() if found is None else found)
    _waited_for.append(weakref.ref(found))
    return found


def _noted(found: Lock) -> Lock:
    """A list of references is far cheaper than a set that forgets them at once."""
    global _enough
    _known.append(weakref.ref(found))
    if len(_known) > _enough and _tidying.acquire(blocking=False):
        try:
            seen = _known[:]
            _known[: len(seen)] = [ref for ref in seen if ref() is not None]
            _enough = 2 * len(_known) + 1024
        finally:
            _tidying.release()
    return found


class cached_property(functools.cached_property[T]):
    """That of `functools`, whose lock, where it has one, is like ours."""

    def __init__(self, func: Callable[[Any], T]) -> None:
        super().__init__(func)
        inner = getattr(self, "lock", None)  # before Python 3.12
        if inner is not None:
            _noted(inner)


# --- the collector ----------------------------------------------------------------

_without: set[int] = set()
"""The threads that have switched the cyclic collector off."""


class collector_off:
    """No cyclic collection meanwhile; in a fork there is, if another thread did this.

    Tracing and passes make many objects and no cycles: 2.5-4x faster without it. Ends
    too where an interrupt kept `__exit__` from it, when this object is freed.
    """

    _thread: int | None = None

    def __enter__(self) -> None:
        if gc.isenabled():
            self._thread = threading.get_ident()
            _without.add(self._thread)
            gc.disable()

    def __exit__(self, *exc: object) -> None:
        try:
            self._leave()
        except BaseException:  # interrupted: what was done is done again
            self._leave()
            raise

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._thread is not None:
            gc.enable()
            _without.discard(self._thread)
            self._thread = None


# --- forks ------------------------------------------------------------------------

_mine = threading.local()


def _before() -> None:
    held = _mine.held = []
    for ref in _waited_for:  # others may come while this waits
        found = ref()
        if found is not None and found.acquire(timeout=PATIENCE):
            held.append(found)


def _release() -> None:
    for found in _mine.__dict__.pop("held", ()):
        found.release()


def _in_child() -> None:
    global _tidying
    _tidying = threading.Lock()
    for found in [ref() for ref in _known]:
        if found is not None and not found._is_owned():
            found._at_fork_reinit()
    _release()
    me = threading.get_ident()
    if _without and me not in _without:
        gc.enable()
    _without.intersection_update({me})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_release, after_in_child=_in_child
    )
