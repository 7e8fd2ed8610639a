"""Integers in memory, for emitted code."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from tapec.native.addresses import Address

__all__ = ["Words"]


class Words:
    """Integers that emitted code reads, kept where they are.

    words: the same, with what is at those that are addresses.
    """

    def __init__(self, words: Sequence[int]) -> None:
        self.words = words
        self._array = (ctypes.c_int64 * max(len(words), 1))(*words)

    @property
    def address(self) -> Address:
        """Where they are."""
        return Address(ctypes.addressof(self._array), self)
