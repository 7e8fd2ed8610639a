"""Functions of scipy.special around the error function and the logistic.

Entropy, and the families of the gamma and Bessel functions, have files of their own.
What has no native form runs SciPy's ufunc on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.errors import UnsupportedError
from tapec.ops.complex import conj
from tapec.ops.later import sp
from tapec.primitive import Primitive, elementwise

__all__ = [
    "dawsn",
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
    "log_expit",
    "log_ndtr",
    "logit",
    "ndtr",
    "special_function",
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
