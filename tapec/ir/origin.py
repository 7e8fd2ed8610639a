"""Where an op comes from: the user's line, the name scope, the forward value."""

from __future__ import annotations

import itertools
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

__all__ = ["NO_META", "Location", "Meta", "shown"]


def shown(filename: str) -> str:
    """What to call a file; a notebook's cell has one that nobody else knows."""
    return "<cell>" if "/ipykernel_" in filename else filename


Span = tuple[int | None, int | None, int | None, int | None]
"""(line, end line, column, end column) of an expression; columns in bytes."""


class _Place(NamedTuple):
    """One place in code of another process, asked as its code object would be."""

    co_filename: str
    co_name: str
    co_qualname: str
    span: Span

    def co_positions(self) -> tuple[Span, ...]:
        return (self.span,)


Frame = tuple[CodeType | _Place, int]


class Location:
    """Where the user's code made an op: frames innermost first, resolved when read."""

    __slots__ = ("frames",)

    def __init__(self, frames: tuple[Frame, ...]) -> None:
        self.frames = frames

    @property
    def filename(self) -> str:
        return self.frames[0][0].co_filename

    @property
    def function(self) -> str:
        return self.frames[0][0].co_name

    @property
    def span(self) -> Span:
        """(line, end line, column, end column) of the expression; columns in bytes."""
        return _span(*self.frames[0])

    @property
    def line(self) -> int | None:
        return self.span[0]

    @property
    def lines(self) -> tuple[tuple[CodeType | _Place, int | None], ...]:
        """Each frame's code and line: a key, as instructions move while Python runs."""
        return tuple([(code, _line(code, lasti)) for code, lasti in self.frames])

    def __repr__(self) -> str:
        return f"{shown(self.filename)}:{self.line}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Code objects do not pickle; what is asked of them does."""
        return Location, (tuple([(_place(*frame), 0) for frame in self.frames]),)


def _span(code: CodeType | _Place, lasti: int) -> Span:
    return next(itertools.islice(code.co_positions(), lasti // 2, None))


@lru_cache(maxsize=4096)
def _line(code: CodeType | _Place, lasti: int) -> int | None:
    return _span(code, lasti)[0]


@lru_cache(maxsize=4096)
def _place(code: CodeType | _Place, lasti: int) -> _Place:
    names = code.co_filename, code.co_name, code.co_qualname
    return _Place(*names, _span(code, lasti))


class Meta:
    """What is known of an op besides its meaning; shared, never compared.

    primal: uid of the forward value a gradient op belongs to; scope: name scope path.
    """

    __slots__ = ("_loc", "primal", "scope")

    def __init__(self, primal: int | None = None, scope: str = "", loc: Any = None):
        self.primal = primal
        self.scope = scope
        self._loc = loc

    @property
    def loc(self) -> Location | None:
        """The place in the user's code; a flat tuple of frames until asked for."""
        if type(self._loc) is tuple:
            self._loc = Location(
                tuple(zip(self._loc[::2], self._loc[1::2], strict=True))
            )
        return self._loc  # type: ignore[no-any-return]

    def belonging_to(self, primal: int | None) -> Meta:
        """The same for an op of the gradient of `primal`."""
        return Meta(primal, self.scope, self._loc)

    def __reduce__(self) -> tuple[Any, ...]:
        return Meta, (self.primal, self.scope, self.loc)


NO_META = Meta()
