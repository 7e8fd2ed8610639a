"""Which extents of the arguments may vary: `spec`, and how it is read per leaf."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from tapec.containers import Structure
from tapec.errors import DTypeError, ShapeError
from tapec.operators import Operators

__all__ = ["Shape", "Spec", "check", "named", "spec", "specs_by_name"]

Shape = tuple[Any, ...]
"""Of an argument: an integer, or the name of a size, per axis."""


class Spec(NamedTuple):
    """Made by `spec`."""

    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any] | None = None


def spec(shape: Sequence[int | str | None], dtype: Any = None) -> Spec:
    """The type of an argument whose extents may vary from call to call.

    shape: an integer for an extent that is always the same, a name for one that may
    vary; equal names are equal extents, in all arguments. None: varies on its own.
    dtype: what the argument must have; None: anything.

    Given to `jit`, `grad`, ... as `specs=`: a sequence with one entry per argument, or
    a dictionary by argument name. An entry is a spec, a container of specs like the
    argument, or None for an argument whose shape is part of the signature as usual.
    One program serves all sizes. A call that contradicts its spec raises ShapeError
    (or DTypeError) with the argument, the axis and both sizes. Where the function
    needs a size as a Python number (`len(x)`, `range(n)`, `n == 3`), programs are made
    for that size alone, and `explain_retrace()` shows the line. A symbolic extent never
    broadcasts, even when it is 1.

    >>> import numpy as np, tapec
    >>> rows = tapec.spec(("n", 2), np.float64)
    >>> mean = tapec.jit(lambda x: np.sum(x) / x.shape[0], specs=[rows])
    >>> float(mean(np.ones((3, 2)))), float(mean(np.ones((5, 2))))
    (2.0, 2.0)
    >>> mean.signatures
    ['(%x: f64[n,2])']
    """
    for n in shape:
        if not (n is None or isinstance(n, int) or (type(n) is str and _is_name(n))):
            raise ValueError(f"spec: {n!r} is no size, name or None")
    return Spec(tuple(shape), None if dtype is None else np.dtype(dtype))


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii()


def specs_by_name(fun: Callable[..., Any], specs: Any) -> dict[str, Any]:
    """What `specs=` says, by argument name."""
    if isinstance(specs, Mapping):
        return dict(specs)
    return dict(zip(signature(fun).parameters, specs, strict=False))


# --- per leaf -----------------------------------------------------------------


def named(
    fun: Callable[..., Any], structure: Structure, leaves: Sequence[Any],
    specs: Mapping[str, Any] | None,
) -> list[tuple[str, Spec | None]]:  # fmt: skip
    """For each leaf of the arguments what to call it, and its spec.

    specs: None where every array's first extent may vary.
    """
    args, kw = structure.children
    names = list(signature(fun).parameters)
    parts = [(names[min(i, len(names) - 1)], c) for i, c in enumerate(args.children)]
    parts += list(zip(kw.data, kw.children, strict=True))
    found: list[tuple[str, Spec | None]] = []
    for name, part in parts:
        given = None if specs is None else specs.get(name)
        found += [(name + path, s) for path, s in _per_leaf(part, given, name)]
    if specs is None:
        rows = zip(found, leaves, strict=True)
        found = [(name, _leading(x)) for (name, _), x in rows]
    return found


def _leading(x: Any) -> Spec | None:
    """Of an array whose first extent may vary."""
    shape = x.shape if isinstance(x, (np.ndarray, Operators)) else ()
    return Spec((None, *shape[1:])) if shape else None


def _per_leaf(part: Structure, given: Any, name: str) -> Iterator[tuple[str, Any]]:
    if given is None or isinstance(given, Spec):
        for path in part.paths():
            yield path, given
        return
    for label, child in zip(part.labels(), part.children, strict=True):
        for path, s in _per_leaf(child, _child(given, label, name), name):
            yield label + path, s


def _child(given: Any, label: str, name: str) -> Any:
    """The entry of a container of specs that an argument's label names."""
    try:
        if label[0] == ".":
            return getattr(given, label[1:])
        key = label[1:-1]
        return given[int(key) if re.fullmatch(r"\d+", key) else key.strip("'\"")]
    except (KeyError, IndexError, AttributeError, TypeError):
        text = f"specs of {name} have nothing for {name}{label}"
        raise ValueError(text) from None


def check(
    function: str, rows: Sequence[tuple[str, Spec | None]], leaves: Sequence[Any]
) -> None:
    """Raise where the arguments contradict their specs."""
    first: dict[str, tuple[int, str]] = {}
    for (name, s), x in zip(rows, leaves, strict=True):
        if s is None:
            continue
        shape = np.shape(x)
        if len(shape) != len(s.shape):
            raise ShapeError(
                f"{function}: argument {name} has shape {shape}, its spec {shown(s)} "
                f"wants {len(s.shape)} axes"
            )
        if s.dtype is not None and x.dtype != s.dtype:
            raise DTypeError(
                f"{function}: argument {name} has dtype {x.dtype}, its spec "
                f"{shown(s)} wants {s.dtype}"
            )
        for axis, (n, wanted) in enumerate(zip(shape, s.shape, strict=True)):
            place = f"axis {axis} of argument {name}"
            if type(wanted) is str:
                size, where = first.setdefault(wanted, (n, place))
                if n != size:
                    raise ShapeError(
                        f"{function}: {wanted} is {n} in {place} but {size} in {where}"
                    )
            elif wanted is not None and n != wanted:
                raise ShapeError(
                    f"{function}: {place} has size {n}, its spec {shown(s)} "
                    f"wants {wanted}"
                )


def shown(s: Spec) -> str:
    """A spec's shape as the user writes it."""
    return repr(s.shape)
