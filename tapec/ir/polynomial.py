"""Polynomials with integer coefficients in named sizes: as text, and divided.

A polynomial is a dictionary from monomials, sorted tuples of names, to coefficients
other than 0; the empty monomial has the constant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["Monomial", "Terms", "quotient", "read", "text_of"]

Monomial = tuple[str, ...]
Terms = Mapping[Monomial, int]

_SUM = re.compile(r"[+-]?[^+-]+([+-][^+-]+)*")
_TERM = re.compile(r"([+-]?)([^+-]+)")


def text_of(terms: Terms) -> str:
    """The highest degree first: `2*n*m+n-1`."""
    text = ""
    for monomial in sorted(terms, key=lambda m: (-len(m), m)):
        factor = terms[monomial]
        size = [str(abs(factor))] if abs(factor) != 1 or not monomial else []
        sign = "-" if factor < 0 else "+" if text else ""
        text += sign + "*".join([*size, *monomial])
    return text


def read(text: str) -> Terms:
    """The polynomial that a text shows."""
    terms: dict[Monomial, int] = {}
    if not _SUM.fullmatch(text):
        raise ValueError(f"{text} is not an extent such as n or 2*n-1")
    for sign, product in _TERM.findall(text):
        factor, names = -1 if sign == "-" else 1, []
        for part in product.split("*"):
            if part.isdecimal():
                factor *= int(part)
            elif part.isidentifier():
                names.append(part)
            else:
                raise ValueError(f"{text} is not an extent such as n or 2*n-1")
        monomial = tuple(sorted(names))
        terms[monomial] = terms.get(monomial, 0) + factor
    return terms


def quotient(a: Terms, b: Terms) -> Terms | None:
    """a / b if that is a polynomial: `b` has one term, which divides all others."""
    if len(b) != 1:
        return None
    ((divisor, by),) = b.items()
    terms = {}
    for monomial, factor in a.items():
        rest = list(monomial)
        for name in divisor:
            if name not in rest:
                return None
            rest.remove(name)
        if factor % by:
            return None
        terms[tuple(rest)] = factor // by
    return terms
