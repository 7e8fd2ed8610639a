"""`tf.linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.tf.convert import convert_to_tensor

__all__ = [
    "cholesky",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "einsum",
    "inv",
    "matmul",
    "matvec",
    "norm",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "tensordot",
    "trace",
]


def _turned(x: Any, transposed: bool, adjoint: bool) -> Any:
    x = convert_to_tensor(x)
    x = np.swapaxes(x, -1, -2) if transposed or adjoint else x
    return np.conj(x) if adjoint and x.dtype.kind == "c" else x


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False,
    adjoint_a: bool = False, adjoint_b: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """The product of matrices, either of them transposed first if asked for."""
    x, y = _turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b)
    return np.matmul(x, y)


def matvec(a: Any, b: Any, transpose_a: bool = False, name: Any = None) -> Any:
    """The product of a matrix and a vector."""
    v = convert_to_tensor(b)[..., None]
    return np.matmul(_turned(a, transpose_a, False), v)[..., 0]


def tensordot(a: Any, b: Any, axes: Any, name: Any = None) -> Any:
    """Sums of products over the axes named."""
    return np.tensordot(convert_to_tensor(a), convert_to_tensor(b), axes)


def einsum(equation: str, *inputs: Any, **options: Any) -> Any:
    """Sums of products in index notation."""
    return np.einsum(equation, *map(convert_to_tensor, inputs))


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False,
    name: Any = None,
) -> Any:  # fmt: skip
    """The norm of the whole tensor, or of vectors or matrices along `axis`."""
    x = convert_to_tensor(tensor)
    ord = None if ord == "euclidean" else ord
    if axis is None:
        out = np.linalg.norm(np.ravel(x), ord)
        return np.reshape(out, (1,) * x.ndim) if keepdims else out
    axis = tuple(axis) if isinstance(axis, list) else axis
    return np.linalg.norm(x, ord, axis=axis, keepdims=keepdims)


def trace(x: Any, name: Any = None) -> Any:
    """The sum of the diagonal."""
    return np.trace(convert_to_tensor(x), axis1=-2, axis2=-1)


def det(input: Any, name: Any = None) -> Any:
    """The determinant."""
    return np.linalg.det(convert_to_tensor(input))


def slogdet(input: Any, name: Any = None) -> Any:
    """The sign of the determinant, and the logarithm of its absolute value."""
    return np.linalg.slogdet(convert_to_tensor(input))


def inv(input: Any, adjoint: bool = False, name: Any = None) -> Any:
    """The inverse matrix."""
    return np.linalg.inv(_turned(input, False, adjoint))


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: Any = None) -> Any:
    """The `x` with `matrix @ x == rhs`."""
    return np.linalg.solve(_turned(matrix, False, adjoint), convert_to_tensor(rhs))


def cholesky(input: Any, name: Any = None) -> Any:
    """The lower triangular factor."""
    return np.linalg.cholesky(convert_to_tensor(input))


def qr(input: Any, full_matrices: bool = False, name: Any = None) -> Any:
    """An orthogonal and a triangular factor."""
    mode: Any = "complete" if full_matrices else "reduced"
    return np.linalg.qr(convert_to_tensor(input), mode)


def eigh(tensor: Any, name: Any = None) -> Any:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix."""
    return np.linalg.eigh(convert_to_tensor(tensor))


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: Any = None
) -> Any:
    """`s, u, v` with `tensor == u @ diag(s) @ v^H`: not NumPy's order, nor its `v`."""
    x = convert_to_tensor(tensor)
    if not compute_uv:
        return np.linalg.svd(x, compute_uv=False)
    u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
    return s, u, _turned(vh, True, vh.dtype.kind == "c")


def diag(diagonal: Any, name: Any = None) -> Any:
    """Matrices with these diagonals."""
    x = convert_to_tensor(diagonal)
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


def diag_part(input: Any, name: Any = None) -> Any:
    """The diagonals of matrices."""
    return np.diagonal(convert_to_tensor(input), axis1=-2, axis2=-1)
