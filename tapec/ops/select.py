"""Ops that let some elements pass and replace the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType
from tapec.ops.shape import broadcast_to
from tapec.primitive import Index, Masked, Primitive, Sample, Scalar, primitive
from tapec.promotion import broadcast_shapes, result_dtype

__all__ = ["tril", "triu", "where"]

BOOL = np.dtype(np.bool_)


# --- where --------------------------------------------------------------------


def _where_type(c: ArrayType, x: ArrayType, y: ArrayType) -> ArrayType:
    if c.dtype != BOOL or x.dtype != y.dtype:
        raise DTypeError(f"where: operands of wrong dtype: {c!r}, {x!r}, {y!r}")
    return ArrayType(x.dtype, broadcast_shapes("where", c, x, y))


def _where_promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    common = result_dtype(dtypes[1:])
    return BOOL, common, common


def _to_true(ct: Any, out: Any, c: Any, x: Any, y: Any) -> Masked:
    return Masked(where(c, ct, 0), lambda: broadcast_to(c, shape=out.shape))


def _to_false(ct: Any, out: Any, c: Any, x: Any, y: Any) -> Masked:
    other = np.logical_not(c)
    return Masked(where(c, 0, ct), lambda: broadcast_to(other, shape=out.shape))


def _where_samples(rng: np.random.Generator) -> list[Sample]:
    x, y = rng.uniform(-1.0, 1.0, (2, 3)), rng.uniform(-1.0, 1.0, (3,))
    return [
        Sample((x < 0, x, y)),
        Sample((np.True_, x, y)),
        Sample((y < 0, np.float64(1.5), x[:, :1])),
        Sample((np.ones((0, 1), bool), y, y)),
    ]


where = primitive(
    name="where",
    doc="`x` where `c` is true, else `y`; the branch not taken gets gradient 0.",
    reference=np.where,
    type_rule=_where_type,
    vjp=(None, _to_true, _to_false),
    lower=Scalar(lambda b, c, x, y: b.where(c, x, y)),
    samples=_where_samples,
    batch=aligned,
    promote=_where_promote,
    liveness="keep",
    affine=True,
)


# --- triangles ----------------------------------------------------------------


def _triangle(name: str, doc: str, reference: Any, inside: Any) -> Primitive:
    """The part of a matrix on one side of a diagonal; `inside(i, j, k)` says which."""

    def type_rule(x: ArrayType, *, k: int) -> ArrayType:
        return x

    def vjp(ct: Any, out: Any, x: Any, *, k: int) -> Masked:
        def live() -> Any:
            every = broadcast_to(np.True_, shape=x.shape)
            return prim(every, k=k)

        return Masked(prim(ct, k=k), live)

    def lower(b: Any, op: Any, index: list[Any]) -> Any:
        kept = inside(index[-2], index[-1], op.attr("k"))
        return b.where(kept, b.read(0, index), b.const(0, op.dtype))

    def samples(rng: np.random.Generator) -> list[Sample]:
        x = rng.uniform(-1.0, 1.0, (2, 3, 4))
        return [Sample((x,), {"k": 0}), Sample((x[0],), {"k": -1})]

    prim = primitive(
        name=name, doc=doc, reference=reference, type_rule=type_rule, vjp=(vjp,),
        lower=Index(lower), samples=samples, liveness="move", affine=True,
        batch=aligned,
    )  # fmt: skip
    return prim


tril = _triangle(
    "tril",
    "Matrices with the elements above diagonal `k` set to zero.",
    np.tril,
    lambda i, j, k: j - i <= k,
)
triu = _triangle(
    "triu",
    "Matrices with the elements below diagonal `k` set to zero.",
    np.triu,
    lambda i, j, k: j - i >= k,
)
