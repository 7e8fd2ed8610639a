"""The tensors that refer to the values of a recording, and their numbers."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from tapec.ir import Value
from tapec.recording.running import Array

__all__ = ["Referring"]

MANY = 64
"""References to tensors that may have died or have their numbers already."""


class Referring:
    """Weak references to tensors, of which only the last ones have no numbers yet.

    Another thread may make tensors, which are added at the end, at any time.
    """

    def __init__(self) -> None:
        self._fresh: list[weakref.ref[Any]] = []
        self._known: dict[Value, weakref.ref[Any]] = {}
        self._settled: list[weakref.ref[Any]] = []

    def track(self, tensor: Any) -> None:
        """`tensor` refers to the last value: it gets a number when there is a flush."""
        self._fresh.append(weakref.ref(tensor))

    def alive(self) -> list[Any]:
        """Live tensors that refer to values of the recording."""
        refs = [*self._settled, *self._fresh] if self._settled else self._fresh
        return [t for ref in refs if (t := ref()) is not None]

    def pending(self) -> list[Any]:
        """Those without a number."""
        return [
            t for ref in self._fresh if (t := ref()) is not None and t.known is None
        ]

    def settle(self, tensors: list[Any], arrays: Sequence[Array]) -> None:
        """All tensors that were pending have their numbers now."""
        for t, array in zip(tensors, arrays, strict=True):
            t.settle(array)
            self._known[t.value] = weakref.ref(t)
        if len(self._fresh) > MANY:
            self._sort_out()

    def _sort_out(self) -> None:
        """Move the known tensors out of `_fresh`."""
        n = len(self._fresh)
        pending: list[weakref.ref[Any]] = []
        for ref in self._fresh[:n]:
            t = ref()
            if t is not None:
                (pending if t.known is None else self._settled).append(ref)
        self._fresh[:n] = pending

    def known(self, value: Value) -> Any:
        """The live tensor that holds `value`'s number, or None."""
        ref = self._known.get(value)
        t = None if ref is None else ref()
        return t if t is not None and t.value is value else None

    def _detach(self, alive: list[Any] | None) -> None:
        """Tensors that are known forget the recording; only others stay noted.

        alive: all that are, if somebody knows.
        """
        n = len(self._fresh)
        pending: list[weakref.ref[Any]] = []
        for t in self.alive() if alive is None else alive:
            if t.rec is not self:
                continue
            if t.known is None:
                pending.append(weakref.ref(t))
            else:
                t.rec = t.value = None
        self._fresh[:n] = pending
        self._settled.clear()
        self._known.clear()
