"""Polynomials with constant coefficients, and the sets of them for each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from .scalar import Num, Real, fma

Coefficients: TypeAlias = Sequence[str]
"""Ascending powers, as hexadecimal floats: what is written is what is used."""


def polynomial(x: Num, table: Mapping[str, Coefficients]) -> Num:
    """The polynomial that `table` holds for the format of `x`, by Estrin's scheme."""
    terms = [float.fromhex(text) for text in table[x.format.name]]
    return x.coerce(estrin(x, terms))


def estrin(x: Num, terms: Sequence[Real]) -> Real:
    """The sum of terms[i] * x**i, its halves evaluated independently of each other.

    A serial chain is as long as the logarithm of the degree, not as the degree.
    """
    power, level = x, list(terms)
    while len(level) > 1:
        even, odd = level[::2], level[1::2]
        pairs = [fma(power, high, low) for low, high in zip(even, odd, strict=False)]
        level = [*pairs, level[-1]] if len(level) % 2 else list(pairs)
        if len(level) > 1:
            power = power * power
    return level[0]
