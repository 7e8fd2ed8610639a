"""What a rule of simplification is, the table of them, and what they ask of values.

Rules for writing rules
-----------------------
* A rule is an identity for every value of its dtype, NaN, infinities and the sign of
  zero included: `x + 0.0 = x` is not one (x = -0.0), `x - 0.0 = x` is.
* The right side is never worse: fewer ops, or cheaper ones; no rule undoes another.
* A rule sees one op whose operands are already simplified. It returns an existing
  value, a `(primitive, operands, attributes)` that takes its place, or None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.primitive import Primitive, Scalar

__all__ = ["RULES", "New", "Outcome", "is_elementwise", "is_number", "is_op", "rule"]
__all__ += ["repeated", "same_type"]


class New(NamedTuple):
    """An op that takes the place of another."""

    prim: Primitive
    args: tuple[Any, ...]  # values, or new ops in their turn
    attrs: dict[str, Any] = {}  # noqa: RUF012  (never written)


Outcome = Value | New | None
RuleBody = Callable[[Value], Outcome]
RULES: dict[str, list[tuple[str, RuleBody]]] = defaultdict(list)
"""Rules by the primitive at their root, each with its algebra."""


def rule(algebra: str, *primitives: str) -> Callable[[RuleBody], RuleBody]:
    """Enter a rule for ops of these primitives."""

    def enter(body: RuleBody) -> RuleBody:
        for name in primitives:
            RULES[name].append((algebra, body))
        return body

    return enter


def is_op(v: Value, name: str) -> bool:
    return v.prim is not None and v.prim.name == name


def same_type(v: Value, op: Value) -> bool:
    return v.type is op.type


def is_number(v: Value, number: float) -> bool:
    """A constant all of whose elements are `number`, the sign of zero included."""
    if is_op(v, "broadcast_to"):
        v = v.args[0]
    if not is_op(v, "const"):
        return False
    array = v.attr("value").array
    if array.size == 0 or array.dtype.kind == "b":
        return False
    wanted = np.array(number, array.dtype)
    return bool(np.all(array == wanted)) and (
        number != 0 or bool(np.all(np.signbit(array.real) == np.signbit(number)))
    )


def repeated(v: Value) -> Any:
    """The number that all elements of a constant are, the sign of zero aside; or None.

    Of a floating-point NaN too it is None.
    """
    if is_op(v, "broadcast_to"):
        v = v.args[0]
    if not is_op(v, "const"):
        return None
    flat = v.attr("value").array.reshape(-1)
    return flat[0] if flat.size and np.all(flat == flat[0]) else None


def is_elementwise(prim: Primitive) -> bool:
    """Whether it works on each element by itself, and broadcasts."""
    return prim.liveness == "keep" and isinstance(prim.lower, Scalar)
