"""A scalar under construction: dtype and LLVM values, with Python's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tapec.native.scalars import Builder

__all__ = ["Scalar"]


def _operator(symbol: str, *, reflected: bool = False) -> Callable[..., Scalar]:
    def apply(self: Scalar, other: Any) -> Scalar:
        other = self.b.scalar(other, like=self)
        x, y = (other, self) if reflected else (self, other)
        return self.b.binary(symbol, x, y)

    return apply


class Scalar:
    """One element: `parts` holds its LLVM value, two of them if it is complex."""

    __slots__ = ("b", "depth", "dtype", "parts")

    def __init__(
        self, b: Builder, dtype: np.dtype[Any], parts: tuple[Any, ...], depth: int
    ) -> None:
        self.b = b
        self.dtype = dtype
        self.parts = parts
        self.depth = depth

    @property
    def value(self) -> Any:
        """The LLVM value of a scalar that is not complex."""
        (value,) = self.parts
        return value

    @property
    def real(self) -> Scalar:
        """The real part."""
        return self.b.real(self)

    @property
    def imag(self) -> Scalar:
        """The imaginary part."""
        return self.b.imag(self)

    @property
    def kind(self) -> str:
        """NumPy's letter for the kind of dtype: b i u f c."""
        return self.dtype.kind

    __add__, __radd__ = _operator("+"), _operator("+", reflected=True)
    __sub__, __rsub__ = _operator("-"), _operator("-", reflected=True)
    __mul__, __rmul__ = _operator("*"), _operator("*", reflected=True)
    __truediv__, __rtruediv__ = _operator("/"), _operator("/", reflected=True)
    __floordiv__, __rfloordiv__ = _operator("//"), _operator("//", reflected=True)
    __mod__, __rmod__ = _operator("%"), _operator("%", reflected=True)
    __pow__, __rpow__ = _operator("**"), _operator("**", reflected=True)
    __and__, __rand__ = _operator("&"), _operator("&", reflected=True)
    __or__, __ror__ = _operator("|"), _operator("|", reflected=True)
    __xor__, __rxor__ = _operator("^"), _operator("^", reflected=True)
    __lshift__, __rlshift__ = _operator("<<"), _operator("<<", reflected=True)
    __rshift__, __rrshift__ = _operator(">>"), _operator(">>", reflected=True)
    __lt__, __le__ = _operator("<"), _operator("<=")
    __gt__, __ge__ = _operator(">"), _operator(">=")
    __eq__, __ne__ = _operator("=="), _operator("!=")  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __neg__(self) -> Scalar:
        return self.b.negative(self)

    def __pos__(self) -> Scalar:
        return self

    def __invert__(self) -> Scalar:
        return self.b.invert(self)

    def __abs__(self) -> Scalar:
        return self.b.absolute(self)

    def __bool__(self) -> bool:
        raise TypeError("an emitted scalar has no truth value; use b.where")
