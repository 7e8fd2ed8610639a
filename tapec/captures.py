"""What a traced function closes over, and noticing when it is bound anew.

Arrays and variables that the function reads are inputs of the program. Those that a
cell, a global or an attribute of `self` names are looked up again at each call; plain
numbers found there are part of the version: a change traces again.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tapec.native.forms import Read
from tapec.operators import Operators
from tapec.recording import Array, array_of

__all__ = ["Bindings", "function_code", "named_places"]


class Bindings:
    """The captured sources of one version."""

    def __init__(self, fun: Callable[..., Any], sources: list[Any]) -> None:
        self.sources = sources
        found = [(*place, place[0](*place[1:])) for place in named_places(fun)]
        places = {id(place[3]): place[:3] for place in found}
        self._places = [places.get(id(s)) for s in sources]
        self._types = [(a.dtype, a.shape) for a in map(array_of, sources)]
        self._numbers = [place for place in found if isinstance(place[3], _NUMBERS)]

    @property
    def numbers(self) -> list[Read]:
        """Names that were bound to numbers, which are part of the version."""
        return [
            Read(_KINDS[get], owner, name, before)
            for get, owner, name, before in self._numbers
        ]

    @property
    def reads(self) -> list[Read]:
        """How each source is looked up."""
        return [
            Read("held", None, "", source)
            if place is None
            else Read(_KINDS[place[0]], place[1], place[2], source)
            for source, place in zip(self.sources, self._places, strict=True)
        ]

    def equal_numbers(self) -> list[Any] | None:
        """What the names of `numbers` are bound to now; None if it is not equal."""
        found = []
        for get, owner, name, before in self._numbers:
            now = get(owner, name)
            if now is not before and (type(now) is not type(before) or now != before):
                return None
            found.append(now)
        return found

    def arrays(self) -> list[Array] | None:
        """Current contents of the sources; None when a version for others is needed."""
        if not self.sources and not self._numbers:
            return []
        if self.equal_numbers() is None:
            return None
        found = []
        for source, place, type_ in zip(
            self.sources, self._places, self._types, strict=True
        ):
            now = source if place is None else place[0](place[1], place[2])
            if not isinstance(now, (np.ndarray, Operators)):
                return None
            array = array_of(now)
            if (array.dtype, array.shape) != type_:
                return None
            found.append(array)
        return found

    def describe(self) -> list[str]:
        """One line per captured value: how it is bound."""
        lines = []
        for source, place, (dtype, shape) in zip(
            self.sources, self._places, self._types, strict=True
        ):
            kind = type(source).__name__.lower()
            how = (
                "held by reference" if place is None else f"read again from {place[2]}"
            )
            lines.append(f"{kind} {dtype}{list(shape)}: {how}")
        return lines


def _cell(owner: Any, name: str) -> Any:
    try:
        return owner.cell_contents
    except ValueError:
        return _MISSING


def _global(owner: Any, name: str) -> Any:
    return owner.get(name, _MISSING)


def _attribute(owner: Any, name: str) -> Any:
    return owner.__dict__.get(name, _MISSING)


_MISSING = object()
_KINDS: dict[Any, str] = {_cell: "cell", _global: "item", _attribute: "attribute"}
_NUMBERS = (int, float, complex, str, type(None))


def named_places(fun: Any) -> Iterator[tuple[Callable[[Any, str], Any], Any, str]]:
    """Every cell, named global and attribute that the function can read by name."""
    seen: set[int] = set()
    stack = [fun]
    while stack:
        f = stack.pop()
        if id(f) in seen:
            continue
        seen.add(id(f))
        if isinstance(f, functools.partial):
            stack.append(f.func)
        elif isinstance(f, types.MethodType):
            yield from _attributes(f.__self__, f.__func__.__code__)
            stack.append(f.__func__)
        elif isinstance(f, types.FunctionType):
            yield from _of_function(f, stack)
        elif hasattr(f, "__wrapped__"):
            stack.append(f.__wrapped__)


def _of_function(
    f: types.FunctionType, stack: list[Any]
) -> Iterator[tuple[Callable[[Any, str], Any], Any, str]]:
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    for name, cell in cells:
        yield _cell, cell, name
        inner = _cell(cell, name)
        if isinstance(inner, (types.FunctionType, types.MethodType)):
            stack.append(inner)
        elif hasattr(inner, "__dict__") and not isinstance(
            inner, (type, types.ModuleType)
        ):
            yield from _attributes(inner, f.__code__)
    for name in _names(f.__code__):
        value = f.__globals__.get(name, _MISSING)
        if value is _MISSING:
            continue
        yield _global, f.__globals__, name
        if isinstance(value, types.FunctionType) and value.__module__ == f.__module__:
            stack.append(value)


def _attributes(
    owner: Any, code: types.CodeType
) -> Iterator[tuple[Callable[[Any, str], Any], Any, str]]:
    held = getattr(owner, "__dict__", None)
    if not isinstance(held, dict):
        return
    for name in _names(code):
        if name in held:
            yield _attribute, owner, name


def _names(code: types.CodeType) -> Iterator[str]:
    """Names read by the code and by functions defined inside it."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)


def function_code(fun: Any) -> Any:
    """The code object of the user's function, through partials and wrappers."""
    while True:
        if isinstance(fun, functools.partial):
            fun = fun.func
        elif hasattr(fun, "__wrapped__"):
            fun = fun.__wrapped__
        elif isinstance(fun, types.MethodType):
            fun = fun.__func__
        else:
            return getattr(fun, "__code__", None)
