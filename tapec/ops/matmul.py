"""The matrix product. Everything that contracts is brought to it or to multiply-sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import Batch, aligned
from tapec.errors import DTypeError, ShapeError
from tapec.ir import ArrayType
from tapec.ops.arithmetic import multiply
from tapec.ops.complex import conj
from tapec.ops.shape import transpose
from tapec.primitive import Library, Sample, primitive
from tapec.promotion import broadcast_shapes, promote_together

__all__ = ["adjoint", "matmul", "matrix_transpose"]


def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    n = len(x.shape)
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


def adjoint(x: Any) -> Any:
    """The conjugate transpose of each matrix."""
    return conj(matrix_transpose(x))


def _matmul_type(a: ArrayType, b: ArrayType) -> ArrayType:
    if a.dtype != b.dtype:
        raise DTypeError(f"matmul: operands of mixed dtype: {a!r} with {b!r}")
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"matmul: shapes do not fit: {a!r} with {b!r}")
    batch_a = ArrayType(a.dtype, a.shape[:-2])
    batch_b = ArrayType(b.dtype, b.shape[:-2])
    batch = broadcast_shapes("matmul", batch_a, batch_b)
    return ArrayType(a.dtype, (*batch, a.shape[-2], b.shape[-1]))


def _matmul_vjp_a(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return matmul(ct, adjoint(b))


def _matmul_vjp_b(ct: Any, out: Any, a: Any, b: Any) -> Any:
    return matmul(adjoint(a), ct)


def _matmul_samples(rng: np.random.Generator) -> list[Sample]:
    def draw(*shape: int) -> np.ndarray[Any, Any]:
        return rng.uniform(-1.0, 1.0, shape)

    return [
        Sample((draw(2, 3), draw(3, 4))),
        Sample((draw(5, 2, 3), draw(3, 1))),
        Sample((draw(2, 1, 1, 3), draw(4, 3, 2))),
        Sample((draw(2, 0), draw(0, 3))),
    ]


def _matmul_batch(batch: Batch, a: Any, b: Any) -> Any:
    """Against one matrix the rows of all examples are one product, not many.

    A product of a column and a row has nothing to sum and is left to `multiply`.
    """
    single_a, single_b = (
        not has and len(m.shape) == 2
        for has, m in zip(batch.which, (a, b), strict=True)
    )
    if single_b and a.size:
        rows = matmul(np.reshape(a, (-1, a.shape[-1])), b)
        return np.reshape(rows, (*a.shape[:-1], b.shape[-1]))
    if single_a and b.size and b.shape[-1] == 1:
        rows = matmul(np.reshape(b, (-1, b.shape[-2])), matrix_transpose(a))
        return np.reshape(rows, (*b.shape[:-2], a.shape[0], 1))
    if a.shape[-1] == 1 and a.dtype.kind != "b":
        return aligned(batch._replace(prim=multiply), a, b)
    return aligned(batch, a, b)


matmul = primitive(
    name="matmul",
    doc="Products of the matrices in the last two axes; the axes before broadcast.",
    reference=np.matmul,
    type_rule=_matmul_type,
    vjp=(_matmul_vjp_a, _matmul_vjp_b),
    lower=Library("matmul"),
    samples=_matmul_samples,
    batch=_matmul_batch,
    promote=promote_together,
    liveness="drop",
)
