"""What belongs to the structure of arguments, in a form that compares.

Plain values (strings, flags, enums, types) compare by value, functions by their code
and what it holds, all else by identity.
"""

from __future__ import annotations

import enum
import types
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from inspect import signature
from typing import Any

import numpy as np

__all__ = ["Static", "mark_static", "static_key", "static_names"]

_BY_VALUE = (str, bytes, bool, enum.Enum, type, np.dtype, slice)


class Static:
    """Marks an argument that is part of the structure, whatever it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Identity:
    """An object of the structure: equal to itself only, and not kept alive."""

    __slots__ = ("_id", "_ref", "reference")

    def __init__(self, value: Any) -> None:
        self._id = id(value)
        self.reference: weakref.ref[Any] | None = None
        self._ref: Callable[[], Any] = lambda: value
        with suppress(TypeError):
            self._ref = self.reference = weakref.ref(value)

    def get(self) -> Any:
        return self._ref()

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identity) or self._id != other._id:
            return False
        return self.get() is other.get() is not None

    def __repr__(self) -> str:
        return f"<{type(self.get()).__name__}>"


class _Code:
    """A function of the structure: equal when code, defaults and cells are."""

    __slots__ = ("function", "key")

    def __init__(self, function: types.FunctionType) -> None:
        cells = [static_key(c.cell_contents) for c in function.__closure__ or ()]
        defaults = [static_key(d) for d in function.__defaults__ or ()]
        self.key = (function.__code__, tuple(cells), tuple(defaults))
        self.function = function

    def get(self) -> Any:
        return self.function

    def __hash__(self) -> int:
        return hash(self.function.__code__.co_name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Code) and self.key == other.key

    def __repr__(self) -> str:
        return self.function.__qualname__


class _ByValue:
    """A plain value of the structure; `True` and `1` differ."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _ByValue)
            and type(other.value) is type(self.value)
            and bool(other.value == self.value)
        )

    def __repr__(self) -> str:
        return repr(self.value)


def static_key(value: Any) -> Any:
    """A hashable stand-in for something that is not a leaf."""
    if isinstance(value, (*_BY_VALUE, int, float, complex, type(None))):
        return _ByValue(value)
    if isinstance(value, types.FunctionType):
        return _Code(value)
    if isinstance(value, (tuple, frozenset)):
        try:
            hash(value)
        except TypeError:
            return _Identity(value)
        return _ByValue(value)
    return _Identity(value)


def static_names(
    fun: Callable[..., Any],
    argnums: int | Iterable[int],
    argnames: str | Iterable[str],
) -> frozenset[str]:
    """The parameters that `static_argnums` and `static_argnames` mean."""
    argnums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    argnames = (argnames,) if isinstance(argnames, str) else tuple(argnames)
    if not argnums and not argnames:
        return frozenset()
    parameters = signature(fun).parameters
    names = list(parameters)
    wrong: list[Any] = [i for i in argnums if not -len(names) <= i < len(names)]
    how = "static_argnums" if wrong else "static_argnames"
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        wrong += [name for name in argnames if name not in parameters]
    if wrong:
        called = getattr(fun, "__name__", "the function")
        listed = ", ".join(names) or "none"
        raise ValueError(
            f"{how}: {called} has no parameter {wrong[0]}; it has {listed}"
        )
    return frozenset((*argnames, *(names[i] for i in argnums)))


def mark_static(
    fun: Callable[..., Any],
    names: frozenset[str],
    args: tuple[Any, ...],
    kw: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, those of static parameters marked."""
    order = list(signature(fun).parameters)
    marked = tuple(
        Static(a) if i < len(order) and order[i] in names else a
        for i, a in enumerate(args)
    )
    return marked, {k: Static(v) if k in names else v for k, v in kw.items()}
