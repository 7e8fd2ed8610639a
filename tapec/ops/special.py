"""Functions of scipy.special around the error function, the logistic and entropy.

The families of the gamma and Bessel functions have files of their own. What has no
native form runs SciPy's ufunc on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.errors import UnsupportedError
from tapec.ops.complex import conj
from tapec.ops.later import sp
from tapec.ops.powers import broadcast_like
from tapec.ops.select import where
from tapec.primitive import Masked, Primitive, elementwise

__all__ = [
    "dawsn",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfi",
    "erfinv",
    "exp1",
    "exp10",
    "expi",
    "expit",
    "huber",
    "kl_div",
    "log_expit",
    "log_ndtr",
    "logit",
    "ndtr",
    "pseudo_huber",
    "rel_entr",
    "special_function",
    "xlog1py",
    "xlogy",
]

ANY = (-3.0, 3.0)
ABOVE = (0.5, 3.0)
UNIT = (0.1, 0.9)
HALF_ROOT_2 = 0.7071067811865476
ROOT_PI = float(np.sqrt(np.pi))
ROOT_2PI = float(np.sqrt(2.0 * np.pi))
LOG10 = float(np.log(10.0))


def special_function(
    ufunc: np.ufunc,
    doc: str,
    *derivatives: Callable[..., Any] | None,
    domain: tuple[tuple[float, float], ...] = (ANY,),
    dtypes: str = "df",
    lower: Callable[..., Any] | str | None = None,
) -> Primitive:
    """A primitive with the ufunc's name; one derivative (or None) per operand.

    lower: how it becomes native code, or the function of `native.math` that it is.
    """
    emit = (lambda b, *xs: b.math(lower, *xs)) if isinstance(lower, str) else lower
    return elementwise(
        name=ufunc.__name__,
        doc=doc,
        reference=ufunc,
        vjp=derivatives,
        lower=emit,
        domain=domain,
        dtypes=dtypes,
    )


def no_formula(function: str, operand: str) -> Callable[..., Any]:
    """The rule of an operand whose derivative is not zero, and not known either."""

    def refuse(ct: Any, out: Any, *args: Any) -> Any:
        raise UnsupportedError(
            f"{function} has no derivative with respect to {operand}: there is none in "
            f"closed form; tapec.stop_gradient({operand}) makes a constant of it"
        )

    refuse.unknown = operand  # type: ignore[attr-defined]
    return refuse


# --- error functions ----------------------------------------------------------


def _erf_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(2.0 / ROOT_PI * np.exp(-(x * x)))


def _erfc_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * conj(2.0 / ROOT_PI * np.exp(-(x * x))))


def _erfcx_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(2.0 * x * out - 2.0 / ROOT_PI)


def _erfi_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(2.0 / ROOT_PI * np.exp(x * x))


def _dawsn_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(1.0 - 2.0 * x * out)


def _erfinv_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (ROOT_PI / 2.0 * np.exp(out * out))


def _erfcinv_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * (ROOT_PI / 2.0 * np.exp(out * out)))


erf = special_function(sp.erf, "The error function.", _erf_d, dtypes="dfD", lower="erf")
erfc = special_function(
    sp.erfc, "1 - erf(x), exact for large x.", _erfc_d, dtypes="dfD", lower="erfc"
)
erfcx = special_function(sp.erfcx, "exp(x ** 2) * erfc(x).", _erfcx_d, dtypes="dfD")
erfi = special_function(
    sp.erfi, "The imaginary error function, -i erf(ix).", _erfi_d, dtypes="dfD"
)
dawsn = special_function(sp.dawsn, "Dawson's integral.", _dawsn_d, dtypes="dfD")
erfinv = special_function(
    sp.erfinv, "The number whose erf is x.", _erfinv_d, domain=((-0.9, 0.9),)
)
erfcinv = special_function(
    sp.erfcinv, "The number whose erfc is x.", _erfcinv_d, domain=((0.1, 1.9),)
)


# --- the normal distribution --------------------------------------------------


def _ndtr_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.exp(-0.5 * x * x) / ROOT_2PI)


def _log_ndtr_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.exp(-0.5 * x * x - out) / ROOT_2PI)


def _ndtr_lower(b: Any, x: Any) -> Any:
    return b.math("erfc", x * -HALF_ROOT_2) * 0.5


ndtr = special_function(
    sp.ndtr, "The standard normal distribution.", _ndtr_d, lower=_ndtr_lower
)
log_ndtr = special_function(sp.log_ndtr, "log(ndtr(x)) without underflow.", _log_ndtr_d)


# --- logistic -----------------------------------------------------------------


def _expit_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (out * expit(-x))


def _log_expit_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * expit(-x)


def _logit_d(ct: Any, out: Any, x: Any) -> Any:
    return ct / (x * (1.0 - x))


expit = special_function(
    sp.expit, "The logistic function 1 / (1 + exp(-x)).", _expit_d, lower="expit"
)


def _log_expit_lower(b: Any, x: Any) -> Any:
    small = b.math("exp", -b.intrinsic("fabs", x))
    return b.minimum(x, b.const(0.0, like=x)) - b.math("log1p", small)


def _logit_lower(b: Any, x: Any) -> Any:
    """Accurate around 1/2, where it is 0: there x - 1/2 is exact."""
    twice = (x - 0.5) * 2.0
    middle = b.math("log1p", twice) - b.math("log1p", -twice)
    near = b.intrinsic("fabs", twice) < 0.3
    return b.where(near, middle, b.math("log", x / (1.0 - x)))


log_expit = special_function(
    sp.log_expit, "log(expit(x)).", _log_expit_d, lower=_log_expit_lower
)
logit = special_function(
    sp.logit, "log(x / (1 - x)).", _logit_d, domain=(UNIT,), lower=_logit_lower
)


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


# --- exponential integrals ----------------------------------------------------


def _expi_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(np.exp(x) / x)


def _exp1_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * conj(np.exp(-x) / x))


def _exp10_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (out * LOG10)


expi = special_function(
    sp.expi, "The exponential integral Ei.", _expi_d, domain=(ABOVE,)
)
exp1 = special_function(
    sp.exp1, "The exponential integral E1.", _exp1_d, domain=(ABOVE,)
)
exp10 = special_function(sp.exp10, "10 ** x.", _exp10_d)
