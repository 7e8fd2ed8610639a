"""Loops outside of any tape: Python runs them, the rules for carries are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapec import containers
from tapec.carries import Carry, flat, here, step_result, traced_step
from tapec.containers import Structure
from tapec.errors import TraceError
from tapec.ir import ArrayType
from tapec.operators import Operators
from tapec.tensor import Tensor, Weak, as_tensor

__all__ = ["eager_scan"]


def eager_scan(
    f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: list[Any],
    x_structure: Structure, steps: int, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """`scan`, step by step."""
    leaves, structure = flat(init)
    carry = Carry("scan", leaves, structure)
    if steps == 0:
        return _no_steps(f, carry, leaves, xs, x_structure)
    rows: list[Any] = [None] * steps
    y_structure = None
    for t in reversed(range(steps)) if reverse else range(steps):
        c = containers.unflatten(structure, leaves)
        x = containers.unflatten(x_structure, [x[t] for x in xs])
        following, y = step_result("scan", f(c, x))
        leaves = carry.back(following)
        rows[t], found = flat(y)
        if y_structure not in (None, found):
            text = f"scan: the outputs are {y_structure!r} first and {found!r} later"
            raise here(TraceError(text))
        y_structure = found
    assert y_structure is not None
    ys = [_stacked(column) for column in zip(*rows, strict=True)]
    return (
        containers.unflatten(structure, leaves),
        containers.unflatten(y_structure, ys),
    )


def _stacked(column: tuple[Any, ...]) -> Any:
    arrays = [x.array if isinstance(x, Operators) else x for x in column]
    stacked = np.stack(arrays)
    if any(isinstance(x, Operators) for x in column):
        return Tensor.holding(stacked)
    return stacked


def _no_steps(
    f: Callable[[Any, Any], tuple[Any, Any]], carry: Carry, leaves: list[Any],
    xs: list[Any], x_structure: Structure,
) -> tuple[Any, Any]:  # fmt: skip
    """Nothing runs, but the types are those of a step."""
    elements = [ArrayType(x.dtype, x.shape[1:]) for x in map(as_tensor, xs)]
    step = traced_step("scan", f, carry, elements, x_structure)
    results = step.function.results[carry.size :]
    ys = [np.zeros((0, *r.shape), r.dtype) for r in results]
    finals = [
        x if type(kind) is Weak else np.asarray(x, type_.dtype)
        for x, kind, type_ in zip(leaves, carry.kinds, carry.types, strict=True)
    ]
    return (
        containers.unflatten(carry.structure, finals),
        containers.unflatten(step.structure, ys),
    )
