"""`scipy.linalg` on tensors: `from tapec.scipy import linalg`.

SciPy's own functions cannot find these by themselves. Arguments that only say how
(`overwrite_a`, `check_finite`) are not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.errors import ShapeError
from tapec.numpy import linalg as dense
from tapec.ops import linalg as ops
from tapec.ops import matrix_functions as functions
from tapec.ops.complex import conj
from tapec.ops.matmul import adjoint
from tapec.tensor import as_tensor

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "norm",
    "pinv",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
]

det, inv, norm, pinv = dense.det, dense.inv, dense.norm, dense.pinv
eigh, eigvalsh, lstsq = dense.eigh, dense.eigvalsh, dense.lstsq
solve, svd, svdvals = dense.solve, dense.svd, dense.svdvals


# --- Cholesky -----------------------------------------------------------------


def cholesky(a: Any, lower: bool = False) -> Any:
    """The Cholesky factor of `a` (..., n, n): the upper one, as SciPy has it.

    >>> import numpy as np
    >>> from tapec.scipy import linalg
    >>> print(linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])).numpy())
    [[2. 1.]
     [0. 2.]]
    """
    factor = ops.cholesky(as_tensor(a))
    return factor if lower else adjoint(factor)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """The Cholesky factor for `cho_solve`, and whether it is the lower one."""
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """The x with `a @ x = b`, `a` (..., n, n) given by `cho_factor`."""
    factor, lower = c_and_lower
    half = solve_triangular(factor, b, trans=0 if lower else "C", lower=lower)
    return solve_triangular(factor, half, trans="C" if lower else 0, lower=lower)


# --- equations ----------------------------------------------------------------

_TRANS = {0: "N", 1: "T", 2: "C", "N": "N", "T": "T", "C": "C"}


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """The x with `a @ x = b` for a triangle of `a` (..., n, n); b: (n,) or (..., n, k).

    trans: 0 or "N" for `a`, 1 or "T" for its transpose, 2 or "C" for the conjugate one.
    unit_diagonal: the diagonal is taken as ones.

    >>> import numpy as np
    >>> from tapec.scipy import linalg
    >>> upper = np.array([[2.0, 2.0], [9.0, 4.0]])
    >>> print(linalg.solve_triangular(upper, [4.0, 4.0]).numpy())
    [1. 1.]
    """
    if trans not in _TRANS:
        raise ValueError(
            f"solve_triangular: trans is 0, 1, 2, N, T or C, not {trans!r}"
        )
    matrix: Any = as_tensor(a)
    if unit_diagonal:
        eye = np.eye(matrix.shape[-1], dtype=bool)
        matrix = np.where(eye, np.ones((), matrix.dtype), matrix)
    if _TRANS[trans] != "N":
        matrix, lower = adjoint(matrix), not lower
        matrix = conj(matrix) if _TRANS[trans] == "T" else matrix
    return _columns(lambda b: ops.solve_triangular(matrix, b, lower=bool(lower)), b)


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any) -> Any:
    """The x with `a @ x = b`, `a` given by its diagonals; b: (n,) or (n, k).

    l_and_u: how many diagonals are below and above. ab: row u + i - j has `a[i, j]`, in
    its column j.
    """
    below, above = (int(n) for n in l_and_u)
    bands = as_tensor(ab)
    return _columns(
        lambda b: functions.solve_banded(bands, b, below=below, above=above), b
    )


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The x with `a @ x + x @ b = q`, of the shape of q (..., n, m).

    The derivative solves the equation with the conjugate transposes.
    """
    return functions.solve_sylvester(as_tensor(a), as_tensor(b), as_tensor(q))


def _columns(solve: Any, b: Any) -> Any:
    """Solve for a vector as for a matrix of one column."""
    right = as_tensor(b)
    if right.ndim == 0:
        raise ShapeError("the right side of equations is a vector or a matrix")
    if right.ndim == 1:
        return solve(np.reshape(right, (-1, 1)))[..., 0]
    return solve(right)


# --- functions of matrices ----------------------------------------------------


def expm(a: Any) -> Any:
    """The exponential of each matrix of `a` (..., n, n).

    The derivative is a block of the exponential of a matrix of twice the size (Higham,
    Functions of Matrices, theorem 3.6).

    >>> import numpy as np
    >>> from tapec.scipy import linalg
    >>> print(linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]])).numpy())
    [[1. 1.]
     [0. 1.]]
    """
    return functions.expm(as_tensor(a))


def sqrtm(a: Any) -> Any:
    """The principal square root of each matrix of `a` (..., n, n), in its dtype.

    Raises LinAlgError for a real matrix whose root is complex: give it as complex.
    """
    return functions.sqrtm(as_tensor(a))


def block_diag(*arrays: Any) -> Any:
    """The matrices along the diagonal of one, zeros elsewhere."""
    blocks = [np.atleast_2d(as_tensor(a)) for a in arrays]
    wide = sum(b.shape[1] for b in blocks)
    rows, before = [], 0
    for block in blocks:
        height, width = block.shape
        left = np.zeros((height, before), block.dtype)
        right = np.zeros((height, wide - before - width), block.dtype)
        rows.append(np.concatenate([left, block, right], axis=1))
        before += width
    return np.concatenate(rows, axis=0)
