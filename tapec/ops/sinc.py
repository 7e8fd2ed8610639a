"""sin(pi x) / (pi x) and its derivatives, exact at 0.

`order` says which derivative. With y = pi x and S(y) = sin(y) / y, differentiating
y S = sin(y) n times gives y S[n] + n S[n - 1] = sin(y + n pi / 2), which is stable for
large y; near 0 the power series is used.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.primitive import Sample, Scalar, draw_array, primitive
from tapec.promotion import resolve_ufunc

__all__ = ["sinc"]

TERMS = 14


def _near(order: int) -> float:
    """Up to this |y| the series is used: below it the recurrence cancels digits."""
    return 1.0 + order


def _coefficients(order: int) -> list[float]:
    """Of the series of S[order] in y * y, lowest first; an odd one has a factor y."""
    first = (order + 1) // 2
    return [
        (-1) ** m * factorial(2 * m) / (factorial(2 * m - order) * factorial(2 * m + 1))
        for m in range(first, first + TERMS + order)
    ]


def _series(y: Any, order: int) -> Any:
    square = y * y
    coefficients = _coefficients(order)
    total = square * 0 + coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = total * square + c
    return total * y if order % 2 else total


def _recurrence(y: Any, sine: Any, cosine: Any, order: int) -> Any:
    turns = (sine, cosine, -sine, -cosine)
    value = sine / y
    for n in range(1, order + 1):
        value = (turns[n % 4] - value * n) / y
    return value


def _sinc(x: Any, *, order: int) -> Any:
    if order == 0:
        return np.sinc(x)
    y = x * np.pi
    near = np.abs(y) < _near(order)
    far = np.where(near, _near(order), y)
    outside = _recurrence(far, np.sin(far), np.cos(far), order)
    inside = _series(np.where(near, y, 0), order)
    return np.where(near, inside, outside).astype(x.dtype) * np.pi**order


def _sinc_d(ct: Any, out: Any, x: Any, *, order: int) -> Any:
    return ct * conj(sinc(x, order=order + 1))


def _sinc_type(x: ArrayType, *, order: int) -> ArrayType:
    if x.dtype.kind not in "fc":
        raise DTypeError(f"sinc: integers are cast first, got {x!r}")
    return x


def _sinc_promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    return resolve_ufunc(np.sin, dtypes)[:1]


def _sinc_lower(b: Any, x: Any, *, order: int) -> Any:
    if x.dtype.kind == "c":
        return NotImplemented
    y = x * float(np.pi)
    near = abs(y) < _near(order)
    far = b.where(near, b.const(_near(order), like=y), y)
    outside = _recurrence(far, b.math("sin", far), b.math("cos", far), order)
    inside = _series(b.where(near, y, b.const(0, like=y)), order)
    return b.where(near, inside, outside) * float(np.pi**order)


def _sinc_samples(rng: np.random.Generator) -> list[Sample]:
    cases = [((3, 4), 0), ((), 1), ((0, 3), 0), ((9,), 1), ((9,), 2), ((9,), 3)]
    drawn = [Sample((draw_array(rng, (-3.0, 3.0), s),), {"order": n}) for s, n in cases]
    single = draw_array(rng, (-1.0, 1.0), (3,), "f")
    small = np.array([0.0, 1e-9, 1e-3, -0.1])
    return [
        *drawn,
        Sample((single,), {"order": 0}),
        *(Sample((small,), {"order": n}) for n in range(3)),
    ]


sinc = primitive(
    name="sinc",
    doc="The derivative of the given order of sin(pi x) / (pi x).",
    reference=_sinc,
    type_rule=_sinc_type,
    vjp=(_sinc_d,),
    lower=Scalar(_sinc_lower),
    samples=_sinc_samples,
    batch=aligned,
    promote=_sinc_promote,
    liveness="keep",
)
