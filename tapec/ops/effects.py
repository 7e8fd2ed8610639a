"""Ops that do something instead of defining a result.

They stay in the schedule in their order; no pass removes or merges them. What runs a
program gives `assign` its meaning: new contents are stored once all checks have passed,
so the reference only accepts the value.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tapec.batching import Batch, whole
from tapec.errors import CheckFailed, DTypeError, ShapeError, TraceError
from tapec.ir import ArrayType, TupleType
from tapec.primitive import HOST, NO_RESULT, no_samples, primitive

__all__ = ["assert_", "assign", "check", "print_"]


def _check_type(t: ArrayType, *, expected: bool | int) -> TupleType:
    if t.shape != ():
        raise ShapeError(f"check: the operand is no scalar but {t!r}")
    kinds = "b" if isinstance(expected, bool) else "iu"
    if t.dtype.kind not in kinds:
        raise DTypeError(f"check: {t!r} is never {expected}")
    return NO_RESULT


def _check(value: Any, *, expected: bool | int) -> None:
    if value != expected:
        raise CheckFailed


def _check_batch(batch: Batch, value: Any, *, expected: bool | int) -> None:
    raise TraceError(
        "a number that differs between the elements of a batch steers Python here (a "
        "branch, .item(), an index of an ndarray); use np.where(condition, a, b), "
        "tapec.cond, tapec.numpy.take(array, index)"
    )


check = primitive(
    name="check",
    doc="End this version of the program unless a scalar is what it was when traced.",
    reference=_check,
    type_rule=_check_type,
    vjp=None,
    lower=HOST,
    samples=no_samples,
    batch=_check_batch,
    may_raise=True,
    effect=True,
)


def _assert_type(t: ArrayType, *, message: str = "") -> TupleType:
    if t.dtype.kind != "b":
        raise DTypeError(f"assert: the operand is not boolean but {t!r}")
    return NO_RESULT


def _assert(value: Any, *, message: str = "") -> None:
    if not np.all(value):
        raise AssertionError(message)


assert_ = primitive(
    name="assert",
    doc="Raise AssertionError unless every element is true.",
    reference=_assert,
    type_rule=_assert_type,
    vjp=None,
    lower=HOST,
    samples=no_samples,
    batch=whole,
    may_raise=True,
    effect=True,
)


def _assign_type(t: ArrayType, *, variable: int) -> TupleType:
    if variable < 0:
        raise TypeError(f"assign: there is no variable {variable}")
    return NO_RESULT


def _assign(value: Any, *, variable: int) -> None:
    return None


def _assign_batch(batch: Batch, value: Any, *, variable: int) -> None:
    raise TraceError(
        "the elements of a batch cannot each assign one variable; return the values "
        "and assign outside of vmap"
    )


assign = primitive(
    name="assign",
    doc="New contents for a variable of the program, counted from 0.",
    reference=_assign,
    type_rule=_assign_type,
    vjp=None,
    lower=HOST,
    samples=no_samples,
    batch=_assign_batch,
    effect=True,
)


def _print_type(*types: ArrayType, text: str = "{}") -> TupleType:
    _filled(text, types)
    return NO_RESULT


def _print(*values: Any, text: str = "{}") -> None:
    sys.stdout.write(_filled(text, values) + "\n")


def _filled(text: str, values: tuple[Any, ...]) -> str:
    """`text` with its `{}` replaced in order; other braces stay as they are."""
    parts = text.split("{}")
    if len(parts) != len(values) + 1:
        raise TypeError(f"print: {len(values)} values for {len(parts) - 1} places")
    shown = [str(value) for value in values]
    return parts[0] + "".join(a + b for a, b in zip(shown, parts[1:], strict=True))


print_ = primitive(
    name="print",
    doc="Write a line to the standard output, `{}` replaced by the values.",
    reference=_print,
    type_rule=_print_type,
    vjp=None,
    lower=HOST,
    samples=no_samples,
    batch=whole,
    effect=True,
)
