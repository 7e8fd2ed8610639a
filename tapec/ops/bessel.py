"""Bessel functions, on the host; none has a derivative with respect to its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec.ops.complex import conj
from tapec.ops.later import sp
from tapec.ops.special import no_formula, special_function
from tapec.primitive import Primitive

__all__ = [
    "i0",
    "i0e",
    "i1",
    "i1e",
    "iv",
    "ive",
    "j0",
    "j1",
    "jv",
    "k0",
    "k0e",
    "k1",
    "k1e",
    "kv",
    "kve",
    "y0",
    "y1",
    "yv",
]

ABOVE = (0.5, 3.0)
ORDER = (0.6, 2.4)


def _of_order(ufunc: np.ufunc, doc: str, derivative: Callable[..., Any]) -> Primitive:
    """A function of a real order and of x."""
    order = no_formula(ufunc.__name__, "v")
    return special_function(ufunc, doc, order, derivative, domain=(ORDER, ABOVE))


def _fixed(ufunc: np.ufunc, doc: str, derivative: Callable[..., Any]) -> Primitive:
    """A function of order 0 or 1."""
    return special_function(ufunc, doc, derivative, domain=(ABOVE,))


def _neighbours(f: Primitive, v: Any, x: Any, sign: int) -> Any:
    """Half the sum (or difference) of the functions of order v - 1 and v + 1."""
    above = f(v + 1, x)
    return 0.5 * (f(v - 1, x) + above if sign > 0 else f(v - 1, x) - above)


# --- first and second kind ----------------------------------------------------


def _jv_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return ct * conj(_neighbours(jv, v, x, -1))


def _yv_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return ct * conj(_neighbours(yv, v, x, -1))


def _j0_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * j1(x))


def _j1_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (0.5 * (j0(x) - jv(2, x)))


def _y0_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * y1(x))


def _y1_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (0.5 * (y0(x) - yv(2, x)))


jv = _of_order(sp.jv, "The Bessel function of the first kind.", _jv_dx)
yv = _of_order(sp.yv, "The Bessel function of the second kind.", _yv_dx)
j0 = _fixed(sp.j0, "jv(0, x).", _j0_d)
j1 = _fixed(sp.j1, "jv(1, x).", _j1_d)
y0 = _fixed(sp.y0, "yv(0, x).", _y0_d)
y1 = _fixed(sp.y1, "yv(1, x).", _y1_d)


# --- modified, first kind -----------------------------------------------------


def _iv_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return ct * conj(_neighbours(iv, v, x, 1))


def _ive_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return ct * (_neighbours(ive, v, x, 1) - np.sign(x) * out)


def _i0_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * i1(x)


def _i1_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (0.5 * (i0(x) + iv(2, x)))


def _i0e_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (i1e(x) - np.sign(x) * out)


def _i1e_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (0.5 * (i0e(x) + ive(2, x)) - np.sign(x) * out)


iv = _of_order(sp.iv, "The modified Bessel function of the first kind.", _iv_dx)
ive = _of_order(sp.ive, "iv(v, x) * exp(-|x|), for real x.", _ive_dx)
i0 = _fixed(sp.i0, "iv(0, x).", _i0_d)
i1 = _fixed(sp.i1, "iv(1, x).", _i1_d)
i0e = _fixed(sp.i0e, "i0(x) * exp(-|x|).", _i0e_d)
i1e = _fixed(sp.i1e, "i1(x) * exp(-|x|).", _i1e_d)


# --- modified, second kind ----------------------------------------------------


def _kv_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return -(ct * conj(_neighbours(kv, v, x, 1)))


def _kve_dx(ct: Any, out: Any, v: Any, x: Any) -> Any:
    return ct * conj(out - _neighbours(kve, v, x, 1))


def _k0_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * k1(x))


def _k1_d(ct: Any, out: Any, x: Any) -> Any:
    return -(ct * (0.5 * (k0(x) + kv(2, x))))


def _k0e_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (out - k1e(x))


def _k1e_d(ct: Any, out: Any, x: Any) -> Any:
    return ct * (out - 0.5 * (k0e(x) + kve(2, x)))


kv = _of_order(sp.kv, "The modified Bessel function of the second kind.", _kv_dx)
kve = _of_order(sp.kve, "kv(v, x) * exp(x).", _kve_dx)
k0 = _fixed(sp.k0, "kv(0, x).", _k0_d)
k1 = _fixed(sp.k1, "kv(1, x).", _k1_d)
k0e = _fixed(sp.k0e, "k0(x) * exp(x).", _k0e_d)
k1e = _fixed(sp.k1e, "k1(x) * exp(x).", _k1e_d)
