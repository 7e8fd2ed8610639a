"""Decorated functions as methods."""

from __future__ import annotations

import copy
import functools
from typing import Any

from tapec.native.callable import called_directly

__all__ = ["Method"]


@called_directly
class Method(functools.partial[Any]):
    """A compiled function bound to an instance, which is not traced but looked into.

    The instance comes marked as `Static`, which tells it from a first argument.
    """

    __slots__ = ()

    @property
    def __self__(self) -> Any:
        return self.args[0].value

    def inspect(self, *args: Any, **kw: Any) -> Any:
        """See `Compiled.inspect`."""
        return self.func.inspect(*self.args, *args, **kw)  # type: ignore[attr-defined]

    def stepwise(self, *args: Any, **kw: Any) -> Any:
        """See `Compiled.stepwise`."""
        return self.func.stepwise(*self.args, *args, **kw)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.func, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Method):
            return NotImplemented
        return self.func is other.func and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.func), id(self.__self__)))

    def __reduce__(self) -> Any:
        return _bound, (self.func, self.__self__)

    def __copy__(self) -> Any:
        return _bound(self.func, self.__self__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return _bound(self.func, copy.deepcopy(self.__self__, memo))

    def __repr__(self) -> str:
        return f"<bound {self.func!r} of {self.__self__!r}>"


def _bound(func: Any, instance: Any) -> Any:
    return func.__get__(instance)
