"""Determinants and their derivatives, right at singular matrices too.

The gradient of `det` is the matrix of cofactors, which needs no inverse; theirs are
smaller minors, and so on. One primitive, `minors(a, e1, ..., ek)`, is all of them: the
gradient of the k-th directional derivative of `det` at `a`. It is symmetric and linear
in the directions, so its own derivatives are again `minors`.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tapec.batching import aligned, together
from tapec.errors import ShapeError
from tapec.ir import ArrayType, TupleType
from tapec.ops.complex import conj
from tapec.ops.linalg import inv, promote_lapack, regular, square_matrix
from tapec.ops.matmul import adjoint
from tapec.ops.shape import reshape
from tapec.primitive import HOST, Sample, primitive

__all__ = ["det", "minors", "slogdet"]

Array = np.ndarray[Any, Any]


def _as_matrices(x: Any) -> Any:
    """Two axes of length 1 behind the others, to scale a matrix each."""
    return reshape(x, shape=(*x.shape, 1, 1))


# --- minors -------------------------------------------------------------------


def _minors_type(*types: ArrayType) -> ArrayType:
    square_matrix("minors", types[0])
    if any(t != types[0] for t in types):
        listed = ", ".join(map(repr, types))
        raise ShapeError(f"minors: operands of different type: {listed}")
    return types[0]


def _minors_vjp(ct: Any, out: Any, a: Any, *directions: Any) -> list[Any]:
    turned = conj(ct)
    others = [
        conj(minors(a, *directions[:i], *directions[i + 1 :], turned))
        for i in range(len(directions))
    ]
    return [conj(minors(a, *directions, turned)), *others]


def _minors(a: Array, *directions: Array) -> Array:
    out = np.zeros_like(a)
    if a.shape[-1] <= len(directions):
        return out
    rule = _by_recursion
    if len(directions) < 2:
        rule = _by_singular_values
    for i in np.ndindex(a.shape[:-2]):
        if a.size:
            out[i] = rule(a[i], *[e[i] for e in directions])
    return out


def _by_singular_values(a: Array, *directions: Array) -> Array:
    """In the basis of singular vectors `a` is diagonal, and minors are products."""
    if not np.isfinite(a).all():  # LAPACK may never come to an end
        return np.full_like(a, np.nan)
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    u, vh = u.conj(), vh.conj()
    n = len(s)
    if not directions:
        rest = np.array([np.prod(np.delete(s, i)) for i in range(n)])
        return np.asarray(sign * (u * rest) @ vh)
    (e,) = directions
    m = u.T @ e @ vh.T
    rest = np.zeros((n, n), s.dtype)
    for i, j in itertools.permutations(range(n), 2):
        rest[i, j] = np.prod(np.delete(s, [i, j]))
    inner = -rest * m.T
    np.fill_diagonal(inner, rest @ np.diag(m))
    return np.asarray(sign * u @ inner @ vh)


def _by_recursion(a: Array, *directions: Array) -> Array:
    """Faddeev and LeVerrier's recursion on `a + t1 e1 + ... + tk ek`, with ti² = 0.

    A polynomial in the ti is a dictionary from sets of indices to coefficients; the
    one of t1 ... tk is the result.
    """
    n, k = len(a), len(directions)
    empty: frozenset[int] = frozenset()
    x = {empty: a} | {frozenset([i]): e for i, e in enumerate(directions)}
    eye = np.eye(n, dtype=a.dtype)
    adjugate = {empty: eye}
    for step in range(1, n):
        product: dict[frozenset[int], Array] = {}
        for (s, left), (t, right) in itertools.product(x.items(), adjugate.items()):
            if not s & t:
                product[s | t] = product.get(s | t, 0) + left @ right
        adjugate = {s: p - eye * (np.trace(p) / step) for s, p in product.items()}
    found = adjugate.get(frozenset(range(k)), np.zeros_like(a))
    return np.asarray(found.T * (-1) ** (n - 1))


def _minors_samples(rng: np.random.Generator) -> list[Sample]:
    a, e = rng.uniform(-1.0, 1.0, (2, 3, 3)), rng.uniform(-1.0, 1.0, (2, 3, 3))
    flat = np.ones((3, 3))
    return [Sample((a,)), Sample((a, e)), Sample((flat,)), Sample((flat, e[0]))]


minors = primitive(
    name="minors",
    doc="The cofactors of `a`; with directions, their derivative along all of them.",
    reference=_minors,
    type_rule=_minors_type,
    vjp=_minors_vjp,
    lower=HOST,
    samples=_minors_samples,
    batch=together,
    promote=promote_lapack,
)


# --- det ----------------------------------------------------------------------


def _det_type(a: ArrayType) -> ArrayType:
    square_matrix("det", a)
    return ArrayType(a.dtype, a.shape[:-2])


def _det_vjp(ct: Any, out: Any, a: Any) -> Any:
    return _as_matrices(ct) * conj(minors(a))


def _det_samples(rng: np.random.Generator) -> list[Sample]:
    a = rng.uniform(-1.0, 1.0, (2, 3, 3))
    singular = np.arange(9.0).reshape(3, 3)
    return [Sample((a,)), Sample((singular,)), Sample((np.zeros((2, 2)),))]


det = primitive(
    name="det",
    doc="The determinant of each matrix.",
    reference=np.linalg.det,
    type_rule=_det_type,
    vjp=(_det_vjp,),
    lower=HOST,
    samples=_det_samples,
    batch=aligned,
    promote=promote_lapack,
)


# --- slogdet ------------------------------------------------------------------


def _slogdet_type(a: ArrayType) -> TupleType:
    square_matrix("slogdet", a)
    real = np.dtype(a.dtype.char.lower())
    batch = a.shape[:-2]
    return TupleType((ArrayType(a.dtype, batch), ArrayType(real, batch)))


def _slogdet_vjp(ct: Any, out: Any, a: Any) -> Any:
    ct_sign, ct_log = ct
    scale = ct_log
    if a.dtype.kind == "c":  # sign = exp(iφ) turns with the imaginary part
        scale = ct_log + 1j * np.imag(np.conjugate(out[0]) * ct_sign)
    return _as_matrices(scale) * adjoint(inv(a))


def _slogdet_samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((regular(rng, 3, 3),)), Sample((-regular(rng, 2, 3, 3),))]


def _slogdet(a: Any) -> tuple[Any, Any]:
    sign, log = np.linalg.slogdet(a)
    return sign, log


slogdet = primitive(
    name="slogdet",
    doc="Sign and logarithm of the absolute value of each determinant.",
    reference=_slogdet,
    type_rule=_slogdet_type,
    vjp=(_slogdet_vjp,),
    lower=HOST,
    samples=_slogdet_samples,
    batch=aligned,
    promote=promote_lapack,
)
