"""`tf.math`: elementwise functions and reductions under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tapec.scipy.special import logsumexp
from tapec.tf.convert import convert_to_tensor, pair

__all__ = [
    "abs",
    "acos",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "asin",
    "atan",
    "atan2",
    "ceil",
    "conj",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "digamma",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floordiv",
    "floormod",
    "greater",
    "greater_equal",
    "imag",
    "is_finite",
    "is_inf",
    "is_nan",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log_sigmoid",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "multiply_no_nan",
    "negative",
    "not_equal",
    "pow",
    "real",
    "reciprocal",
    "reduce_all",
    "reduce_any",
    "reduce_euclidean_norm",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "truediv",
    "xlogy",
]


def _unary(f: Any, doc: str) -> Callable[..., Any]:
    def op(x: Any, name: Any = None) -> Any:
        return f(convert_to_tensor(x))

    op.__doc__ = doc
    return op


def _binary(f: Any, doc: str) -> Callable[..., Any]:
    def op(x: Any, y: Any, name: Any = None) -> Any:
        return f(*pair(x, y))

    op.__doc__ = doc
    return op


def _reduction(f: Any, doc: str) -> Callable[..., Any]:
    def op(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
    ) -> Any:
        x = convert_to_tensor(input_tensor)
        axis = tuple(axis) if isinstance(axis, list) else axis
        out = f(x, axis=axis, keepdims=keepdims)
        same = x.dtype.kind in "biu" and out.dtype.kind in "iuf"
        return out.astype(x.dtype) if same and out.dtype != x.dtype else out

    op.__doc__ = doc
    return op


# --- elementwise ------------------------------------------------------------------

abs = _unary(np.abs, "The absolute value.")
negative = _unary(np.negative, "The negative.")
sign = _unary(np.sign, "-1, 0 or 1.")
reciprocal = _unary(lambda x: 1.0 / x, "1 / x.")
square = _unary(np.square, "x * x.")
sqrt = _unary(np.sqrt, "The square root.")
rsqrt = _unary(lambda x: 1.0 / np.sqrt(x), "1 / sqrt(x).")
exp = _unary(np.exp, "e to the x.")
expm1 = _unary(np.expm1, "exp(x) - 1, accurate near 0.")
log = _unary(np.log, "The natural logarithm.")
log1p = _unary(np.log1p, "log(1 + x), accurate near 0.")
sin = _unary(np.sin, "The sine.")
cos = _unary(np.cos, "The cosine.")
tan = _unary(np.tan, "The tangent.")
asin = _unary(np.arcsin, "The inverse of the sine.")
acos = _unary(np.arccos, "The inverse of the cosine.")
atan = _unary(np.arctan, "The inverse of the tangent.")
sinh = _unary(np.sinh, "The hyperbolic sine.")
cosh = _unary(np.cosh, "The hyperbolic cosine.")
tanh = _unary(np.tanh, "The hyperbolic tangent.")
sigmoid = _unary(special.expit, "1 / (1 + exp(-x)).")
log_sigmoid = _unary(lambda x: -np.logaddexp(-x, 0.0), "log(sigmoid(x)).")
softplus = _unary(lambda x: np.logaddexp(x, 0.0), "log(1 + exp(x)).")
floor = _unary(np.floor, "The integer below.")
ceil = _unary(np.ceil, "The integer above.")
round = _unary(np.round, "The nearest integer, halves to even.")
erf = _unary(special.erf, "The error function.")
erfc = _unary(special.erfc, "1 - erf(x).")
lgamma = _unary(special.gammaln, "The logarithm of the gamma function.")
digamma = _unary(special.psi, "The derivative of lgamma.")
real = _unary(np.real, "The real part.")
imag = _unary(np.imag, "The imaginary part.")
conj = _unary(np.conj, "The complex conjugate.")
is_nan = _unary(np.isnan, "Whether x is nan.")
is_inf = _unary(np.isinf, "Whether x is infinite.")
is_finite = _unary(np.isfinite, "Whether x is neither infinite nor nan.")
logical_not = _unary(np.logical_not, "Not x.")

add = _binary(np.add, "x + y.")
subtract = _binary(np.subtract, "x - y.")
multiply = _binary(np.multiply, "x * y.")
divide = truediv = _binary(np.divide, "x / y.")
floordiv = _binary(np.floor_divide, "x // y.")
mod = floormod = _binary(np.mod, "x % y.")
pow = _binary(np.power, "x ** y.")
maximum = _binary(np.maximum, "The larger one.")
minimum = _binary(np.minimum, "The smaller one.")
atan2 = _binary(np.arctan2, "The angle of the point (y, x).")
xlogy = _binary(special.xlogy, "x * log(y), 0 where x is 0.")
squared_difference = _binary(lambda x, y: np.square(x - y), "(x - y) ** 2.")
equal = _binary(np.equal, "x == y.")
not_equal = _binary(np.not_equal, "x != y.")
less = _binary(np.less, "x < y.")
less_equal = _binary(np.less_equal, "x <= y.")
greater = _binary(np.greater, "x > y.")
greater_equal = _binary(np.greater_equal, "x >= y.")
logical_and = _binary(np.logical_and, "x and y.")
logical_or = _binary(np.logical_or, "x or y.")
logical_xor = _binary(np.logical_xor, "Either x or y.")


def divide_no_nan(x: Any, y: Any, name: Any = None) -> Any:
    """x / y, and 0 where y is 0."""
    x, y = pair(x, y)
    return np.where(np.equal(y, 0), 0.0, x / np.where(np.equal(y, 0), 1.0, y))


def multiply_no_nan(x: Any, y: Any, name: Any = None) -> Any:
    """x * y, and 0 where y is 0."""
    x, y = pair(x, y)
    return np.where(np.equal(y, 0), 0.0, x * y)


# --- reductions -------------------------------------------------------------------

reduce_sum = _reduction(np.sum, "The sum of the elements.")
reduce_mean = _reduction(np.mean, "The mean of the elements.")
reduce_prod = _reduction(np.prod, "The product of the elements.")
reduce_max = _reduction(np.max, "The largest element.")
reduce_min = _reduction(np.min, "The smallest element.")
reduce_any = _reduction(np.any, "Whether any element is true.")
reduce_all = _reduction(np.all, "Whether all elements are true.")
reduce_std = _reduction(np.std, "The standard deviation.")
reduce_variance = _reduction(np.var, "The variance.")
reduce_logsumexp = _reduction(logsumexp, "log(sum(exp(x))).")


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Any:
    """The square root of the sum of squares."""
    from tapec.tf.linalg import norm

    return norm(input_tensor, axis=axis, keepdims=keepdims)


def argmax(
    input: Any, axis: Any = None, output_type: Any = np.int64, name: Any = None
) -> Any:
    """The index of the largest element along `axis` (default 0)."""
    x = convert_to_tensor(input)
    return np.argmax(x, axis=0 if axis is None else axis).astype(output_type)


def argmin(
    input: Any, axis: Any = None, output_type: Any = np.int64, name: Any = None
) -> Any:
    """The index of the smallest element along `axis` (default 0)."""
    x = convert_to_tensor(input)
    return np.argmin(x, axis=0 if axis is None else axis).astype(output_type)


def add_n(inputs: Any, name: Any = None) -> Any:
    """The sum of several tensors."""
    total, *rest = [convert_to_tensor(x) for x in inputs]
    for x in rest:
        total = total + x
    return total


def _scan(f: Any, doc: str) -> Callable[..., Any]:
    def op(
        x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False,
        name: Any = None,
    ) -> Any:  # fmt: skip
        x = convert_to_tensor(x)
        first = 0 if f is np.cumsum else 1
        x = np.flip(x, axis) if reverse else x
        out = f(x, axis=axis, dtype=x.dtype)
        if exclusive:
            n = out.shape[axis]
            edge = np.full_like(np.take(out, np.arange(min(n, 1)), axis=axis), first)
            kept = np.take(out, np.arange(max(n - 1, 0)), axis=axis)
            out = np.concatenate([edge, kept], axis=axis)
        return np.flip(out, axis) if reverse else out

    op.__doc__ = doc
    return op


cumsum = _scan(np.cumsum, "Sums of the elements so far along `axis`.")
cumprod = _scan(np.cumprod, "Products of the elements so far along `axis`.")
