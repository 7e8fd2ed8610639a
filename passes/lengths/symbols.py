"""Symbols for numbers of one recording, and which of them inference found equal.

Each symbol has the number that it stands for here. Type rules that ask whether two
extents are equal get the answer of these numbers; where that is yes, one symbol is
expressed by others from then on, so the answer is yes for all sizes. A rule that needs
a number gets it, and the symbol keeps it. Order is answered by the numbers alone: what
a rule makes of the answer is part of the function, and each recording asks for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tapec.ir import Dim, Extent, asked, names_in

__all__ = ["Settled", "Symbols"]


class Symbols:
    """numbers: what each symbol stands for. solved: those expressed by others."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.solved: dict[str, Extent] = {}

    def fresh(self, n: int) -> Dim:
        """A symbol for a number."""
        name = f"_{len(self.numbers)}"
        self.numbers[name] = n
        return Dim(name)

    def number_of(self, x: Extent) -> int:
        """The number that an extent stands for."""
        return int(x.at(self.numbers)) if isinstance(x, Dim) else x

    def normal(self, x: Extent) -> Any:
        """The extent without the symbols that are expressed by others."""
        return x.at(self.solved) if isinstance(x, Dim) else x

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Answer questions about extents inside."""
        token = asked.set(self)
        try:
            yield
        finally:
            asked.reset(token)

    # --- what is known

    def make_equal(self, a: Extent, b: Extent) -> None:
        """Two extents of the same number are equal for all sizes from now on."""
        difference = self.normal(a) - self.normal(b)
        if not isinstance(difference, Dim):
            return
        name = _isolated(difference)
        if name is None:
            self.keep_numbers(difference)
            return
        factor = difference.terms[name,]
        self._solve(name, Dim(name) - difference * factor)

    def keep_numbers(self, x: Extent) -> None:
        """The symbols of an extent are their numbers from now on."""
        for name in names_in(self.normal(x)):
            self._solve(name, self.numbers[name])

    def _solve(self, name: str, value: Extent) -> None:
        known = {name: value}
        for other, x in self.solved.items():
            if isinstance(x, Dim):
                self.solved[other] = x.at(known)
        self.solved[name] = value

    # --- what type rules ask

    def equal(self, a: Extent, b: Extent) -> bool:
        if self.number_of(a) != self.number_of(b):
            return False
        self.make_equal(a, b)
        return True

    def at_least(self, a: Extent, b: Extent) -> bool:
        return self.number_of(a) >= self.number_of(b)

    def number(self, d: Dim) -> int:
        self.keep_numbers(d)
        return self.number_of(d)

    def value(self, d: Dim) -> Any:
        raise TypeError(f"the extent {d} as a number of a program")


def _isolated(difference: Dim) -> str | None:
    """The youngest symbol that the others express: it has the factor 1 or -1."""
    linear = [m[0] for m, f in difference.terms.items() if len(m) == 1 and f in (1, -1)]
    products = {name for m in difference.terms if len(m) > 1 for name in m}
    return max((n for n in linear if n not in products), key=_age, default=None)


def _age(name: str) -> int:
    return int(name[1:])


class Settled(Symbols):
    """Symbols about which nothing new is found: equal means equal for all sizes."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        super().__init__()
        self.numbers = dict(numbers)

    def make_equal(self, a: Extent, b: Extent) -> None:
        raise TypeError(f"the extents {a} and {b} are equal for some sizes only")

    def keep_numbers(self, x: Extent) -> None:
        raise TypeError(f"the extent {x} is needed as a number")
