"""How what transformations give is pickled and copied: as what it is made of.

A function that its module names is pickled by that name, as Python's are. Others are
pickled as the transformation, the user's function and the options, and made again;
what was compiled is compiled again, or comes from the cache.

Names in `__main__` mean something to processes that run the same program, which is what
`pickle` relies on, and nothing to others, which is why cloudpickle sends the code of
such functions. A decorated function hides the user's; so pickles refer to that as
`name._function`, a function of its own that both find what they look for in.
"""

from __future__ import annotations

import copy
import functools
import sys
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

__all__ = ["Remade", "remembered"]

Make = TypeVar("Make", bound=Callable[..., Any])
Recipe = tuple[Any, tuple[Any, ...], dict[str, Any]]

NAMES = ("__module__", "__name__", "__qualname__", "__doc__")
KNOWN = {"fun", "body", "passes", "recipe", "__wrapped__", "__annotations__", *NAMES}
HELP = "which no name in a module leads to: use cloudpickle, or tapec.export"


def remembered(make: Make) -> Make:
    """A transformation whose results know that they were made by it, and from what."""

    @functools.wraps(make)
    def remembering(fun: Any = None, *args: Any, **kw: Any) -> Any:
        made = make(fun, *args, **kw)
        if isinstance(made, Remade) and made.recipe is None:
            made.recipe = remembering, args, kw
        return made

    return remembering  # type: ignore[return-value]


class Remade:
    """What a transformation makes of `fun`: it pickles and copies as functions do.

    recipe: the transformation and its options.
    """

    fun: Any
    recipe: Recipe | None
    _twin: Any

    @property
    def _function(self) -> Any:
        """The user's function, for pickles."""
        if self._twin is None:
            self._twin = _twin_of(self.fun, _path(self))
        return self._twin

    def __reduce__(self) -> Any:
        module, path = self.__module__, _path(self)
        if self.recipe is None or (path and not _goes_by_value(module)):
            return path or str(self.__dict__.get("__qualname__"))
        make, args, kw = self.recipe
        names = {k: v for k, v in self.__dict__.items() if k in NAMES}
        hidden = isinstance(self.fun, types.FunctionType) and not _named(self.fun)
        fun = self._function if hidden else self.fun
        return _found_or_made, (path, names, make, fun, args, kw), _attributes(self)

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            self.__dict__.setdefault(name, value)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Itself; made again of a copy of what it is made of, if that is copied."""
        fun = copy.deepcopy(self.fun, memo)
        if fun is self.fun or self.recipe is None:
            return self
        make, args, kw = self.recipe
        made = make(fun, *args, **kw)
        made.__dict__.update(copy.deepcopy(_attributes(self), memo))
        return made


# --- pickling ---------------------------------------------------------------------


def _twin_of(fun: types.FunctionType, path: str) -> types.FunctionType:
    """A copy of the function that is found as `path._function`, if there is a path."""
    parts = fun.__code__, fun.__globals__, fun.__name__, fun.__defaults__
    made = types.FunctionType(*parts, fun.__closure__)
    made.__dict__.update(fun.__dict__)
    made.__module__, made.__doc__ = fun.__module__, fun.__doc__
    made.__kwdefaults__, made.__annotations__ = fun.__kwdefaults__, fun.__annotations__
    made.__qualname__ = f"{path}._function" if path else f"{fun.__name__}, {HELP},"
    return made


def _attributes(thing: Any) -> dict[str, Any]:
    """What users have put into it."""
    items = thing.__dict__.items()
    return {k: v for k, v in items if k not in KNOWN and not k.startswith("_")}


def _found_or_made(
    path: str, names: dict[str, Any], make: Any, fun: Any, args: Any, kw: Any
) -> Any:
    """What a pickle stands for: what has that name here, or something new."""
    there = _at(names["__module__"], path) if path else None
    if isinstance(there, Remade) and (fun is there.fun or fun is there._twin):
        return there
    if isinstance(fun, types.FunctionType) and _named(fun):
        try:
            return _made_once(make, fun, args, tuple(kw.items()))
        except TypeError:  # an option that does not hash
            return make(fun, *args, **kw)
    if isinstance(fun, types.FunctionType):
        fun.__qualname__ = names["__qualname__"]
    made = make(fun, *args, **kw)
    made.__dict__.update(names)
    return made


@lru_cache(maxsize=64)
def _made_once(make: Any, fun: Any, args: Any, options: Any) -> Any:
    """One for all that are unpickled, so that it is compiled once."""
    return make(fun, *args, **dict(options))


# --- names ------------------------------------------------------------------------


def _at(module: str, path: str) -> Any:
    thing: Any = sys.modules.get(module)
    for name in path.split("."):
        thing = getattr(thing, name, None)
    return thing


def _named(fun: types.FunctionType) -> bool:
    return _at(fun.__module__, fun.__qualname__) is fun


def _path(thing: Any) -> str:
    """The name that leads to `thing` in its module, decorators included, or nothing."""
    path = str(thing.__dict__.get("__qualname__", ""))
    found = _at(thing.__module__, path)
    while isinstance(found, Remade):
        if found is thing:
            return path
        found, path = found.fun, f"{path}.fun"
    return ""


def _goes_by_value(module: str) -> bool:
    """Whether other processes may have no such module, or another one."""
    cloudpickle = sys.modules.get("cloudpickle")
    known: Mapping[str, Any] | set[str] = set()
    if cloudpickle is not None:
        known = cloudpickle.list_registry_pickle_by_value()
    parents = [module[:i] for i, c in enumerate(f"{module}.") if c == "."]
    return module == "__main__" or any(name in known for name in parents)
