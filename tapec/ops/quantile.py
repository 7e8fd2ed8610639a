"""The quantile of the standard normal distribution, `ndtri`.

Rational approximations of M. J. Wichura, Algorithm AS 241, Applied Statistics 37
(1988), good to about 1 part in 10**16: of p - 1/2 in the middle, of sqrt(-log(tail))
outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.ops.later import sp
from tapec.primitive import elementwise

__all__ = ["ndtri"]

ROOT_2PI = float(np.sqrt(2.0 * np.pi))
F64 = np.dtype(np.float64)

# Numerators and denominators, ascending, as published.
MIDDLE = (
    (
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
        1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
        3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
        2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)  # fmt: skip
NEAR = (
    (
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
        3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
        6.89767334985100004550e-1, 1.48103976427480074590e-1,
        1.51986665636164571966e-2, 5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)  # fmt: skip
FAR = (
    (
        6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
        2.96560571828504891230e-1, 2.65321895265761230930e-2,
        1.24266094738807843860e-3, 2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
        1.48753612908506148525e-2, 7.86869131145613259100e-4,
        1.84631831751005468180e-5, 1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)  # fmt: skip


def _ndtri_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (ROOT_2PI * np.exp(0.5 * out * out))


def _emit(b: Any, p: Any) -> Any:
    x = b.cast(p, F64)
    q = x - 0.5
    middle = abs(q) <= 0.425
    tail = b.where(q < 0.0, x, 1.0 - x)
    r = b.intrinsic("sqrt", -b.math("log", b.where(middle, 0.5, tail)))
    inner, below = _ratio(b, MIDDLE, 0.180625 - q * q)
    near, far = _ratio(b, NEAR, r - 1.6), _ratio(b, FAR, r - 5.0)
    top, bottom = (b.where(r <= 5.0, s, t) for s, t in zip(near, far, strict=True))
    outer = b.where(r == np.inf, r, top / bottom)
    found = b.where(middle, q * (inner / below), b.where(q < 0.0, -outer, outer))
    return b.cast(found, p.dtype)


def _ratio(b: Any, terms: Any, x: Any) -> list[Any]:
    """Numerator and denominator at `x`."""
    found = []
    for ascending in terms:
        total = b.const(ascending[-1], like=x)
        for coefficient in reversed(ascending[:-1]):
            total = total * x + coefficient
        found.append(total)
    return found


ndtri = elementwise(
    name="ndtri",
    doc="The quantile of the standard normal.",
    reference=sp.ndtri,
    vjp=(_ndtri_d,),
    lower=_emit,
    domain=((0.1, 0.9),),
)
