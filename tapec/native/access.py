"""What an `Index` lowering sees of its kernel: operands' elements, and choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec.ir import Extent, Value, never_negative
from tapec.native.places import Clamped, Data, Place, Test, choose, place
from tapec.native.scalars import Builder, Scalar

__all__ = ["Access"]

ValueAt = Callable[[Value, Sequence[Place]], Scalar]


class Access:
    """`k` in `emit(k, op, index)`."""

    def __init__(self, b: Builder, op: Value, value_at: ValueAt) -> None:
        self.b = b
        self.op = op
        self._value_at = value_at

    def read(self, operand: int, index: Sequence[Any]) -> Scalar:
        """The element of an operand; indices are expressions, integers or scalars."""
        return self._value_at(self.op.args[operand], [place(i) for i in index])

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """`x` where the condition holds, else `y`: elements or indices."""
        both_places = not isinstance(x, Scalar) and not isinstance(y, Scalar)
        if both_places and isinstance(condition, (bool, Test)):
            return choose(condition, place(x), place(y))
        sides = [s.lower(self.b) if isinstance(s, Place) else s for s in (x, y)]
        return self.b.where(condition, *sides)

    def clamp(self, i: Any, low: Extent, high: Extent) -> Place:
        """`i` brought into `low..high`; what is read where that moves it is ignored.

        (What is read there is the element at the edge, or 0.)
        """
        if isinstance(i, Scalar):
            b = self.b
            wide = b.cast(i, np.int64)
            inside = b.intrinsic("smax", wide, b.extent(low))
            inside = b.intrinsic("smin", inside, b.extent(high))
            return Place([(Data(inside, low, high), 1)], 0)
        whole = place(i)
        if never_negative(whole.low - low) and never_negative(high - whole.high):
            return whole
        return Place([(Clamped(whole, low, high), 1)], 0)

    def const(self, number: Any, like: Any) -> Scalar:
        """A number in the dtype `like`."""
        return self.b.const(number, like)

    def cast(self, x: Scalar, dtype: Any) -> Scalar:
        """NumPy's `astype`."""
        return self.b.cast(x, dtype)
