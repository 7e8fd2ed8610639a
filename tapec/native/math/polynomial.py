"""Polynomials with constant coefficients, and the sets of them for each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from .scalar import Num, Real, muladd

Coefficients: TypeAlias = Sequence[str]
"""Ascending powers, as hexadecimal floats: what is written is what is used."""


def polynomial(x: Num, table: Mapping[str, Coefficients]) -> Num:
    """The polynomial that `table` holds for the format of `x`."""
    return evaluate(x, [float.fromhex(text) for text in table[x.format.name]])


def evaluate(x: Num, terms: Sequence[float]) -> Num:
    """The sum of terms[i] * x**i: with few multiplications, or after a short time."""
    scheme = estrin if x.format.serial else even_odd
    return x.coerce(scheme(x, terms))


def estrin(x: Num, terms: Sequence[Real]) -> Real:
    """Its halves evaluated independently of each other, and theirs.

    A serial chain is as long as the logarithm of the degree, not as the degree.
    """
    power, level = x, list(terms)
    while len(level) > 1:
        level = _paired(power, level)
        if len(level) > 1:
            power = power * power
    return level[0]


def even_odd(x: Num, terms: Sequence[Real]) -> Real:
    """Horner's scheme in x**2, with linear terms.

    One multiplication more than the least, and a chain half as long.
    """
    level = _paired(x, terms)
    square = x * x if len(level) > 1 else x
    total = level[-1]
    for term in level[-2::-1]:
        total = muladd(square, total, term)
    return total


def _paired(x: Num, terms: Sequence[Real]) -> list[Real]:
    """terms[0] + terms[1] x, terms[2] + terms[3] x, ..."""
    pairs = [muladd(x, b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
    return [*pairs, terms[-1]] if len(terms) % 2 else [*pairs]
