"""Ops that do something instead of defining a result.

They stay in the schedule in their order; no pass removes or merges them. What runs a
program gives `assign` its meaning: new contents are stored once all checks have passed,
so the reference only accepts the value.
"""

from __future__ import annotations

import sys
from string import Formatter
from typing import Any

import numpy as np

from tapec.batching import Batch, whole
from tapec.errors import CheckFailed, DTypeError, ShapeError, TraceError
from tapec.ir import ArrayType, TupleType
from tapec.primitive import HOST, NO_RESULT, no_samples, primitive

__all__ = ["assert_", "assign", "check", "filled", "print_"]


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


def _assert_type(t: ArrayType, *types: ArrayType, message: str = "") -> TupleType:
    if t.dtype.kind != "b":
        raise DTypeError(f"assert: the operand is not boolean but {t!r}")
    if types:
        _places("assert", message, types)
    return NO_RESULT


def _assert(holds: Any, *values: Any, message: str = "") -> None:
    if not np.all(holds):
        raise AssertionError(filled(message, values) if values else message)


assert_ = primitive(
    name="assert",
    doc="Raise AssertionError unless every element of the first operand is true; the "
    "others fill the `{}` of the message, as in `print`.",
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


# --- text with values in it ---------------------------------------------------


def _places(op: str, text: str, types: tuple[Any, ...]) -> None:
    """TypeError unless there are as many `{}` as values."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise TypeError(f"{op}: {error} in {text!r}; write {{{{ for a brace") from None
    if any(fields):
        raise TypeError(f"{op}: places are {{}} or {{:.3f}}, not {{{max(fields)}}}")
    if len(fields) != len(types):
        raise TypeError(f"{op}: {len(types)} values for {len(fields)} places")


def filled(text: str, values: tuple[Any, ...]) -> str:
    """`text` with its places, `{}` or `{:.3f}`, replaced in order; `{{` is a brace."""
    left = iter(values)
    parts = []
    for literal, name, spec, conversion in Formatter().parse(text):
        parts.append(literal)
        if name is not None:
            parts.append(_shown(next(left), spec or "", conversion))
    return "".join(parts)


def _shown(value: Any, spec: str, conversion: str | None) -> str:
    """One value; a specification is for each element of an array."""
    if conversion == "r":
        return format(repr(value), spec)
    if not spec:
        return str(value)
    if np.ndim(value) == 0:
        return format(np.asarray(value).item(), spec)
    formats: Any = {"all": lambda x: format(x.item(), spec)}
    return np.array2string(value, formatter=formats)


def _print_type(*types: ArrayType, text: str = "{}") -> TupleType:
    _places("print", text, types)
    return NO_RESULT


def _print(*values: Any, text: str = "{}") -> None:
    sys.stdout.write(filled(text, values) + "\n")


print_ = primitive(
    name="print",
    doc="Write a line to the standard output; each `{}`, or `{:.3f}` with a format "
    "specification of Python's, is replaced by a value.",
    reference=_print,
    type_rule=_print_type,
    vjp=None,
    lower=HOST,
    samples=no_samples,
    batch=whole,
    effect=True,
)
