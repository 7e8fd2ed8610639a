"""Addresses that know what is there.

Tables are numbers and addresses. For this process both are integers; code that is to
run elsewhere has names in the place of addresses, see `standalone`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Address", "Symbol"]


class Symbol(NamedTuple):
    """Emitted code. key: what the library was made from. name: the function in it."""

    key: Any
    name: str


class Address(int):
    """Where something is in this process.

    of: the `Words`, the array or the `Symbol`; None for what no other process has.
    """

    of: Any

    def __new__(cls, where: int, of: Any = None) -> Address:
        made = super().__new__(cls, where)
        made.of = of
        return made
