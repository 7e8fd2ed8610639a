"""Symbolic extents: integer polynomials in named sizes, such as `n`, `n-1`, `2*n*m`.

A size is known only at run time and is never negative. What arithmetic makes of
extents is an extent again, or an integer where the names cancel. A question that has
one answer for all sizes is answered; any other goes to the `Asked` in force (a trace,
which has example sizes and notes what it answered); without one, extents that are not
the same polynomial are unequal, and their order is a `TypeError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol

import numpy as np

from tapec.ir.polynomial import Monomial, Terms, quotient, read, text_of

__all__ = ["Asked", "Dim", "Extent", "asked", "estimate", "names_in", "never_negative"]

TYPICAL = 1000
"""What a size is taken for where only costs are weighed."""


class Asked(Protocol):
    """Who answers what polynomials alone cannot."""

    def equal(self, a: Extent, b: Extent) -> bool:
        """Whether two extents are the same number."""

    def at_least(self, a: Extent, b: Extent) -> bool:
        """Whether `a >= b`."""

    def number(self, d: Dim) -> int:
        """The extent as a Python integer."""

    def value(self, d: Dim) -> Any:
        """The extent as a number that the program computes when it runs."""


asked: ContextVar[Asked | None] = ContextVar("asked about extents", default=None)


class Dim:
    """A symbolic extent; equal polynomials are one object.

    Dim("n"), Dim("2*n-1"): reads what `name` shows.
    """

    __slots__ = ("name", "terms")
    _known: ClassVar[dict[str, Dim]] = {}

    name: str
    terms: Terms

    def __new__(cls, name: str) -> Dim:
        found = cls._known.get(name)
        if found is None:
            made = polynomial(read(name))
            if not isinstance(made, Dim):
                raise ValueError(f"{name} is a number, not a symbolic extent")
            found = made
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Dim, (self.name,)

    def __repr__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(("Dim", self.name))

    # --- arithmetic

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__add__")
        sums = dict(self.terms)
        for monomial, factor in _terms(other).items():
            sums[monomial] = sums.get(monomial, 0) + factor
        return polynomial(sums)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return polynomial({m: -f for m, f in self.terms.items()})

    def __pos__(self) -> Dim:
        return self

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__sub__")
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__rsub__")
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__mul__")
        products: dict[Monomial, int] = {}
        for m, f in self.terms.items():
            for k, g in _terms(other).items():
                both = tuple(sorted(m + k))
                products[both] = products.get(both, 0) + f * g
        return polynomial(products)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__floordiv__")
        exact = quotient(self.terms, _terms(other))
        return self.__index__() // other if exact is None else polynomial(exact)

    def __rfloordiv__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__rfloordiv__")
        return other // self.__index__()

    def __mod__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__mod__")
        exact = quotient(self.terms, _terms(other))
        return self.__index__() % other if exact is None else 0

    def __rmod__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return _computed(self, other, "__rmod__")
        return other % self.__index__()

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __truediv__(self, other: Any) -> Any:
        return _computed(self, other, "__truediv__")

    def __rtruediv__(self, other: Any) -> Any:
        return _computed(self, other, "__rtruediv__")

    def __pow__(self, other: Any) -> Any:
        if type(other) is not int or not 0 < other < 8:
            return _computed(self, other, "__pow__")
        power: Any = 1
        for _ in range(other):
            power = power * self
        return power

    def __rpow__(self, other: Any) -> Any:
        return _computed(self, other, "__rpow__")

    # --- questions

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, _INTEGRAL):
            return NotImplemented
        other = other if isinstance(other, Dim) else int(other)
        if _always_differ(self, other):
            return False
        who = asked.get()
        return who is not None and who.equal(self, other)

    def __ge__(self, other: Any) -> Any:
        return (
            _at_least(self, other) if isinstance(other, _INTEGRAL) else NotImplemented
        )

    def __gt__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return NotImplemented
        return _at_least(self, other + 1)

    def __le__(self, other: Any) -> Any:
        return (
            _at_least(other, self) if isinstance(other, _INTEGRAL) else NotImplemented
        )

    def __lt__(self, other: Any) -> Any:
        if not isinstance(other, _INTEGRAL):
            return NotImplemented
        return _at_least(other, self + 1)

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        return _who(self).number(self)

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.__index__())

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kw: Any) -> Any:
        """NumPy's integers do arithmetic here, all else computes when it runs."""
        plain = _PLAIN.get(ufunc)
        if plain and all(isinstance(a, _INTEGRAL) for a in args):
            a, b = (x if isinstance(x, Dim) else int(x) for x in args)
            return (
                getattr(a, plain)(b)
                if type(a) is Dim
                else getattr(b, f"__r{plain[2:]}")(a)
            )
        values = [_who(a).value(a) if type(a) is Dim else a for a in args]
        return getattr(ufunc, method)(*values, **kw)

    def at(self, sizes: Mapping[str, Any]) -> Any:
        """The polynomial with numbers, or other extents, for some of its names."""
        total: Any = 0
        for monomial, factor in self.terms.items():
            product: Any = factor
            for name in monomial:
                product = product * (sizes[name] if name in sizes else Dim(name))
            total = total + product
        return total


Extent = int | Dim
_INTEGRAL = (int, np.integer, Dim)
_PLAIN = {np.add: "__add__", np.subtract: "__sub__", np.multiply: "__mul__"}


def polynomial(terms: Terms) -> Any:
    """The extent with these terms: an integer if it has no names."""
    kept = {m: int(f) for m, f in terms.items() if f}
    if not kept:
        return 0
    if kept.keys() == {()}:
        return kept[()]
    name = text_of(kept)
    found = Dim._known.get(name)
    if found is None:
        found = object.__new__(Dim)
        found.name, found.terms = name, kept
        found = Dim._known.setdefault(name, found)
    return found


def _terms(x: Any) -> Terms:
    return x.terms if type(x) is Dim else {(): int(x)}


def never_negative(x: Any) -> bool:
    """Whether an extent is at least 0 whatever the sizes are."""
    return all(f >= 0 for f in x.terms.values()) if type(x) is Dim else x >= 0


def _always_differ(a: Dim, b: Any) -> bool:
    """Whether `a - b`, or `b - a`, is at least 1 whatever the sizes are."""
    factors = dict(a.terms)
    for monomial, factor in _terms(b).items():
        factors[monomial] = factors.get(monomial, 0) - factor
    constant = factors.pop((), 0)
    if constant > 0:
        return all(factor >= 0 for factor in factors.values())
    return constant < 0 and all(factor <= 0 for factor in factors.values())


def _at_least(a: Any, b: Any) -> bool:
    difference = a - b
    if never_negative(difference):
        return True
    if never_negative(-difference - 1):
        return False
    return _who(difference).at_least(a, b)


def _who(d: Dim) -> Asked:
    who = asked.get()
    if who is None:
        raise TypeError(f"the extent {d} has no number before the program runs")
    return who


def _computed(d: Dim, other: Any, operator: str) -> Any:
    """Arithmetic with what is no integer: floats and tensors."""
    if not isinstance(other, (int, float, complex, np.number, Dim)):
        return NotImplemented
    who = _who(d)
    other = who.value(other) if type(other) is Dim else other
    return getattr(who.value(d), operator)(other)


def estimate(x: Any) -> int:
    """About how large an extent is, for weighing costs."""
    return int(x.at(dict.fromkeys(names_in(x), TYPICAL)) if type(x) is Dim else x)


def names_in(x: Any) -> list[str]:
    """The names of an extent, each once."""
    if type(x) is not Dim:
        return []
    return list(dict.fromkeys(name for m in x.terms for name in m))
