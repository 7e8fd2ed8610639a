"""`np.linalg`: equations, factorizations, eigenvalues, powers of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from tapec.errors import ShapeError, UnsupportedError
from tapec.numpy.norms import cond, matrix_norm, norm, vector_norm
from tapec.numpy.products import cross, kron, matmul, tensordot, vecdot
from tapec.numpy.products import linalg_outer as outer
from tapec.numpy.products import linalg_trace as trace
from tapec.numpy.rearranging import linalg_diagonal as diagonal
from tapec.numpy.shapes import matrix_transpose, reshape, transpose
from tapec.numpy.support import alias, common_cast, here, only_default
from tapec.ops import determinant, spectral
from tapec.ops import linalg as ops
from tapec.ops.matmul import adjoint
from tapec.tensor import as_tensor, concrete, implements

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "kron",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]

SlogdetResult = np.linalg.slogdet(np.eye(1)).__class__
EighResult = np.linalg.eigh(np.eye(1)).__class__
EigResult = np.linalg.eig(np.eye(1)).__class__
SVDResult = np.linalg.svd(np.eye(1)).__class__
QRResult = np.linalg.qr(np.eye(1)).__class__


# --- equations ----------------------------------------------------------------


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    a, b = as_tensor(a), as_tensor(b)
    if b.ndim == 1:
        return ops.solve(a, reshape(b, (*b.shape, 1)))[..., 0]
    return ops.solve(a, b)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    return ops.inv(as_tensor(a))


@implements(np.linalg.pinv)
def pinv(
    a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Any:
    x = as_tensor(a)
    if rtol is not None:
        rcond = rtol
    if rcond is None:
        rcond = 1e-15
    return spectral.pinv(x, rcond=float(rcond))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, int, Any]:
    a, b = common_cast(a, b)
    m, n = a.shape[-2:]
    if rcond is None:
        rcond = np.finfo(a.dtype if a.dtype.kind in "fc" else float).eps * max(m, n)
    s = svdvals(a)
    rank = int(concrete(np.sum(s > rcond * np.max(s)))) if s.size else 0
    x = matmul(pinv(a, rcond), b)
    if rank == n < m:
        residuals = np.sum(abs(b - matmul(a, x)) ** 2, axis=0)
        residuals = reshape(residuals, (residuals.size,))
    else:
        residuals = np.zeros_like(np.real(x), shape=(0,))
    return x, residuals, rank, s


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = common_cast(a, b)
    if axes is not None:
        rest = [k for k in range(a.ndim) if k not in axes]
        a = transpose(a, [*rest, *axes])
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if a.size != n * n:
        raise here(ShapeError(f"tensorsolve: {a.type!r} is no square system"))
    return reshape(solve(reshape(a, (n, n)), reshape(b, (b.size,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    x = as_tensor(a)
    rows = math.prod(x.shape[ind:])
    if rows * rows != x.size:
        raise here(ShapeError(f"tensorinv: {x.type!r} is not square at axis {ind}"))
    return reshape(inv(reshape(x, (rows, rows))), (*x.shape[ind:], *x.shape[:ind]))


# --- determinants and factors -------------------------------------------------


@implements(np.linalg.det)
def det(a: Any) -> Any:
    return determinant.det(as_tensor(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return SlogdetResult(*determinant.slogdet(as_tensor(a)))


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    factor = ops.cholesky(as_tensor(a))
    return adjoint(factor) if upper else factor


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    x = as_tensor(a)
    m, n = x.shape[-2:]
    if mode == "complete" and m > n:
        text = "qr: the columns that mode='complete' adds have no derivative"
        raise here(UnsupportedError(f"{text}; use mode='reduced'"))
    if mode not in ("reduced", "complete", "r"):
        raise here(UnsupportedError(f"qr: mode {mode!r} is not supported on tensors"))
    if m >= n:
        q, r = spectral.qr(x)
    else:
        q, left = spectral.qr(x[..., :m])
        r = np.concatenate([left, matmul(adjoint(q), x[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    x = as_tensor(a)
    u, s, vh = spectral.svd(x)
    if not compute_uv:
        return s
    if full_matrices and x.shape[-1] != x.shape[-2]:
        text = "svd: the vectors that full_matrices=True adds have no derivative"
        raise here(UnsupportedError(f"{text}; use full_matrices=False"))
    return SVDResult(u, s, vh)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return spectral.svd(as_tensor(x))[1]


@implements(np.linalg.matrix_rank)
def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Any:
    x = as_tensor(A)
    if x.ndim < 2:
        return np.any(x != 0).astype(int)
    s = svdvals(x)
    if tol is None:
        eps = np.finfo(s.dtype).eps * max(x.shape[-2:]) if rtol is None else rtol
        tol = np.max(s, axis=-1, keepdims=True) * eps
    return np.sum(s > tol, axis=-1)


# --- eigenvalues --------------------------------------------------------------


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    return EighResult(*spectral.eigh(as_tensor(a)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return spectral.eigh(as_tensor(a))[0]


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    x = as_tensor(a)
    w, v = spectral.eig(x)
    if x.dtype.kind != "c" and bool(np.all(np.imag(w) == 0)):
        return EigResult(np.real(w), np.real(v))  # NumPy's choice of dtype
    return EigResult(w, v)


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    return eig(a)[0]


# --- powers and chains --------------------------------------------------------


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    x = as_tensor(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise here(ShapeError(f"matrix_power: {x.type!r} is no square matrix"))
    if n == 0:
        eye = np.eye(x.shape[-1], dtype=x.dtype).tolist()
        unit = as_tensor(np.array(eye, x.dtype))
        return np.broadcast_to(unit, x.shape)
    x, n = (inv(x), -n) if n < 0 else (x, n)
    result = None
    while True:
        if n & 1:
            result = alias(x) if result is None else matmul(result, x)
        n >>= 1
        if not n:
            return result
        x = matmul(x, x)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    only_default("multi_dot", out=(out, None))
    xs = [as_tensor(a) for a in arrays]
    if len(xs) < 2:
        raise ValueError("Expecting at least two arrays.")
    ndims = xs[0].ndim, xs[-1].ndim
    xs[0] = reshape(xs[0], (1, -1)) if xs[0].ndim == 1 else xs[0]
    xs[-1] = reshape(xs[-1], (-1, 1)) if xs[-1].ndim == 1 else xs[-1]
    product = _chain(xs, _cheapest_order([x.shape for x in xs]), 0, len(xs) - 1)
    rows, columns = product.shape
    return reshape(product, ([rows] if ndims[0] > 1 else [])
                   + ([columns] if ndims[1] > 1 else []))  # fmt: skip


def _cheapest_order(shapes: list[tuple[int, ...]]) -> dict[tuple[int, int], int]:
    """Where to cut each sub-chain (i, j): the textbook dynamic programme."""
    n = len(shapes)
    cost: dict[tuple[int, int], float] = {(i, i): 0.0 for i in range(n)}
    cut = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            rows, columns = shapes[i][0], shapes[j][1]
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + rows * shapes[k][1] * columns, k)
                for k in range(i, j)
            )
    return cut


def _chain(xs: list[Any], cut: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    k = cut[i, j]
    return matmul(_chain(xs, cut, i, k), _chain(xs, cut, k + 1, j))
