"""Index expressions: where an element of an array is, as a function of the loops.

A `Place` is an integer combination of atoms: loop axes, quotients, choices, numbers
read from arrays. It knows its range, so reads are known to lie inside, and its `key`
tells equal expressions. Comparing places gives a `Test` (or a bool where the ranges
decide). Nothing is emitted before `lower`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from llvmlite import ir

from tapec.ir import Dim, Extent, never_negative
from tapec.native.extents import UNKNOWN, greatest, least, scaled
from tapec.native.scalars import Builder, Scalar

__all__ = ["Atom", "Axis", "Clamped", "Data", "Place", "Test", "choose", "place"]

INT = np.dtype(np.int64)


class Atom:
    """Something a place is a multiple of; `key` tells equal ones."""

    key: tuple[Any, ...]
    low: Extent
    high: Extent

    def lower(self, b: Builder) -> Scalar:
        """The 64-bit integer."""
        raise NotImplementedError


class Axis(Atom):
    """A loop counter; the kernel says where it is through `b.axes`."""

    def __init__(self, number: int, extent: Extent) -> None:
        self.number = number
        self.key = ("axis", number)
        self.low, self.high = 0, extent - 1 if isinstance(extent, Dim) or extent else 0

    def lower(self, b: Builder) -> Scalar:
        return b.axes[self.number]


class Quotient(Atom):
    """A place divided by a positive integer, or the remainder (`rest`)."""

    def __init__(self, over: Place, divisor: int, rest: bool) -> None:
        self.place, self.divisor, self.rest = over, divisor, rest
        self.key = ("quotient", over.key, divisor, rest)
        if isinstance(over.low, Dim) or isinstance(over.high, Dim):
            self.low = 0 if never_negative(over.low) else -UNKNOWN
            self.high = UNKNOWN
        else:
            self.low, self.high = over.low // divisor, over.high // divisor
        if rest:
            self.low, self.high = 0, divisor - 1

    def lower(self, b: Builder) -> Scalar:
        x = self.place.lower(b)
        if never_negative(self.place.low):
            at = b.scopes[x.depth]
            make = at.urem if self.rest else at.udiv
            value = make(x.value, ir.Constant(x.value.type, self.divisor))
            return b.make(INT, x.depth, value)
        return x % self.divisor if self.rest else x // self.divisor


class Choice(Atom):
    """One of two places."""

    def __init__(self, test: Test, yes: Place, no: Place) -> None:
        self.test, self.yes, self.no = test, yes, no
        self.key = ("choice", test.key, yes.key, no.key)
        self.low, self.high = least(yes.low, no.low), greatest(yes.high, no.high)

    def lower(self, b: Builder) -> Scalar:
        yes, no = self.yes.lower(b), self.no.lower(b)
        return b.where(self.test.lower(b), yes, no)


class Clamped(Atom):
    """A place that only matters where it lies in `low..high`."""

    def __init__(self, inner: Place, low: Extent, high: Extent) -> None:
        self.place, self.low, self.high = inner, low, high
        self.key = ("clamped", inner.key, low, high)

    def lower(self, b: Builder) -> Scalar:
        x = b.intrinsic("smax", self.place.lower(b), b.extent(self.low))
        return b.intrinsic("smin", x, b.extent(self.high))


class Data(Atom):
    """An integer computed by the kernel, its range if it is known."""

    def __init__(
        self, x: Scalar, low: Extent = -UNKNOWN, high: Extent = UNKNOWN
    ) -> None:
        self.scalar, self.low, self.high = x, low, high
        self.key = ("data", id(x), low, high)

    def lower(self, b: Builder) -> Scalar:
        return b.cast(self.scalar, INT)


class Test:
    """A comparison of two places, or tests joined by & | ~."""

    def __init__(self, symbol: str, *sides: Any) -> None:
        self.symbol, self.sides = symbol, sides
        self.key = (symbol, *[side.key for side in sides])

    def lower(self, b: Builder) -> Scalar:
        """The truth value."""
        xs = [side.lower(b) for side in self.sides]
        return ~xs[0] if self.symbol == "~" else b.binary(self.symbol, *xs)

    def _join(self, symbol: str, other: Any) -> Any:
        if isinstance(other, bool):
            absorbed = other == (symbol == "|")
            return other if absorbed else self
        return Test(symbol, self, other) if isinstance(other, Test) else NotImplemented

    def __and__(self, other: Any) -> Any:
        return self._join("&", other)

    def __or__(self, other: Any) -> Any:
        return self._join("|", other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Test:
        return Test("~", self)

    def __bool__(self) -> bool:
        raise TypeError("a test of an index has no truth value; use k.where")


class Place:
    """constant + sum of factor * atom."""

    __slots__ = ("constant", "high", "key", "low", "terms")
    __hash__ = None  # type: ignore[assignment]  # `==` is a Test; use `key`

    def __init__(self, terms: Iterable[tuple[Atom, Extent]], constant: Extent) -> None:
        self.terms = tuple(terms)
        self.constant = constant
        self.key = (constant, *[(atom.key, factor) for atom, factor in self.terms])
        self.low = self.high = constant
        for atom, factor in self.terms:
            low, high = scaled(atom.low, atom.high, factor)
            self.low, self.high = self.low + low, self.high + high

    def _plus(self, other: Any, sign: int) -> Any:
        if not isinstance(other, (int, np.integer, Dim, Place)):
            return NotImplemented
        other = place(other)
        sums = {atom.key: (atom, factor) for atom, factor in self.terms}
        for atom, factor in other.terms:
            before = sums.get(atom.key, (atom, 0))[1]
            sums[atom.key] = atom, before + sign * factor
        constant = self.constant + sign * other.constant
        return Place([(a, f) for a, f in sums.values() if f], constant)

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return (self * -1)._plus(other, 1)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, (int, np.integer, Dim)):
            return NotImplemented
        n = other if isinstance(other, Dim) else int(other)
        terms = [(atom, factor * n) for atom, factor in self.terms] if n else []
        return Place(terms, self.constant * n)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Place:
        return self * -1  # type: ignore[no-any-return]

    def _divided(self, divisor: Any, *, rest: bool) -> Any:
        if not isinstance(divisor, (int, np.integer)):
            return NotImplemented
        n = int(divisor)
        if n <= 0:
            raise ValueError("index expressions are divided by positive integers only")
        symbolic = isinstance(self.low, Dim) or isinstance(self.high, Dim)
        quotient = None if symbolic else self.low // n
        if quotient is not None and quotient == self.high // n:
            return self - quotient * n if rest else place(quotient)
        return Place([(Quotient(self, n, rest), 1)], 0)

    def __floordiv__(self, other: Any) -> Any:
        return self._divided(other, rest=False)

    def __mod__(self, other: Any) -> Any:
        return self._divided(other, rest=True)

    def _test(self, symbol: str, other: Any) -> Any:
        if not isinstance(other, (int, np.integer, Dim, Place)):
            return NotImplemented
        decided = _decided(symbol, self - place(other))
        return Test(symbol, self, place(other)) if decided is None else decided

    def __lt__(self, other: Any) -> Any:
        return self._test("<", other)

    def __le__(self, other: Any) -> Any:
        return self._test("<=", other)

    def __gt__(self, other: Any) -> Any:
        return self._test(">", other)

    def __ge__(self, other: Any) -> Any:
        return self._test(">=", other)

    def __eq__(self, other: Any) -> Any:
        return self._test("==", other)

    def __ne__(self, other: Any) -> Any:
        return self._test("!=", other)

    def __bool__(self) -> bool:
        raise TypeError("an index has no truth value; use k.where")

    @property
    def atom(self) -> Atom | None:
        """The atom this place is, if it is nothing else."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and not self.constant:
            return self.terms[0][0]
        return None

    def lower(self, b: Builder) -> Scalar:
        """The 64-bit integer; terms of outer loops are added first, outside."""
        found = b.places.get(self.key)
        if found is None:
            rows = [(atom.lower(b), factor) for atom, factor in self.terms]
            rows.sort(key=lambda row: row[0].depth)
            total = b.extent(self.constant)
            for x, factor in rows:
                step = x if factor == 1 else _arithmetic(b, "mul", x, b.extent(factor))
                total = _arithmetic(b, "add", step, total)
            found = b.places[self.key] = total
        return found


def _decided(symbol: str, difference: Place) -> bool | None:
    """The outcome of comparing with 0, if it is the same over the whole range."""
    low, high = difference.low, difference.high
    if symbol in ("<", ">="):
        below, not_below = never_negative(-high - 1), never_negative(low)
        found = symbol == "<" if below else symbol == ">="
        return found if below or not_below else None
    above, not_above = never_negative(low - 1), never_negative(-high)
    if symbol in (">", "<="):
        found = symbol == ">" if above else symbol == "<="
        return found if above or not_above else None
    if above or never_negative(-high - 1):
        return symbol == "!="
    return symbol == "==" if not_above and never_negative(low) else None


def _arithmetic(b: Builder, name: str, x: Scalar, y: Scalar) -> Scalar:
    """Without overflow: lets LLVM see how addresses advance."""
    zero = isinstance(y.value, ir.Constant) and y.value.constant == 0
    if name == "add" and zero:
        return x
    depth = max(x.depth, y.depth)
    value = getattr(b.scopes[depth], name)(x.value, y.value, flags=("nsw",))
    return b.make(INT, depth, value)


def place(x: Any) -> Place:
    """`x` as an index expression: a Python integer, a scalar, or one already."""
    if isinstance(x, Place):
        return x
    if isinstance(x, Scalar):
        return Place([(Data(x), 1)], 0)
    return Place((), x if isinstance(x, Dim) else int(x))


def choose(test: Any, yes: Place, no: Place) -> Place:
    """`yes` where the test holds, else `no`."""
    if isinstance(test, bool):
        return yes if test else no
    return Place([(Choice(test, yes, no), 1)], 0)
