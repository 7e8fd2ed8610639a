"""Functions of matrices, and the linear equations that SciPy solves for matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import ShapeError
from tapec.ir import ArrayType
from tapec.ops.complex import conj
from tapec.ops.index import slice_, unslice
from tapec.ops.join import concatenate
from tapec.ops.linalg import lapack_matrix, promote_lapack, same_square, square_matrix
from tapec.ops.matmul import adjoint, matmul
from tapec.ops.reduce import sum_
from tapec.ops.shape import reshape
from tapec.primitive import HOST, Sample, primitive
from tapec.promotion import broadcast_shapes

__all__ = ["expm", "solve_banded", "solve_sylvester", "sqrtm"]

Array = np.ndarray[Any, Any]


# --- exponential --------------------------------------------------------------


def _expm(a: Array) -> Array:
    from scipy import linalg

    found: Array = linalg.expm(a) if a.size else a.copy()
    return found.astype(a.dtype, copy=False)


def _expm_vjp(ct: Any, out: Any, a: Any) -> Any:
    """The Fréchet derivative at aᴴ is a block of the exponential of a block matrix
    (Higham, Functions of Matrices, theorem 3.6)."""
    n, stack, axis = a.shape[-1], a.shape[:-2], len(a.shape) - 1
    turned, ones = adjoint(a), (1,) * (axis + 1)
    right = (*[0] * (axis - 1), 0, n)
    above = concatenate(turned, ct, axis=axis)
    below = unslice(turned, shape=(*stack, n, 2 * n), start=right, step=ones)
    whole = expm(concatenate(above, below, axis=axis - 1))
    return slice_(whole, start=right, stop=(*stack, n, 2 * n), step=ones)


def _expm_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        Sample((rng.uniform(-1.0, 1.0, (3, 3)),)),
        Sample((rng.uniform(-1.0, 1.0, (2, 2, 2)),)),
    ]


expm = primitive(
    name="expm",
    doc="The exponential of each matrix.",
    reference=_expm,
    type_rule=same_square("expm"),
    vjp=(_expm_vjp,),
    lower=HOST,
    samples=_expm_samples,
    batch=aligned,
    promote=promote_lapack,
)


# --- square root --------------------------------------------------------------


def _sqrtm(a: Array) -> Array:
    from scipy import linalg

    out = np.empty_like(a)
    for i in np.ndindex(a.shape[:-2]):
        root = linalg.sqrtm(a[i])
        if a.dtype.kind == "f" and np.iscomplexobj(root):
            if np.any(root.imag):
                raise np.linalg.LinAlgError(
                    "sqrtm: the square root of this matrix is complex; give it as "
                    "x.astype(complex)"
                )
            root = root.real
        out[i] = root
    return out


def _sqrtm_vjp(ct: Any, out: Any, a: Any) -> Any:
    """From S S = A: S dS + dS S = dA."""
    root = adjoint(out)
    return solve_sylvester(root, root, ct)


def _sqrtm_samples(rng: np.random.Generator) -> list[Sample]:
    def positive(*shape: int) -> Array:
        return rng.uniform(-0.5, 0.5, shape) + 3.0 * np.eye(shape[-1])

    return [Sample((positive(3, 3),)), Sample((positive(2, 2, 2),))]


sqrtm = primitive(
    name="sqrtm",
    doc="The principal square root of each matrix.",
    reference=_sqrtm,
    type_rule=same_square("sqrtm"),
    vjp=(_sqrtm_vjp,),
    lower=HOST,
    samples=_sqrtm_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- Sylvester's equation -----------------------------------------------------


def _sylvester(a: Array, b: Array, q: Array) -> Array:
    from scipy import linalg

    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    a, b, q = (np.broadcast_to(x, batch + x.shape[-2:]) for x in (a, b, q))
    out = np.empty(q.shape, q.dtype)
    for i in np.ndindex(batch) if q.size else ():
        out[i] = linalg.solve_sylvester(a[i], b[i], q[i])
    return out


def _sylvester_type(a: ArrayType, b: ArrayType, q: ArrayType) -> ArrayType:
    square_matrix("solve_sylvester", a)
    square_matrix("solve_sylvester", b)
    lapack_matrix("solve_sylvester", a, b, q)
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        listed = ", ".join(map(repr, (a, b, q)))
        raise ShapeError(f"solve_sylvester: shapes do not fit: {listed}")
    stacks = [ArrayType(x.dtype, x.shape[:-2]) for x in (a, b, q)]
    batch = broadcast_shapes("solve_sylvester", *stacks)
    return ArrayType(q.dtype, (*batch, *q.shape[-2:]))


def _sylvester_vjp_q(ct: Any, out: Any, a: Any, b: Any, q: Any) -> Any:
    return solve_sylvester(adjoint(a), adjoint(b), ct)


def _sylvester_vjp_a(ct: Any, out: Any, a: Any, b: Any, q: Any) -> Any:
    return -matmul(_sylvester_vjp_q(ct, out, a, b, q), adjoint(out))


def _sylvester_vjp_b(ct: Any, out: Any, a: Any, b: Any, q: Any) -> Any:
    return -matmul(adjoint(out), _sylvester_vjp_q(ct, out, a, b, q))


def _sylvester_samples(rng: np.random.Generator) -> list[Sample]:
    def regular(*shape: int) -> Array:
        return rng.uniform(-0.5, 0.5, shape) + 2.0 * np.eye(shape[-1])

    q = rng.uniform(-1.0, 1.0, (2, 3, 2))
    return [
        Sample((regular(3, 3), regular(2, 2), q[0])),
        Sample((regular(2, 3, 3), regular(2, 2), q)),
    ]


solve_sylvester = primitive(
    name="solve_sylvester",
    doc="The `x` with `a @ x + x @ b = q`.",
    reference=_sylvester,
    type_rule=_sylvester_type,
    vjp=(_sylvester_vjp_a, _sylvester_vjp_b, _sylvester_vjp_q),
    lower=HOST,
    samples=_sylvester_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)


# --- banded equations ---------------------------------------------------------


def _banded(ab: Array, b: Array, *, below: int, above: int) -> Array:
    from scipy import linalg

    batch = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    ab, b = (np.broadcast_to(x, batch + x.shape[-2:]) for x in (ab, b))
    out = np.empty(b.shape, b.dtype)
    for i in np.ndindex(batch) if b.size else ():
        out[i] = linalg.solve_banded((below, above), ab[i], b[i])
    return out


def _banded_type(ab: ArrayType, b: ArrayType, *, below: int, above: int) -> ArrayType:
    lapack_matrix("solve_banded", ab, b)
    if ab.shape[-1] != b.shape[-2] or ab.shape[-2] != below + above + 1:
        raise ShapeError(
            f"solve_banded: {below} diagonals below and {above} above do not fit: "
            f"{ab!r} with {b!r}"
        )
    stacks = [ArrayType(x.dtype, x.shape[:-2]) for x in (ab, b)]
    return ArrayType(
        b.dtype, (*broadcast_shapes("solve_banded", *stacks), *b.shape[-2:])
    )


def _row(x: Any, r: int) -> Any:
    """Row r of each matrix, as a column."""
    *stack, _, n = x.shape
    start, ones = (*[0] * len(stack), r, 0), (1,) * len(x.shape)
    row = slice_(x, start=start, stop=(*stack, r + 1, n), step=ones)
    return reshape(row, shape=(*stack, n, 1))


def _rows(columns: list[Any]) -> Any:
    """Matrices with these rows."""
    *stack, n, _ = columns[0].shape
    rows = [reshape(c, shape=(*stack, 1, n)) for c in columns]
    return concatenate(*rows, axis=len(stack))


def _shifted(x: Any, by: int) -> Any:
    """Row i is row i + by of each matrix, zero where there is none."""
    *stack, n, k = x.shape
    front, ones = [0] * len(stack), (1,) * len(x.shape)
    start, stop = (*front, max(by, 0), 0), (*stack, min(n + by, n), k)
    rows = slice_(x, start=start, stop=stop, step=ones)
    return unslice(rows, shape=x.shape, start=(*front, max(-by, 0), 0), step=ones)


def _banded_vjp(
    ct: Any, out: Any, ab: Any, b: Any, *, below: int, above: int
) -> list[Any]:
    """As for a dense matrix; of its cotangent only the diagonals are wanted."""
    bands = range(below + above + 1)
    turned = [_shifted(conj(_row(ab, below + above - r)), r - below) for r in bands]
    ct_b = solve_banded(_rows(turned), ct, below=above, above=below)
    last = (len(out.shape) - 1,)
    pairs = [_shifted(ct_b, r - above) * conj(out) for r in bands]
    sums = [reshape(sum_(p, axis=last), shape=(*p.shape[:-1], 1)) for p in pairs]
    return [-_rows(sums), ct_b]


def _banded_samples(rng: np.random.Generator) -> list[Sample]:
    def diagonals(below: int, above: int, n: int) -> Array:
        ab = rng.uniform(-0.5, 0.5, (below + above + 1, n))
        ab[above] += 3.0
        return ab

    b = rng.uniform(-1.0, 1.0, (4, 2))
    return [
        Sample((diagonals(1, 1, 4), b), {"below": 1, "above": 1}),
        Sample((diagonals(0, 2, 4), b[:, :1]), {"below": 0, "above": 2}),
        Sample((diagonals(2, 0, 4), np.stack([b, -b])), {"below": 2, "above": 0}),
    ]


solve_banded = primitive(
    name="solve_banded",
    doc="`solve` for a matrix given by its diagonals, as rows of `ab`.",
    reference=_banded,
    type_rule=_banded_type,
    vjp=_banded_vjp,
    lower=HOST,
    samples=_banded_samples,
    batch=aligned,
    promote=promote_lapack,
    may_raise=True,
)
