"""Functions of scipy.special for entropies, and losses that outliers do not rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ops.complex import conj
from tapec.ops.later import sp
from tapec.ops.powers import broadcast_like
from tapec.ops.select import where
from tapec.ops.special import ABOVE, ANY, special_function
from tapec.primitive import Masked

__all__ = [
    "entr",
    "huber",
    "kl_div",
    "pseudo_huber",
    "rel_entr",
    "xlog1py",
    "xlogy",
]


# --- entropy ------------------------------------------------------------------


def _xlogy_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(np.log(y))


def _xlogy_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(x / _unless_zero(x, y))


def _xlog1py_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(np.log1p(y))


def _xlog1py_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * conj(x / _unless_zero(x, 1.0 + y))


def _unless_zero(x: Any, y: Any) -> Any:
    """`y`, but 1 where both are 0, so that x / y is 0 there."""
    return where((x == 0) & (y == 0), 1, y)


def _entr_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * (np.log(x) + 1.0))


def _rel_entr_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * (np.log(x / y) + 1.0)


def _rel_entr_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return -(ct * (x / _unless_zero(x, y)))


def _kl_div_dx(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * np.log(x / y)


def _kl_div_dy(ct: Any, out: Any, x: Any, y: Any) -> Any:
    return ct * (1.0 - x / _unless_zero(x, y))


def _xlogy_lower(b: Any, x: Any, y: Any) -> Any:
    return _zero_at_zero(b, x, y, b.math("log", y))


def _xlog1py_lower(b: Any, x: Any, y: Any) -> Any:
    return _zero_at_zero(b, x, y, b.math("log1p", y))


def _zero_at_zero(b: Any, x: Any, y: Any, log: Any) -> Any:
    """x * log; 0 where x is, unless y is nan."""
    return b.where((x == 0.0) & ~b.isnan(y), b.const(0.0, like=x), x * log)


def _entr_lower(b: Any, x: Any) -> Any:
    inside = _zero_at_zero(b, x, x, -b.math("log", x))
    return b.where(x < 0.0, b.const(-np.inf, like=x), inside)


PAIR = (ABOVE, ABOVE)

xlogy = special_function(
    sp.xlogy, "x * log(y), 0 at x = 0.", _xlogy_dx, _xlogy_dy, domain=PAIR,
    dtypes="dfD", lower=_xlogy_lower,
)  # fmt: skip
xlog1py = special_function(
    sp.xlog1py, "x * log(1 + y), 0 at x = 0.", _xlog1py_dx, _xlog1py_dy, domain=PAIR,
    dtypes="dfD", lower=_xlog1py_lower,
)  # fmt: skip
entr = special_function(
    sp.entr, "-x * log(x), 0 at 0.", _entr_d, domain=(ABOVE,), lower=_entr_lower
)
rel_entr = special_function(
    sp.rel_entr, "x * log(x / y).", _rel_entr_dx, _rel_entr_dy, domain=PAIR
)
kl_div = special_function(
    sp.kl_div, "x * log(x / y) - x + y.", _kl_div_dx, _kl_div_dy, domain=PAIR
)


# --- robust losses ------------------------------------------------------------


def _huber_ddelta(ct: Any, out: Any, delta: Any, r: Any) -> Masked:
    live = np.abs(r) > delta
    slope = where(live, ct * (np.abs(r) - delta), 0)
    return Masked(slope, broadcast_like(live, out))


def _huber_dr(ct: Any, out: Any, delta: Any, r: Any) -> Any:
    return ct * np.minimum(np.maximum(r, -delta), delta)


def _pseudo_huber_ddelta(ct: Any, out: Any, delta: Any, r: Any) -> Any:
    root = np.sqrt(1.0 + (r / delta) ** 2)
    return ct * (2.0 * delta * (root - 1.0) - r * r / (delta * root))


def _pseudo_huber_dr(ct: Any, out: Any, delta: Any, r: Any) -> Any:
    return ct * (r / np.sqrt(1.0 + (r / delta) ** 2))


huber = special_function(
    sp.huber, "Huber's loss of the residual r, linear beyond delta.", _huber_ddelta,
    _huber_dr, domain=(ABOVE, ANY),
)  # fmt: skip
pseudo_huber = special_function(
    sp.pseudo_huber, "A smooth form of Huber's loss.", _pseudo_huber_ddelta,
    _pseudo_huber_dr, domain=(ABOVE, ANY),
)  # fmt: skip
