"""Eigenvalues, singular values and orthogonal factors, in batches.

Eigenvectors of equal eigenvalues are not determined, so neither is their derivative;
what is (sums of eigenvalues, projections on the whole eigenspace) stays finite and
right, because differences that are zero count as infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import ShapeError
from tapec.ir import ArrayType, TupleType
from tapec.ops.complex import conj
from tapec.ops.linalg import (
    hermitian,
    lapack_matrix,
    promote_lapack,
    regular,
    solve,
    solve_triangular,
    square_matrix,
)
from tapec.ops.matmul import adjoint, matmul
from tapec.ops.select import tril, where
from tapec.ops.shape import reshape
from tapec.primitive import HOST, Sample, primitive

__all__ = ["eig", "eigh", "pinv", "qr", "svd"]


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype.char.lower())


def _row(x: Any) -> Any:
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def _column(x: Any) -> Any:
    return reshape(x, shape=(*x.shape, 1))


def _inverse(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    zero = np.equal(x, 0)
    return where(zero, 0, 1 / where(zero, 1, x))


def _diagonal(x: Any) -> Any:
    """Diagonal matrices of the last axis."""
    n = x.shape[-1]
    return where(np.eye(n, dtype=bool).tolist(), _row(x), 0) if n else _row(x)


# --- eigh ---------------------------------------------------------------------


def _eigh_type(a: ArrayType) -> TupleType:
    square_matrix("eigh", a)
    return TupleType((ArrayType(_real(a.dtype), a.shape[:-1]), a))


def _eigh(a: Any) -> tuple[Any, Any]:
    half = a.dtype.type(0.5)
    w, v = np.linalg.eigh((a + np.swapaxes(a, -1, -2).conj()) * half)
    return w, v


def _eigh_vjp(ct: Any, out: Any, a: Any) -> Any:
    ct_w, ct_v = ct
    w, v = out
    apart = _inverse(_row(w) - _column(w))
    inner = apart * matmul(adjoint(v), ct_v) + _diagonal(ct_w)
    return hermitian(matmul(matmul(v, inner), adjoint(v)))


def _eigh_samples(rng: np.random.Generator) -> list[Sample]:
    a = rng.uniform(-1.0, 1.0, (2, 3, 3)) + np.diag([1.0, 3.0, 6.0])
    return [Sample((a + np.swapaxes(a, -1, -2),))]


eigh = primitive(
    name="eigh",
    doc="Eigenvalues, rising, and eigenvectors of the Hermitian part of `a`.",
    reference=_eigh,
    type_rule=_eigh_type,
    vjp=(_eigh_vjp,),
    lower=HOST,
    samples=_eigh_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- eig ----------------------------------------------------------------------


def _eig_type(a: ArrayType) -> TupleType:
    square_matrix("eig", a)
    dtype = np.result_type(a.dtype, np.complex64)
    return TupleType((ArrayType(dtype, a.shape[:-1]), ArrayType(dtype, a.shape)))


def _eig(a: Any) -> tuple[Any, Any]:
    w, v = np.linalg.eig(a)
    dtype = np.result_type(a.dtype, np.complex64)
    return w.astype(dtype), v.astype(dtype)


def _eig_vjp(ct: Any, out: Any, a: Any) -> Any:
    """Eigenvectors have norm 1; Boeddeker et al., arXiv:1701.00392, 4.60 and 4.77."""
    ct_w, ct_v = ct
    w, v = out
    inner = matmul(adjoint(v), ct_v)
    norm = _diagonal(np.real(np.diagonal(inner, axis1=-2, axis2=-1)))
    inner = inner - matmul(matmul(adjoint(v), v), norm)
    inner = inner * conj(_inverse(_row(w) - _column(w))) + _diagonal(ct_w)
    found = matmul(solve(adjoint(v), inner), adjoint(v))
    return found if a.dtype.kind == "c" else np.real(found)


def _eig_samples(rng: np.random.Generator) -> list[Sample]:
    a = rng.uniform(-1.0, 1.0, (3, 3)) + np.diag([1.0, 3.0, 6.0])
    return [Sample((a,))]


eig = primitive(
    name="eig",
    doc="Complex eigenvalues and eigenvectors of norm 1 of each matrix.",
    reference=_eig,
    type_rule=_eig_type,
    vjp=(_eig_vjp,),
    lower=HOST,
    samples=_eig_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- svd ----------------------------------------------------------------------


def _svd_type(a: ArrayType) -> TupleType:
    lapack_matrix("svd", a)
    *batch, m, n = a.shape
    k = min(m, n)
    shapes = ((*batch, m, k), (*batch, k), (*batch, k, n))
    dtypes = (a.dtype, _real(a.dtype), a.dtype)
    return TupleType(tuple(map(ArrayType, dtypes, shapes)))


def _bounded(a: Any) -> Any:
    """`a` without infinities, on which LAPACK's SVD may never come to an end."""
    if np.isinf(a).any():
        raise np.linalg.LinAlgError("SVD did not converge")
    return a


def _svd(a: Any) -> tuple[Any, Any, Any]:
    u, s, vh = np.linalg.svd(_bounded(a), full_matrices=False)
    return u, s, vh


def _svd_vjp(ct: Any, out: Any, a: Any) -> Any:
    """Townsend, Differentiating the singular value decomposition (2016)."""
    ct_u, ct_s, ct_vh = ct
    u, s, vh = out
    v, ct_v = adjoint(vh), adjoint(ct_vh)
    f = _inverse((_row(s) - _column(s)) * (_row(s) + _column(s)))
    over_s = _inverse(s)
    in_u, in_v = matmul(adjoint(u), ct_u), matmul(adjoint(v), ct_v)
    skew_u = f * (in_u - adjoint(in_u)) * _row(s)
    skew_v = _column(s) * (f * (in_v - adjoint(in_v)))
    inner = skew_u + skew_v + _diagonal(ct_s)
    if a.dtype.kind == "c":  # the phase that columns of u and v share
        phase = np.imag(np.diagonal(in_u, axis1=-2, axis2=-1))
        inner = inner + _diagonal(over_s * phase) * 1j
    found = matmul(matmul(u, inner), vh)
    if a.shape[-2] > a.shape[-1]:
        beyond = ct_u - matmul(u, in_u)
        found = found + matmul(beyond * _row(over_s), vh)
    if a.shape[-1] > a.shape[-2]:
        beyond = ct_v - matmul(v, in_v)
        found = found + matmul(u, adjoint(beyond * _row(over_s)))
    return found


def _svd_samples(rng: np.random.Generator) -> list[Sample]:
    a = rng.uniform(-1.0, 1.0, (2, 3, 4)) + 3 * np.diag([1.0, 2.0, 3.0, 4.0])[:3]
    return [Sample((a,)), Sample((a[0].T,)), Sample((a[0, :, :3],))]


svd = primitive(
    name="svd",
    doc="`u`, `s`, `vh` with `a = (u * s) @ vh`; as many columns as singular values.",
    reference=_svd,
    type_rule=_svd_type,
    vjp=(_svd_vjp,),
    lower=HOST,
    samples=_svd_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- qr -----------------------------------------------------------------------


def _qr_type(a: ArrayType) -> TupleType:
    lapack_matrix("qr", a)
    if a.shape[-2] < a.shape[-1]:
        raise ShapeError(f"qr: the matrix has more columns than rows: {a!r}")
    *batch, _, n = a.shape
    return TupleType((a, ArrayType(a.dtype, (*batch, n, n))))


def _qr(a: Any) -> tuple[Any, Any]:
    q, r = np.linalg.qr(a)
    return q, r


def _qr_vjp(ct: Any, out: Any, a: Any) -> Any:
    """Walter, Lehmann and Lamour, arXiv:1009.6112, in the form of arXiv:2009.10071."""
    ct_q, ct_r = ct
    q, r = out
    m = matmul(r, adjoint(ct_r)) - matmul(adjoint(ct_q), q)
    below = tril(m, k=-1)
    real = np.real(np.diagonal(m, axis1=-2, axis2=-1))
    copied = below + adjoint(below) + _diagonal(real)
    right = ct_q + matmul(q, copied)
    return adjoint(solve_triangular(r, adjoint(right), lower=False))


def _qr_samples(rng: np.random.Generator) -> list[Sample]:
    a = regular(rng, 2, 3, 3)
    return [Sample((a,)), Sample((a[0, :, :2],))]


qr = primitive(
    name="qr",
    doc="`q` with orthonormal columns and upper triangular `r`; `a = q @ r`.",
    reference=_qr,
    type_rule=_qr_type,
    vjp=(_qr_vjp,),
    lower=HOST,
    samples=_qr_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- pinv ---------------------------------------------------------------------


def _pinv_type(a: ArrayType, **attrs: Any) -> ArrayType:
    lapack_matrix("pinv", a)
    return ArrayType(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2]))


def _pinv(a: Any, *, rcond: float) -> Any:
    return np.linalg.pinv(_bounded(a), rcond)


def _pinv_vjp(ct: Any, out: Any, a: Any, *, rcond: float) -> Any:
    """Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973)."""
    p, ph, ct_h = out, adjoint(out), adjoint(ct)
    first = matmul(matmul(ph, ct), ph)
    rows = matmul(ct_h, matmul(p, ph))
    columns = matmul(matmul(ph, p), ct_h)
    second = rows - matmul(a, matmul(p, rows))
    third = columns - matmul(matmul(columns, p), a)
    return second + third - first


def _pinv_samples(rng: np.random.Generator) -> list[Sample]:
    a = regular(rng, 2, 3, 3)
    return [Sample((x,), {"rcond": 1e-15}) for x in (a, a[0, :2], a[0, :, :2])]


pinv = primitive(
    name="pinv",
    doc="The Moore-Penrose inverse; singular values below `rcond` times the largest "
    "count as zero.",
    reference=_pinv,
    type_rule=_pinv_type,
    vjp=(_pinv_vjp,),
    lower=HOST,
    samples=_pinv_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)
