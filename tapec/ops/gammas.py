"""The gamma function and its relatives, most of them on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.ops.later import sp
from tapec.ops.special import no_formula, special_function
from tapec.primitive import HOST, Sample, draw_array, primitive
from tapec.promotion import resolve_ufunc

__all__ = [
    "beta",
    "betainc",
    "betaincc",
    "betaincinv",
    "betaln",
    "binom",
    "digamma",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaincinv",
    "gammaln",
    "gammasgn",
    "loggamma",
    "poch",
    "polygamma",
    "rgamma",
]

ABOVE = (0.5, 3.0)
UNIT = (0.1, 0.9)
PAIR = (ABOVE, ABOVE)


# --- gamma --------------------------------------------------------------------


def _gamma_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(out * digamma(x))


def _rgamma_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * conj(out * digamma(x)))


def _gammaln_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * conj(digamma(x))


def _digamma_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * polygamma(x, n=1)


gamma = special_function(
    sp.gamma, "The gamma function.", _gamma_d, domain=(ABOVE,), dtypes="df"
)
rgamma = special_function(
    sp.rgamma, "1 / gamma(x).", _rgamma_d, domain=(ABOVE,), dtypes="df"
)
gammaln = special_function(
    sp.gammaln, "log |gamma(x)|.", _gammaln_d, domain=(ABOVE,), lower="gammaln"
)
loggamma = special_function(
    sp.loggamma, "The principal branch of log(gamma(x)).", _gammaln_d, domain=(ABOVE,)
)
digamma = special_function(
    sp.psi,
    "The derivative of log(gamma(x)).",
    _digamma_d,
    domain=(ABOVE,),
    lower="digamma",
)
gammasgn = special_function(
    sp.gammasgn, "The sign of the gamma function.", None, domain=(ABOVE,)
)


# --- polygamma ----------------------------------------------------------------


def _polygamma(x: Any, *, n: int) -> Any:
    return np.asarray(sp.polygamma(n, x)).astype(np.asarray(x).dtype)


def _polygamma_d(ct: Any, out: Any, x: Any, *, n: int) -> Any:
    return ct * polygamma(x, n=n + 1)


def _polygamma_type(x: ArrayType, *, n: int) -> ArrayType:
    if x.dtype.kind != "f" or n < 0:
        raise DTypeError(f"polygamma is for real numbers and n >= 0, not {x!r}, {n}")
    return x


def _polygamma_promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    return resolve_ufunc(sp.psi, dtypes)[:1]


def _polygamma_samples(rng: np.random.Generator) -> list[Sample]:
    cases: tuple[tuple[tuple[int, ...], int], ...]
    cases = (((2, 3), 1), ((), 2), ((0, 3), 1), ((4,), 0))
    return [Sample((draw_array(rng, ABOVE, s),), {"n": n}) for s, n in cases]


polygamma = primitive(
    name="polygamma",
    doc="The derivative of digamma of order n.",
    reference=_polygamma,
    type_rule=_polygamma_type,
    vjp=(_polygamma_d,),
    lower=HOST,
    samples=_polygamma_samples,
    batch=aligned,
    promote=_polygamma_promote,
    liveness="keep",
)


# --- beta and binomials -------------------------------------------------------


def _beta_da(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return ct * (out * (digamma(a) - digamma(a + b)))


def _beta_db(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return ct * (out * (digamma(b) - digamma(a + b)))


def _betaln_da(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return ct * (digamma(a) - digamma(a + b))


def _betaln_db(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return ct * (digamma(b) - digamma(a + b))


def _binom_dn(ct: Any, out: Any, n: Any, k: Any) -> Any:
    return ct * (out * (digamma(n + 1) - digamma(n - k + 1)))


def _binom_dk(ct: Any, out: Any, n: Any, k: Any) -> Any:
    return ct * (out * (digamma(n - k + 1) - digamma(k + 1)))


def _poch_dz(ct: Any, out: Any, z: Any, m: Any) -> Any:
    return ct * (out * (digamma(z + m) - digamma(z)))


def _poch_dm(ct: Any, out: Any, z: Any, m: Any) -> Any:
    return ct * (out * digamma(z + m))


beta = special_function(
    sp.beta, "gamma(a) gamma(b) / gamma(a + b).", _beta_da, _beta_db, domain=PAIR
)
betaln = special_function(
    sp.betaln, "log |beta(a, b)|.", _betaln_da, _betaln_db, domain=PAIR
)
binom = special_function(
    sp.binom, "The binomial coefficient.", _binom_dn, _binom_dk,
    domain=((3.1, 5.9), (0.6, 2.4)),
)  # fmt: skip
poch = special_function(
    sp.poch, "gamma(z + m) / gamma(z).", _poch_dz, _poch_dm, domain=PAIR
)


# --- incomplete gamma and beta ------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    return np.exp((a - 1) * np.log(x) - x - gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b))


def _gammainc_dx(ct: Any, out: Any, a: Any, x: Any) -> Any:
    return ct * _gamma_density(a, x)


def _gammaincc_dx(ct: Any, out: Any, a: Any, x: Any) -> Any:
    return -(ct * _gamma_density(a, x))


def _gammaincinv_dy(ct: Any, out: Any, a: Any, y: Any) -> Any:
    return ct / _gamma_density(a, out)


def _betainc_dx(ct: Any, out: Any, a: Any, b: Any, x: Any) -> Any:
    return ct * _beta_density(a, b, x)


def _betaincc_dx(ct: Any, out: Any, a: Any, b: Any, x: Any) -> Any:
    return -(ct * _beta_density(a, b, x))


def _betaincinv_dy(ct: Any, out: Any, a: Any, b: Any, y: Any) -> Any:
    return ct / _beta_density(a, b, out)


gammainc = special_function(
    sp.gammainc, "The regularized lower incomplete gamma function.",
    no_formula("gammainc", "a"), _gammainc_dx, domain=PAIR,
)  # fmt: skip
gammaincc = special_function(
    sp.gammaincc, "1 - gammainc(a, x).", no_formula("gammaincc", "a"), _gammaincc_dx,
    domain=PAIR,
)  # fmt: skip
gammaincinv = special_function(
    sp.gammaincinv, "The x for which gammainc(a, x) is y.",
    no_formula("gammaincinv", "a"), _gammaincinv_dy, domain=(ABOVE, UNIT),
)  # fmt: skip
betainc = special_function(
    sp.betainc, "The regularized incomplete beta function.",
    no_formula("betainc", "a"), no_formula("betainc", "b"), _betainc_dx,
    domain=(ABOVE, ABOVE, UNIT),
)  # fmt: skip
betaincc = special_function(
    sp.betaincc, "1 - betainc(a, b, x).",
    no_formula("betaincc", "a"), no_formula("betaincc", "b"), _betaincc_dx,
    domain=(ABOVE, ABOVE, UNIT),
)  # fmt: skip
betaincinv = special_function(
    sp.betaincinv, "The x for which betainc(a, b, x) is y.",
    no_formula("betaincinv", "a"), no_formula("betaincinv", "b"), _betaincinv_dy,
    domain=(ABOVE, ABOVE, UNIT),
)  # fmt: skip
