"""Python's operators and NumPy's methods, shared by tensors and variables."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tapec import primitive as _primitive
from tapec.counterparts import counterpart
from tapec.errors import UnsupportedError, at
from tapec.ops import arithmetic as ar
from tapec.ops import logic as lo
from tapec.primitive import Primitive
from tapec.recording import locate, state, warn

__all__ = ["GETITEM", "PLAIN", "Operators", "defers"]


PLAIN: set[type] = {float, int, np.ndarray}
"""Types of operands that every operator takes; `tensor` adds its own."""

_NO_ATTRS: dict[str, Any] = {}

GETITEM = operator.getitem
"""Stands for `x[key]` among NumPy's functions."""


def _binary(prim: Primitive) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if type(other) in PLAIN or not defers(other):
            return _primitive._bind(prim, (self, other), _NO_ATTRS)
        return NotImplemented

    return operator


def _reflected(prim: Primitive) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if type(other) in PLAIN or not defers(other):
            return _primitive._bind(prim, (other, self), _NO_ATTRS)
        return NotImplemented

    return operator


def _unary(prim: Primitive) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return _primitive._bind(prim, (self,), _NO_ATTRS)

    return operator


def _ufunc(ufunc: Any) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if type(other) in PLAIN:  # nobody else could know better
            return _apply(ufunc, (self, other), _NO_ATTRS)
        return NotImplemented if defers(other) else ufunc(self, other)

    return operator


def _apply(ufunc: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Replaced when `tensor.dispatch` is imported (as `primitive._bind` is)."""
    raise RuntimeError("import tapec before applying a ufunc")


def install_apply(apply: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> None:
    """Let operators that are ufuncs reach their implementation."""
    globals()["_apply"] = apply


def defers(other: Any) -> bool:
    """Operands that know better, or that are no numbers at all."""
    return other is None or isinstance(other, (str, bytes, dict, set))


def _method(name: str, function: Any = None) -> Callable[..., Any]:
    """A NumPy method that is the NumPy function of the same name."""

    function = function or getattr(np, name)

    def method(self: Any, *args: Any, **kw: Any) -> Any:
        return self.__array_function__(function, (), (self, *args), kw)

    method.__name__ = name
    method.__doc__ = f"`numpy.{name}` of this tensor."
    return method


class Operators:
    """What tensors and variables can do."""

    __slots__ = ()
    __hash__ = object.__hash__

    __array_function__: Any

    @property
    def shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        raise NotImplementedError

    @property
    def array(self) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    __add__, __radd__ = _binary(ar.add), _reflected(ar.add)
    __sub__, __rsub__ = _binary(ar.subtract), _reflected(ar.subtract)
    __mul__, __rmul__ = _binary(ar.multiply), _reflected(ar.multiply)
    __truediv__, __rtruediv__ = _binary(ar.divide), _reflected(ar.divide)
    __floordiv__, __rfloordiv__ = _binary(ar.floor_divide), _reflected(ar.floor_divide)
    __mod__, __rmod__ = _binary(ar.remainder), _reflected(ar.remainder)
    __pow__, __rpow__ = _ufunc(np.power), _reflected(ar.power)
    __matmul__ = _ufunc(np.matmul)
    __and__, __rand__ = _binary(lo.bitwise_and), _reflected(lo.bitwise_and)
    __or__, __ror__ = _binary(lo.bitwise_or), _reflected(lo.bitwise_or)
    __xor__, __rxor__ = _binary(lo.bitwise_xor), _reflected(lo.bitwise_xor)
    __lshift__, __rshift__ = _binary(lo.left_shift), _binary(lo.right_shift)
    __lt__, __le__ = _binary(lo.less), _binary(lo.less_equal)
    __gt__, __ge__ = _binary(lo.greater), _binary(lo.greater_equal)
    __neg__, __abs__ = _unary(ar.negative), _unary(ar.absolute)
    __pos__, __invert__ = _unary(ar.positive), _unary(lo.invert)

    def __eq__(self, other: object) -> Any:
        return NotImplemented if defers(other) else lo.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return NotImplemented if defers(other) else lo.not_equal(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    # shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return self.transpose()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a tensor without axes")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index: Any) -> Any:
        return self.__array_function__(GETITEM, (), (self, index), _NO_ATTRS)

    sum, mean, prod = _method("sum"), _method("mean"), _method("prod")
    max, min = _method("max", np.max), _method("min", np.min)
    var, std, any, all = _method("var"), _method("std"), _method("any"), _method("all")
    argmax, argmin = _method("argmax"), _method("argmin")
    cumsum, cumprod = _method("cumsum"), _method("cumprod")
    dot, trace, ravel = _method("dot"), _method("trace"), _method("ravel")
    squeeze, swapaxes, repeat = (
        _method("squeeze"),
        _method("swapaxes"),
        _method("repeat"),
    )
    clip, take, diagonal = _method("clip"), _method("take"), _method("diagonal")
    argsort, round = _method("argsort"), _method("round")
    flatten = _method("flatten", np.ravel)
    conj, conjugate = _method("conj"), _method("conjugate")
    real = property(_method("real"))
    imag = property(_method("imag"))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """`numpy.reshape`; the shape may be given as one tuple or as integers."""
        return np.reshape(self, _unpacked(shape), order=order)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """`numpy.transpose`; the axes may be given as one tuple or as integers."""
        return np.transpose(self, _unpacked(axes) if axes else None)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The same numbers in another dtype."""
        from tapec.ops.cast import cast

        return cast(self, dtype=np.dtype(dtype))

    def copy(self) -> Any:
        """The same value; tensors are never changed in place."""
        return +self

    # looks: numbers leave the recording here

    def __bool__(self) -> bool:
        truth = self if self.dtype == np.bool_ else np.not_equal(self, 0)
        return bool(_decide(self, truth, "the truth value"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a {self.dtype} tensor cannot be an index")
        return int(_decide(self, self, "an index"))

    def __float__(self) -> float:
        return float(
            _look(self, "float(x)", "x * 1.0, x.astype(float) or np.sin for math.sin")
        )

    def __int__(self) -> int:
        return int(_look(self, "int(x)", "np.trunc(x) or x.astype(int)"))

    def __complex__(self) -> complex:
        return complex(_look(self, "complex(x)", "x + 0j"))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        remedy = counterpart() or "np.stack or tapec.numpy.array"
        array = _look(self, "np.array(x)", remedy)
        return np.array(array, dtype=dtype, copy=True if copy is None else copy)

    def __repr__(self) -> str:
        from tapec.display import describe

        looked(self, "print(x)")
        return describe(self)

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and spec:
            looked(self, "format(x)")
            return format(self.array.item(), spec)
        return format(repr(self), spec)


def _unpacked(args: tuple[Any, ...]) -> Any:
    if len(args) == 1 and not isinstance(args[0], (int, np.integer)):
        return args[0]
    return args


def _decide(x: Any, decisive: Any, what: str) -> Any:
    """A number that steers Python: in a trace it leaves a check behind."""
    from tapec.tensor import as_tensor, check_equal

    if state.recording is not None:
        state.recording.look(x, "bool(x)" if what == "the truth value" else "int(x)")
    array = x.array
    if array.size != 1:
        raise ValueError(
            f"{what} of an array with {array.size} elements is ambiguous; "
            "use .any(), .all() or np.where"
        )
    t = as_tensor(decisive)
    number = t.array
    rec = state.recording
    if rec is not None and t.rec is rec and rec.is_trace:
        if number.dtype == np.bool_:
            from tapec.ops.effects import check

            scalar = np.reshape(t, ()) if t.shape else t
            check(scalar, expected=bool(number.item()))
            rec.decided(bool(number.item()))
        else:
            check_equal(t, number)
    return number.item()


def looked(x: Any, how: str) -> None:
    """Numbers leave the recording at the user's own wish: `explain` will say so.

    In a trace the program is then valid for these numbers only: a check goes with it.
    """
    rec = state.recording
    if rec is None:
        return
    from tapec.tensor import as_tensor, check_equal

    rec.look(x, how)
    if rec.is_trace and (t := as_tensor(x)).rec is rec:
        check_equal(t, t.array)


_warned: set[tuple[str, int | None]] = set()


def _look(x: Any, how: str, remedy: str) -> np.ndarray[Any, Any]:
    """An implicit conversion, which cuts gradients: refused in a trace, else warned."""
    rec = state.recording
    if rec is not None:
        loc = locate(rec.stop)
        if rec.is_trace:
            text = f"{how} on a traced value would freeze a number; use {remedy}"
            raise at(UnsupportedError(text), loc)
        rec.look(x, how)
        place = (loc.filename, loc.line) if loc else ("", None)
        if rec.tapes and place not in _warned and rec.differentiable(x):
            _warned.add(place)
            warn(f"{how}: the gradient stops here; use {remedy}")
    return x.array  # type: ignore[no-any-return]
