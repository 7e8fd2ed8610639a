"""Passes of the user's own: where they stand, and what is checked after them.

@custom_pass(before="fuse")
def my_pass(fn): ...

jit(f, passes=[my_pass])       of one function
add_pass(my_pass)              of every function from now on
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tapec.errors import TapecError
from tapec.ir import Function
from tapec.locks import lock
from tapec.passes import pipeline
from tapec.verify import verify

__all__ = [
    "CustomPass",
    "PassError",
    "add_pass",
    "added",
    "custom_pass",
    "on_change",
    "plan",
    "remove_pass",
]

PLACE = "simplify"
"""A pass that says nothing else stands before this one: what comes after tidies up."""


class PassError(TapecError):
    """A pass of the user's own gave something else than a function of the same kind."""


class CustomPass(NamedTuple):
    """A pass of the user's own; calling it transforms a function and checks the result.

    before, after: the built-in pass that it stands next to; one of them is empty.
    """

    name: str
    transform: Callable[[Function], Function]
    before: str = ""
    after: str = ""

    def __call__(self, fn: Function) -> Function:
        made = self.transform(fn)
        if not isinstance(made, Function):
            raise PassError(f"the pass {self.name} returned {made!r}, not a Function")
        for what in ("params", "results"):
            old = [v.type for v in getattr(fn, what)]
            new = [v.type for v in getattr(made, what)]
            if old != new:
                raise PassError(
                    f"the pass {self.name} changed the types of the {what} of "
                    f"@{fn.name} from {old} to {new}"
                )
        verify(made, after=f"the pass {self.name}")
        return made

    def __str__(self) -> str:
        return self.name


def custom_pass(
    fun: Callable[[Function], Function] | None = None, *, name: str = "",
    before: str = "", after: str = "",
) -> Any:  # fmt: skip
    """Make a pass of a function from `Function` to `Function`.

    before, after: the built-in pass that it stands next to (`tapec.inspect` lists them
    all); before "simplify" by default, so that what it leaves is simplified, merged and
    cleared away. name: the function's, if nothing else is said. After each run the
    result is verified, and must have the parameters and results that it had.

    ValueError for a place or name that cannot be. See docs/passes.md.

    >>> import tapec
    >>> @tapec.custom_pass(after="dce")
    ... def unchanged(fn):
    ...     return fn
    >>> tapec.jit(lambda x: x + 1, passes=[unchanged])(2.0)
    3.0
    """
    if fun is None:
        return lambda f: custom_pass(f, name=name, before=before, after=after)
    name = name or getattr(fun, "__name__", type(fun).__name__)
    if not name.isidentifier() or name in (*pipeline.PASSES, "recorded", "optimized"):
        why = "is taken" if name.isidentifier() else "is no name"
        raise ValueError(f"{name!r} {why}; give the pass one with name=...")
    if before and after:
        raise ValueError(f"{name}: before or after, not both")
    for place in filter(None, (before, after)):
        if place not in pipeline.DEFAULT:
            close = difflib.get_close_matches(place, pipeline.DEFAULT, 1)
            known = close[0] if close else ", ".join(pipeline.DEFAULT)
            raise ValueError(f"{name}: no pass {place} runs; did you mean {known}?")
    return CustomPass(name, fun, before or ("" if after else PLACE), after)


def made(passes: Iterable[Any]) -> tuple[CustomPass, ...]:
    """Custom passes of what `passes=` was given: those, or plain functions."""
    found = []
    for each in passes:
        if not callable(each):
            raise TypeError(
                f"a pass is a function, not {each!r}; see tapec.custom_pass"
            )
        found.append(each if isinstance(each, CustomPass) else custom_pass(each))
    return tuple(found)


# --- for every function ---------------------------------------------------------

_added: tuple[CustomPass, ...] = ()
_lock = lock()
_listeners: list[Callable[[], object]] = []


def added() -> tuple[CustomPass, ...]:
    """The passes that every function goes through; part of every cache's key."""
    return _added


def on_change(listener: Callable[[], object]) -> None:
    """Call `listener` whenever `added` gives something else."""
    _listeners.append(listener)


def add_pass(fun: Any) -> CustomPass:
    """Let every function that is compiled go through a pass of the user's own.

    fun: made by `custom_pass`, or a plain function. Functions compiled before are
    compiled again at their next call; so they are after `remove_pass`. ValueError if a
    pass of this name has been added already.

    >>> import tapec
    >>> @tapec.add_pass
    ... def counted(fn):
    ...     print(len(fn.ops), "ops")
    ...     return fn
    >>> tapec.jit(lambda x: x + 1)(2.0)
    2 ops
    3.0
    >>> tapec.remove_pass(counted)
    """
    (new,) = made([fun])
    _change(lambda old: _distinct((*old, new)))
    return new


def remove_pass(fun: Any) -> None:
    """Undo `add_pass`; ValueError if that pass was not added.

    >>> import tapec
    >>> unchanged = tapec.custom_pass(lambda fn: fn, name="unchanged")
    >>> tapec.remove_pass(tapec.add_pass(unchanged))
    """

    def without(old: tuple[CustomPass, ...]) -> tuple[CustomPass, ...]:
        left = tuple(p for p in old if fun not in (p, p.transform))
        if len(left) == len(old):
            raise ValueError(f"{fun!r} has not been added")
        return left

    _change(without)


def _change(how: Callable[[tuple[CustomPass, ...]], tuple[CustomPass, ...]]) -> None:
    global _added
    with _lock:
        _added = how(_added)
    for listener in _listeners:
        listener()


def _distinct(passes: tuple[CustomPass, ...]) -> tuple[CustomPass, ...]:
    names = [p.name for p in passes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"there are two passes {twice}; give one another name=...")
    return passes


# --- the whole list -------------------------------------------------------------


def plan(own: Sequence[CustomPass] = ()) -> list[str | pipeline.Step]:
    """The default passes with those that were added and a function's own between."""
    extra = _distinct((*_added, *own))
    steps: list[Any] = []
    for name in pipeline.DEFAULT:
        steps.extend(p for p in extra if p.before == name)
        steps.append(name)
        steps.extend(p for p in extra if p.after == name)
    return steps
