"""What a trace with symbolic extents asked about them, and what must hold therefore.

While a function is traced, an extent answers like the example's size, and each answer
that other sizes could contradict is noted. An equality that held *pins*: the function
is traced again with the extents made equal, or the number put in their place. What did
not hold, and order, *guards*: calls whose sizes would answer otherwise need another
version. The library's own questions whether an extent is 1 are about broadcasting: a
symbolic extent never broadcasts, even when it is 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tapec.errors import excerpt
from tapec.ir import Dim, Extent, asked, names_in
from tapec.recording import is_library, locate, state

__all__ = ["Sizes"]

Poly = Dim
Notes = dict[Dim, str]


class Sizes:
    """The example's sizes by name, and what was asked about them.

    pins: extents that must be 0. unequal: extents that must not be. ordered: extents
    that must not be negative. Each with the user's line that asked first.
    plans: what recording has worked out under these answers.
    """

    def __init__(self, examples: Mapping[str, int]) -> None:
        self.examples = dict(examples)
        self.pins: Notes = {}
        self.unequal: Notes = {}
        self.ordered: Notes = {}
        self.plans: dict[Any, Any] = {}

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Answer questions inside."""
        token = asked.set(self)
        try:
            yield
        finally:
            asked.reset(token)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether these sizes give the same answers."""
        return all(d.at(sizes) != 0 for d in self.unequal) and all(
            d.at(sizes) >= 0 for d in self.ordered
        )

    # --- answers

    def equal(self, a: Extent, b: Extent) -> bool:
        if 1 in (type(a) is int and a, type(b) is int and b) and not _asked_by_user():
            return False
        difference: Any = a - b
        if difference.at(self.examples) == 0:
            self._note(self.pins, difference)
            return True
        self._note(self.unequal, difference)
        return False

    def at_least(self, a: Extent, b: Extent) -> bool:
        difference: Any = a - b
        found = bool(difference.at(self.examples) >= 0)
        self._note(self.ordered, difference if found else -difference - 1)
        return found

    def number(self, d: Dim) -> int:
        found = int(d.at(self.examples))
        self._note(self.pins, d - found)
        return found

    def value(self, d: Dim) -> Any:
        from tapec.tensor import as_tensor

        return as_tensor(d)

    def _note(self, notes: Notes, d: Dim) -> None:
        if d not in notes:
            rec = state.recording
            notes[d] = excerpt(locate(rec.stop if rec is not None else None))

    # --- consequences

    def pinned(self) -> dict[str, Extent]:
        """What to put in the place of names for the pins to hold."""
        found: dict[str, Extent] = {}
        for pin in self.pins:
            left: Any = pin.at(found)
            if not isinstance(left, Dim):
                continue
            names = names_in(left)
            new: dict[str, Extent]
            if len(names) == 2 and left in (_minus(*names), _minus(*names[::-1])):
                first, second = sorted(names, key=list(self.examples).index)
                new = {second: Dim(first)}
            else:
                new = {name: self.examples[name] for name in names}
            found = {k: v.at(new) if type(v) is Dim else v for k, v in found.items()}
            found |= new
        return found


def _minus(a: str, b: str) -> Any:
    return Dim(a) - Dim(b)


def _asked_by_user() -> bool:
    """Whether the comparison stands in the user's code."""
    frame: Any = sys._getframe(1)
    while frame.f_globals.get("__name__") in ("tapec.ir.dim", __name__):
        frame = frame.f_back
    return not is_library(frame.f_globals)
