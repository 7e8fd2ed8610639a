"""What `check_nan` looks at: a function, and its gradient if its result is a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.debugging.trees import name_of
from tapec.errors import TraceError
from tapec.ir import Function, Value
from tapec.ops.cast import copy

__all__ = ["called", "labels_of", "subject"]


def called(v: Value) -> str:
    """As `name_of`; the copy of an argument that its gradient is taken by is it."""
    while v.prim is copy:
        (v,) = v.args
    return name_of(v)


def subject(
    f: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any],
    gradient: bool | None,
) -> tuple[Function, list[Any], list[str], str]:  # fmt: skip
    from tapec.compiled import Compiled
    from tapec.inspect import inspect

    seen = inspect(f, *args, **kw)
    derived = isinstance(f, Compiled) and f.body is not f.fun
    if gradient is not False and not (derived and gradient is None):
        number = len(seen.recorded.results) == 1 and _is_number(seen.recorded.results)
        names = _floating(args)
        if names and (number or gradient):
            try:
                return _with_gradient(f, args, kw, names)
            except TraceError as error:
                if gradient:
                    raise
                note = f"without a gradient: {str(error).splitlines()[0]}"
                return seen.recorded, seen.inputs, labels_of(seen.recorded), note
    return seen.recorded, seen.inputs, labels_of(seen.recorded), ""


def _is_number(results: Sequence[Value]) -> bool:
    type_ = results[0].type
    return bool(type_.shape == () and type_.dtype.kind == "f")


def _floating(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The arguments that are floating numbers throughout."""
    found = []
    for i, x in enumerate(args):
        leaves = containers.flatten(x)[0]
        kinds = {np.asarray(getattr(leaf, "array", leaf)).dtype.kind for leaf in leaves}
        if leaves and kinds <= {"f"}:
            found.append(i)
    return tuple(found)


def _with_gradient(
    f: Any, args: tuple[Any, ...], kw: dict[str, Any], argnums: tuple[int, ...]
) -> tuple[Function, list[Any], list[str], str]:
    from tapec.inspect import inspect
    from tapec.transform import value_and_grad

    seen = inspect(value_and_grad(f, argnums), *args, **kw)
    names = [called(p) for p in seen.recorded.params]
    labels = ["the value"]
    labels += [f"the gradient by {name}" for name in names]
    extra = len(seen.recorded.results) - len(labels)
    if extra > 0:
        labels += labels_of(seen.recorded)[len(labels) :]
    return seen.recorded, seen.inputs, labels, ""


def labels_of(fn: Function) -> list[str]:
    """What the results are called in a report."""
    if len(fn.results) == 1:
        return ["the result"]
    return [f"result {i}" for i in range(len(fn.results))]
