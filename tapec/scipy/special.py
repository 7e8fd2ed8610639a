"""`scipy.special` on tensors: `from tapec.scipy import special`.

Every ufunc that has a primitive is found here too, so that this module can take the
place of SciPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from tapec.numpy.reductions import sorted_axes
from tapec.ops import bessel, gammas
from tapec.ops.cast import cast, stop_gradient
from tapec.ops.select import where
from tapec.ops.shape import reshape
from tapec.tensor import as_tensor, implements, ufunc_primitive

__all__ = [
    "boxcox",
    "boxcox1p",
    "cbrt",
    "exp2",
    "expm1",
    "inv_boxcox",
    "inv_boxcox1p",
    "jn",
    "kn",
    "log1p",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "psi",
    "softmax",
    "yn",
]

psi = gammas.digamma
jn = bessel.jv


def __getattr__(name: str) -> Any:
    found = ufunc_primitive(getattr(sp, name, None))
    if found is None:
        raise AttributeError(f"module 'tapec.scipy.special' has no attribute {name!r}")
    globals()[name] = found
    return found


# --- SciPy's copies of NumPy's ufuncs -----------------------------------------


@implements(sp.exp2)
def exp2(x: Any) -> Any:
    """2 ** x: NumPy's, which SciPy has under this name too."""
    return np.exp2(as_tensor(x))


@implements(sp.expm1)
def expm1(x: Any) -> Any:
    """exp(x) - 1, exact for small x."""
    return np.expm1(as_tensor(x))


@implements(sp.log1p)
def log1p(x: Any) -> Any:
    """log(1 + x), exact for small x."""
    return np.log1p(as_tensor(x))


@implements(sp.cbrt)
def cbrt(x: Any) -> Any:
    """The real cube root."""
    return np.cbrt(as_tensor(x))


# --- sums of exponentials -----------------------------------------------------


def _floating(a: Any) -> Any:
    x = as_tensor(a)
    return cast(x, dtype=np.dtype(np.float64)) if x.dtype.kind in "biu" else x


def _top(x: Any, axis: Any) -> Any:
    """The maximum, axes kept, as a constant; 0 where there is no finite one."""
    if 0 in [x.shape[a] for a in sorted_axes(axis, x.ndim)]:
        return np.zeros_like(np.sum(x, axis=axis, keepdims=True))
    top = stop_gradient(np.max(np.real(x), axis=axis, keepdims=True))
    return where(np.isfinite(top), top, 0)


@implements(sp.logsumexp)
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
    return_sign: bool = False,
) -> Any:  # fmt: skip
    """log(sum(b * exp(a))) without overflow; -inf for a sum of nothing, never nan."""
    x = _floating(a)
    if b is not None:
        weights = _floating(b)
        x = where(np.equal(weights, 0), -np.inf, x)
    top = _top(x, axis)
    terms = np.exp(x - top)
    total = np.sum(terms if b is None else weights * terms, axis=axis, keepdims=True)
    sign = np.sign(total)
    if return_sign:
        total = np.abs(total)
    empty = np.equal(total, 0)
    out = where(empty, -np.inf, np.log(where(empty, 1, total)) + top)
    if not keepdims:
        axes = sorted_axes(axis, x.ndim)
        shape = tuple(d for i, d in enumerate(x.shape) if i not in axes)
        out, sign = reshape(out, shape=shape), reshape(sign, shape=shape)
    return (out, sign) if return_sign else out


@implements(sp.softmax)
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) divided by its sum."""
    t = _floating(x)
    terms = np.exp(t - _top(t, axis))
    return terms / np.sum(terms, axis=axis, keepdims=True)


@implements(sp.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of softmax."""
    t = _floating(x)
    moved = t - _top(t, axis)
    return moved - np.log(np.sum(np.exp(moved), axis=axis, keepdims=True))


# --- gamma and Bessel functions -----------------------------------------------


@implements(sp.polygamma)
def polygamma(n: Any, x: Any) -> Any:
    """The derivative of digamma of the non-negative integer order n."""
    return gammas.polygamma(x, n=int(n))


@implements(sp.multigammaln)
def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function."""
    x, d = _floating(a), int(d)
    total = d * (d - 1) * 0.25 * float(np.log(np.pi))
    for j in range(d):
        total = total + gammas.gammaln(x - 0.5 * j)
    return total


@implements(sp.kn)
def kn(n: Any, x: Any) -> Any:
    """`kv` for integer order."""
    return bessel.kv(_floating(n), x)


@implements(sp.yn)
def yn(n: Any, x: Any) -> Any:
    """`yv` for integer order."""
    return bessel.yv(_floating(n), x)


# --- power transformations ----------------------------------------------------


@implements(sp.boxcox)
def boxcox(x: Any, lmbda: Any) -> Any:
    """(x ** lmbda - 1) / lmbda, log(x) at 0."""
    return _box(np.log(as_tensor(x)), lmbda)


@implements(sp.boxcox1p)
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """`boxcox` of 1 + x."""
    return _box(np.log1p(as_tensor(x)), lmbda)


def _box(log: Any, lmbda: Any) -> Any:
    power = as_tensor(lmbda)
    none = np.equal(power, 0)
    safe = where(none, 1, power)
    limit = log + power * (log * log / 2)  # right to first order in lmbda
    return where(none, limit, np.expm1(safe * log) / safe)


@implements(sp.inv_boxcox)
def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """The x for which boxcox(x, lmbda) is y."""
    return np.exp(_unbox(y, lmbda))


@implements(sp.inv_boxcox1p)
def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """The x for which boxcox1p(x, lmbda) is y."""
    return np.expm1(_unbox(y, lmbda))


def _unbox(y: Any, lmbda: Any) -> Any:
    value, power = as_tensor(y), as_tensor(lmbda)
    none = np.equal(power, 0)
    safe = where(none, 1, power)
    limit = value - power * (value * value / 2)
    return where(none, limit, np.log1p(safe * value) / safe)
