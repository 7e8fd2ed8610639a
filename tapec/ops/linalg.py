"""Systems of linear equations, inverses and Cholesky factors, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.matmul import adjoint, matmul
from tapec.ops.select import tril, triu
from tapec.primitive import HOST, Sample, primitive
from tapec.promotion import broadcast_shapes, result_dtype

__all__ = [
    "cholesky",
    "hermitian",
    "inv",
    "lapack_matrix",
    "promote_lapack",
    "same_square",
    "solve",
    "solve_triangular",
    "square_matrix",
]


def promote_lapack(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    """`promote` for what LAPACK computes: float64, float32 and their complex kinds."""
    common = result_dtype(dtypes)
    if common == np.float16:
        raise DTypeError("linear algebra is not defined for float16; use .astype")
    if common.kind in "biu":
        common = np.dtype(np.float64)
    return (common,) * len(dtypes)


def lapack_matrix(op: str, *types: ArrayType) -> None:
    """An error unless the operands are matrices of one dtype that LAPACK knows."""
    if any(t.ndim < 2 for t in types):
        raise ShapeError(f"{op}: no matrix: {', '.join(map(repr, types))}")
    if types[0].dtype.char not in "fdFD" or len({t.dtype for t in types}) > 1:
        raise DTypeError(
            f"{op}: operands of wrong dtype: {', '.join(map(repr, types))}"
        )


def square_matrix(op: str, a: ArrayType) -> None:
    """An error unless `a` is a stack of square matrices."""
    lapack_matrix(op, a)
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{op}: the last two axes must be equal: {a!r}")


def same_square(op: str) -> Any:
    """The type rule of an op from square matrices to matrices of the same type."""

    def type_rule(a: ArrayType) -> ArrayType:
        square_matrix(op, a)
        return a

    return type_rule


def hermitian(x: Any) -> Any:
    """The Hermitian part: (x + xᴴ) / 2."""
    return (x + adjoint(x)) * 0.5


def regular(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Matrices far from singular."""
    return rng.uniform(-1.0, 1.0, shape) + 2 * np.eye(shape[-1])


# --- solve --------------------------------------------------------------------


def _solve_type(a: ArrayType, b: ArrayType, **attrs: Any) -> ArrayType:
    square_matrix("solve", a)
    lapack_matrix("solve", a, b)
    if b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"solve: shapes do not fit: {a!r} with {b!r}")
    batch_a = ArrayType(a.dtype, a.shape[:-2])
    batch_b = ArrayType(b.dtype, b.shape[:-2])
    batch = broadcast_shapes("solve", batch_a, batch_b)
    return ArrayType(a.dtype, (*batch, *b.shape[-2:]))


def _solve_vjp_a(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return -matmul(solve(adjoint(a), ct), adjoint(out))


def _solve_vjp_b(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return solve(adjoint(a), ct)


def _solve_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((regular(rng, 3, 3), rng.uniform(-1.0, 1.0, (3, 2)))),
        Sample((regular(rng, 2, 1, 2, 2), rng.uniform(-1.0, 1.0, (3, 2, 1)))),
        Sample((regular(rng, 0, 0), np.zeros((0, 2)))),
    ]


solve = primitive(
    name="solve",
    doc="The `x` with `a @ x = b`, for matrices in the last two axes.",
    reference=np.linalg.solve,
    type_rule=_solve_type,
    vjp=(_solve_vjp_a, _solve_vjp_b),
    lower=HOST,
    samples=_solve_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- solve_triangular ---------------------------------------------------------


def _triangular(a: Any, b: Any, *, lower: bool) -> Any:
    from scipy import linalg

    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    out = np.empty(b.shape, b.dtype)
    for i in np.ndindex(batch) if b.size else ():
        out[i] = linalg.solve_triangular(a[i], b[i], lower=lower, check_finite=False)
    return out


def _triangular_vjp_a(ct: Any, out: Any, a: Any, b: Any, *, lower: bool) -> Any:
    whole = -matmul(_triangular_vjp_b(ct, out, a, b, lower=lower), adjoint(out))
    return (tril if lower else triu)(whole, k=0)


def _triangular_vjp_b(ct: Any, out: Any, a: Any, b: Any, *, lower: bool) -> Any:
    return solve_triangular(adjoint(a), ct, lower=not lower)


def _triangular_samples(rng: np.random.Generator) -> list[Sample]:
    a, b = regular(rng, 3, 3), rng.uniform(-1.0, 1.0, (2, 3, 2))
    return [Sample((a, b[0]), {"lower": True}), Sample((a, b), {"lower": False})]


solve_triangular = primitive(
    name="solve_triangular",
    doc="`solve` with the lower or upper triangle of `a`; the rest is not read.",
    reference=_triangular,
    type_rule=_solve_type,
    vjp=(_triangular_vjp_a, _triangular_vjp_b),
    lower=HOST,
    samples=_triangular_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- inv ----------------------------------------------------------------------


def _inv_vjp(ct: Any, out: Any, a: Any) -> Any:
    turned = adjoint(out)
    return -matmul(matmul(turned, ct), turned)


def _inv_samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((regular(rng, 3, 3),)), Sample((regular(rng, 2, 2, 2),))]


inv = primitive(
    name="inv",
    doc="The inverse of each matrix; for `inv(a) @ b` prefer `solve`.",
    reference=np.linalg.inv,
    type_rule=same_square("inv"),
    vjp=(_inv_vjp,),
    lower=HOST,
    samples=_inv_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- cholesky -----------------------------------------------------------------


def _cholesky(a: Any) -> Any:
    half = a.dtype.type(0.5)
    return np.linalg.cholesky((a + np.swapaxes(a, -1, -2).conj()) * half)


def _cholesky_vjp(ct: Any, out: Any, a: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527."""
    inner = matmul(adjoint(out), tril(ct, k=0))
    # the lower triangle with half the diagonal
    phi = (tril(inner, k=0) + tril(inner, k=-1)) * 0.5
    left = solve_triangular(adjoint(out), phi, lower=False)
    return hermitian(
        adjoint(solve_triangular(adjoint(out), adjoint(left), lower=False))
    )


def _cholesky_samples(rng: np.random.Generator) -> list[Sample]:
    def positive(*shape: int) -> np.ndarray[Any, Any]:
        a = rng.uniform(-1.0, 1.0, shape)
        return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])

    return [Sample((positive(3, 3),)), Sample((positive(2, 2, 2),))]


cholesky = primitive(
    name="cholesky",
    doc="The lower triangular `L` with `L @ Lᴴ` the Hermitian part of `a`.",
    reference=_cholesky,
    type_rule=same_square("cholesky"),
    vjp=(_cholesky_vjp,),
    lower=HOST,
    samples=_cholesky_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)
