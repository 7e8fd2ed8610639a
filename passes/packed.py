"""Patterns as rows of bits: for small ones, and without scipy.

`Packed` has what the rules of `sparsity` ask of a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Packed"]

Array = np.ndarray[Any, Any]


class Packed:
    """A Boolean matrix, eight columns to the byte.

    bits: its rows, an array of uint8. shape: how many rows and columns.
    """

    def __init__(self, bits: Array, columns: int) -> None:
        self.bits = bits
        self.shape = (len(bits), columns)

    @classmethod
    def of(cls, dense: Array) -> Packed:
        """A matrix given as an array of bool."""
        return cls(np.packbits(dense, axis=1), dense.shape[1])

    @classmethod
    def none(cls, rows: int, columns: int) -> Packed:
        """A matrix without entries."""
        return cls(np.zeros((rows, -(-columns // 8)), np.uint8), columns)

    @classmethod
    def stack(cls, parts: Sequence[Packed]) -> Packed:
        """Matrices below each other."""
        return cls(np.concatenate([p.bits for p in parts]), parts[0].shape[1])

    def dense(self) -> Array:
        """As an array of bool."""
        return np.unpackbits(self.bits, axis=1, count=self.shape[1]).view(bool)

    @property
    def nnz(self) -> int:
        """Not zero if there is any entry."""
        return int(np.any(self.bits))

    def __getitem__(self, rows: Any) -> Packed:
        return Packed(self.bits[rows], self.shape[1])

    def __add__(self, other: Packed) -> Packed:
        return Packed(self.bits | other.bits, self.shape[1])

    def added(self, to: Array, rows: int) -> Packed:
        """Row `i` united with others in row `to[i]` of a matrix with `rows` rows."""
        out = Packed.none(rows, self.shape[1])
        order = np.argsort(to, kind="stable")
        targets, starts = np.unique(to[order], return_index=True)
        if len(targets):
            out.bits[targets] = np.bitwise_or.reduceat(self.bits[order], starts)
        return out
