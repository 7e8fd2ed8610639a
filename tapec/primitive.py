"""The record that holds all an operation is, and its constructors.

A primitive is written once, as one keyword-only record in `tapec/ops`: what it means
(`reference`), which types it takes (`type_rule`), its derivative (`vjp`), how it
becomes native code (`lower`), and inputs to test it with (`samples`). A field left out
fails at import; "not differentiable" and "runs on the host" are said out loud (`None`,
`HOST`).

Rules for writing rules
-----------------------
* A vjp rule is a named function in NumPy style on tensors: `np.exp(x)`, `ct * y`, or
  another primitive called like a function. It is linear in `ct`, never branches on it.
* `vjp` is a tuple with one function `(ct, out, *args, **attrs)` per operand (`None`
  where it has no derivative), or one function that returns a list of cotangents.
* A rule that hands on only a selection returns `Masked(ct, live)`; `ct` is exactly zero
  where `live` is false. The vjp pass keeps later infinities out of the dead part.
* A rule does not undo broadcasting or casts: the vjp pass does, for every primitive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from tapec.batching import BatchRule, aligned
from tapec.errors import DTypeError
from tapec.ir import ArrayType, TupleType, Type
from tapec.promotion import broadcast_shapes, promote_ufunc, resolve_ufunc

__all__ = [
    "HOST",
    "PRIMITIVES",
    "Index",
    "Library",
    "Lowering",
    "Masked",
    "Primitive",
    "Reduce",
    "Running",
    "Sample",
    "Scalar",
    "Scatter",
    "View",
    "elementwise",
    "primitive",
]

PRIMITIVES: dict[str, Primitive] = {}
"""Every primitive by name, filled when `tapec.ops` is imported."""


# --- lowering ---------------------------------------------------------------


class Scalar(NamedTuple):
    """Lowered per element: `emit(b, *xs)` combines scalars of the operands' dtypes.

    The scalars carry their dtype and overload Python's operators; `b.math("exp", x)`,
    `b.where(c, x, y)`, `b.const(1.0, like=x)`, `b.cast(x, dtype)` do the rest.
    """

    emit: Callable[..., Any]


class Index(NamedTuple):
    """Lowered by reading operands elsewhere: `emit(k, op, index)` returns the element.

    `index` is one integer expression per axis of the result; `k.read(i, index)` is the
    element of operand `i`, `k.where`, `k.const` and integer operators combine them.
    cost: instructions per element; those of moving it by default.
    """

    emit: Callable[..., Any]
    cost: int = 2


class View(NamedTuple):
    """The result is the operand's buffer, contiguous, under another shape: free."""


class Reduce(NamedTuple):
    """Lowered to an accumulator over `axis`; monoid: add mul max min and or."""

    monoid: str


class Scatter(NamedTuple):
    """Lowered to a loop over one operand's elements, each of which goes to some place.

    `place(k, op, index)` is where the element at `index` goes, one index expression
    per axis of the result; `k` as for `Index`. Elements of operand 0 are added up where
    they go; or, if not `adds`, those of operand 1 replace what operand 0 has there.
    """

    place: Callable[..., Any]
    adds: bool

    @property
    def source(self) -> int:
        """The operand whose elements are moved."""
        return 0 if self.adds else 1


class Running(NamedTuple):
    """Lowered to a loop along `axis` with a state, the numbers `start` at first.

    `emit(b, state, *xs)` is the next state and the result; with the attribute
    `exclusive` the state before is. `reverse` runs from the end.
    """

    emit: Callable[..., Any]
    start: int


class Pack(NamedTuple):
    """Lowered to one store per operand for each of their elements.

    leading: the operands follow each other as a whole; else their elements do.
    """

    leading: bool


class Library(NamedTuple):
    """Lowered to a call of BLAS or LAPACK; `routine` names it in `native.library`."""

    routine: str


class Host(NamedTuple):
    """No native form: the reference runs in Python as a step of the program."""


HOST = Host()
Lowering = Scalar | Index | View | Reduce | Scatter | Running | Pack | Library | Host


# --- the record -------------------------------------------------------------


class Sample(NamedTuple):
    """One input for the generated tests: operand arrays and attributes."""

    args: tuple[Any, ...]
    attrs: dict[str, Any] = {}  # noqa: RUF012  (never written)


class Masked(NamedTuple):
    """A cotangent that is exactly zero wherever `live` (bool, same shape) is false.

    `live` is a tensor or a function that makes it when it is needed.
    """

    ct: Any
    live: Any


class TypeRule(Protocol):
    def __call__(self, *types: Any, **attrs: Any) -> Type: ...


Vjp = Callable[..., Any] | tuple[Callable[..., Any] | None, ...] | None
Liveness = Literal["keep", "move", "sum", "drop"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Primitive:
    """All an operation is.

    promote: dtypes the operands are cast to when recorded, from their dtypes (Python's
        `bool`, `int`, `float`, `complex` stand for weak scalars); None: as given.
    liveness: how a dead region of the cotangent passes to the operands. "keep": it is
        elementwise; "move": the vjp only moves elements; "sum": it moves and adds them;
        "drop": it mixes them (contractions, factorizations).
    affine: the partial derivatives do not depend on the operands, so they are finite.
    may_raise: may fail because of its values; never moved before a check.
    effect: defines no result, is never removed or reordered.
    jvp: forward mode for ops with bodies, `jvp(tangents, out, *args, **attrs)` with one
        tensor or None per operand; returns the tangent of the result, for several
        results a tuple (None for those that have none). None: derived from the vjp.
    batch: on operands with one more axis in front, see `tapec.batching`. None: applied
        to one element after the other.
    samples: `samples(rng)` yields inputs; empty only for effects.
    """

    name: str
    doc: str
    reference: Callable[..., Any]
    type_rule: TypeRule
    vjp: Vjp
    lower: Lowering
    samples: Callable[[np.random.Generator], Sequence[Sample]]
    promote: Callable[[tuple[Any, ...]], tuple[np.dtype[Any], ...]] | None = None
    liveness: Liveness = "drop"
    affine: bool = False
    may_raise: bool = False
    effect: bool = False
    jvp: Callable[..., Any] | None = None
    batch: BatchRule | None = None

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        """Apply to tensors, arrays and numbers: record, or compute outside a tape."""
        return _bind(self, args, attrs)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)


def _named(name: str) -> Primitive:
    """The record, when it is unpickled."""
    return PRIMITIVES[name]


def _bind(prim: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Replaced by `tensor.bind` when that module is imported (the one upward door)."""
    raise RuntimeError("import tapec before applying a primitive")


def install_bind(
    bind: Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any],
) -> None:
    """Let primitives called as functions reach the recorder."""
    globals()["_bind"] = bind


def primitive(**fields: Any) -> Primitive:
    """Make a record and enter it in `PRIMITIVES`; a name can be taken once."""
    prim = Primitive(**fields)
    if prim.name in PRIMITIVES:
        raise ValueError(f"primitive {prim.name} is defined twice")
    PRIMITIVES[prim.name] = prim
    return prim


# --- elementwise ------------------------------------------------------------


def elementwise(
    *,
    name: str,
    doc: str,
    reference: np.ufunc,
    vjp: Vjp,
    lower: Callable[..., Any] | None,
    domain: Sequence[tuple[float, float]],
    dtypes: str = "df",
    affine: bool = False,
) -> Primitive:
    """A primitive that is one NumPy-style ufunc; operands broadcast.

    lower: `emit(b, *scalars)` (see `Scalar`), or None for the host.
    domain: per operand the open interval where values and derivatives are tested.
    dtypes: NumPy's letters of the operand dtypes to test with.
    """

    def type_rule(*types: ArrayType) -> ArrayType:
        if len(types) != reference.nin:
            raise TypeError(f"{name} takes {reference.nin} operands, not {len(types)}")
        *wanted, out = resolve_ufunc(reference, tuple(t.dtype for t in types))
        for t, dtype in zip(types, wanted, strict=True):
            if t.dtype != dtype:
                listed = ", ".join(map(repr, types))
                raise DTypeError(f"{name}: operands of mixed dtype: {listed}")
        return ArrayType(out, broadcast_shapes(name, *types))

    def samples(rng: np.random.Generator) -> list[Sample]:
        def draw(dtype: str, *shapes: tuple[int, ...]) -> Sample:
            pairs = zip(domain, shapes, strict=False)
            return Sample(tuple(draw_array(rng, ab, s, dtype) for ab, s in pairs))

        return [
            draw(dtypes[0], (2, 3), (2, 3), (2, 3)),
            draw(dtypes[0], (), (), ()),
            draw(dtypes[0], (2, 1), (3,), (1, 3)),
            draw(dtypes[0], (0, 3), (1, 3), (3,)),
            *(draw(dtype, (2, 3), (2, 1), (3,)) for dtype in dtypes[1:]),
        ]

    return primitive(
        name=name, doc=doc, reference=reference, type_rule=type_rule, vjp=vjp,
        lower=HOST if lower is None else Scalar(lower), samples=samples,
        promote=promote_ufunc(reference), liveness="keep", affine=affine, batch=aligned,
    )  # fmt: skip


def draw_array(
    rng: np.random.Generator,
    interval: tuple[float, float],
    shape: tuple[int, ...],
    dtype: str = "d",
) -> np.ndarray[Any, Any]:
    """Uniform numbers of an interval; for integers those that lie inside it."""
    low, high = interval
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if kind in "iu":
        low = max(low, 0) if kind == "u" else low
        first, last = math.floor(low) + 1, math.ceil(high) - 1
        return rng.integers(first, max(last, first) + 1, shape).astype(dtype)
    x = rng.uniform(low, high, shape)
    return (x + 1j * rng.uniform(low, high, shape) if kind == "c" else x).astype(dtype)


def no_samples(rng: np.random.Generator) -> tuple[Sample, ...]:
    """For effects, which have no result to test."""
    return ()


NO_RESULT = TupleType(())
