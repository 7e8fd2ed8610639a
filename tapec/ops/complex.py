"""Complex numbers: their parts, conjugation, and making them from parts.

Gradients follow the steepest-ascent convention: for a real L of x = a + ib the
cotangent is dL/da + i dL/db, so a holomorphic f has the rule `ct * conj(f'(x))`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.batching import aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType
from tapec.ops.cast import cast
from tapec.primitive import Sample, Scalar, draw_array, elementwise, primitive
from tapec.promotion import broadcast_shapes, result_dtype

__all__ = ["conj", "conjugate", "from_parts", "imag", "real"]

REAL_OF: dict[Any, np.dtype[Any]] = {
    np.dtype("F"): np.dtype("f"),
    np.dtype("D"): np.dtype("d"),
}
COMPLEX_OF = {r: c for c, r in REAL_OF.items()}
ANY = (-3.0, 3.0)


def conj(x: Any) -> Any:
    """The complex conjugate; nothing is recorded for real x."""
    return conjugate(x) if x.dtype.kind == "c" else x


# --- conjugate ----------------------------------------------------------------


def _conjugate_d(ct: Any, out: Any, x: Any) -> Any:
    return conj(ct)


conjugate = elementwise(
    name="conjugate",
    doc="The complex conjugate.",
    reference=np.conjugate,
    vjp=(_conjugate_d,),
    lower=lambda b, x: b.conj(x),
    domain=(ANY,),
    dtypes="DFdl",
    affine=True,
)


# --- parts --------------------------------------------------------------------


def _part_type(x: ArrayType) -> ArrayType:
    if x.dtype not in REAL_OF:
        raise DTypeError(f"real and imag take a complex operand, not {x!r}")
    return ArrayType(REAL_OF[x.dtype], x.shape)


def _part_samples(rng: np.random.Generator) -> list[Sample]:
    cases = (((2, 3), "D"), ((), "D"), ((0, 3), "D"), ((3,), "F"))
    return [Sample((draw_array(rng, ANY, shape, dtype),)) for shape, dtype in cases]


def _real_d(ct: Any, out: Any, x: Any) -> Any:
    return cast(ct, dtype=x.dtype)


def _imag_d(ct: Any, out: Any, x: Any) -> Any:
    return from_parts(0.0, ct)


real = primitive(
    name="real",
    doc="The real part of a complex array.",
    reference=np.real,
    type_rule=_part_type,
    vjp=(_real_d,),
    lower=Scalar(lambda b, x: x.real),
    samples=_part_samples,
    batch=aligned,
    liveness="keep",
    affine=True,
)

imag = primitive(
    name="imag",
    doc="The imaginary part of a complex array.",
    reference=np.imag,
    type_rule=_part_type,
    vjp=(_imag_d,),
    lower=Scalar(lambda b, x: x.imag),
    samples=_part_samples,
    batch=aligned,
    liveness="keep",
    affine=True,
)


# --- from parts ---------------------------------------------------------------


def _from_parts(re: Any, im: Any) -> Any:
    """Unlike `re + 1j * im` this keeps infinities and signed zeros apart."""
    shape = np.broadcast_shapes(np.shape(re), np.shape(im))
    out = np.empty(shape, dtype=COMPLEX_OF[np.asarray(re).dtype])
    out.real, out.imag = re, im
    return out


def _from_parts_type(re: ArrayType, im: ArrayType) -> ArrayType:
    if re.dtype != im.dtype or re.dtype not in COMPLEX_OF:
        raise DTypeError(f"from_parts takes two equal float dtypes, not {re!r}, {im!r}")
    return ArrayType(COMPLEX_OF[re.dtype], broadcast_shapes("from_parts", re, im))


def _from_parts_promote(dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    common = result_dtype(dtypes)
    return (common if common in COMPLEX_OF else np.dtype(np.float64),) * 2


def _from_parts_dre(ct: Any, out: Any, re: Any, im: Any) -> Any:
    return real(ct)


def _from_parts_dim(ct: Any, out: Any, re: Any, im: Any) -> Any:
    return imag(ct)


def _from_parts_samples(rng: np.random.Generator) -> list[Sample]:
    shapes = (((2, 3), (3,)), ((), ()), ((0, 3), (1, 3)))
    return [Sample(tuple(rng.uniform(-3.0, 3.0, s) for s in pair)) for pair in shapes]


from_parts = primitive(
    name="from_parts",
    doc="The complex number with the given real and imaginary part.",
    reference=_from_parts,
    type_rule=_from_parts_type,
    vjp=(_from_parts_dre, _from_parts_dim),
    lower=Scalar(lambda b, re, im: b.complex(re, im)),
    samples=_from_parts_samples,
    batch=aligned,
    promote=_from_parts_promote,
    liveness="keep",
    affine=True,
)
