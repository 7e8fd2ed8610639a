"""Symbolic extents in kernels: bounds that hold for all sizes, and numbers at run time.

A kernel gets the sizes of its body as arguments after the buffers; what is computed
from them stands at its entry. It runs through its loops only if every extent of its
space is positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from tapec.ir import Dim, Extent, never_negative

__all__ = ["UNKNOWN", "Extents", "greatest", "least", "scaled"]

INT = ir.IntType(64)
UNKNOWN = 1 << 62


def least(a: Extent, b: Extent) -> Extent:
    """A bound below both."""
    if never_negative(b - a):
        return a
    return b if never_negative(a - b) else -UNKNOWN


def greatest(a: Extent, b: Extent) -> Extent:
    """A bound above both."""
    if never_negative(a - b):
        return a
    return b if never_negative(b - a) else UNKNOWN


def scaled(low: Extent, high: Extent, factor: Extent) -> tuple[Extent, Extent]:
    """The range of a multiple of what lies in `low..high`."""
    if never_negative(factor):
        return factor * low, factor * high
    if never_negative(-factor):
        return factor * high, factor * low
    return -UNKNOWN, UNKNOWN


class Extents:
    """Extents as LLVM integers.

    names: the sizes. at: where computations go; its code precedes all loops.
    """

    def __init__(self, names: Mapping[str, Any], at: Any = None) -> None:
        self.names = names
        self.at = at
        self._known: dict[str, Any] = {}

    def value(self, extent: Extent) -> Any:
        """The number."""
        if not isinstance(extent, Dim):
            return ir.Constant(INT, int(extent))
        found = self._known.get(extent.name)
        if found is None:
            found = self._known[extent.name] = self._computed(extent)
        return found

    def _computed(self, extent: Dim) -> Any:
        total: Any = None
        for monomial, factor in extent.terms.items():
            product: Any = None
            for name in monomial:
                size = self.names[name]
                product = size if product is None else self._make("mul", product, size)
            if product is None:
                product = ir.Constant(INT, factor)
            elif factor != 1:
                product = self._make("mul", product, ir.Constant(INT, factor))
            total = product if total is None else self._make("add", total, product)
        return total

    def _make(self, name: str, a: Any, b: Any) -> Any:
        self.at.position_at_end(self.at.block)  # other builders add to this block too
        return getattr(self.at, name)(a, b, flags=("nsw",))
