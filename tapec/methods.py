"""Decorated functions as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tapec.containers import Static
from tapec.recording import state

if TYPE_CHECKING:
    from tapec.compiled import Compiled

__all__ = ["Method"]


class Method:
    """A compiled function bound to an instance, which is not traced but looked into."""

    __slots__ = ("_compiled", "_self")

    def __init__(self, compiled: Compiled, instance: Any) -> None:
        self._compiled = compiled
        self._self = Static(instance)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if state.recording is not None:
            return self._compiled(self._self.value, *args, **kw)
        return self._compiled(self._self, *args, **kw)

    def inspect(self, *args: Any, **kw: Any) -> Any:
        """See `Compiled.inspect`."""
        return self._compiled.inspect(self._self, *args, **kw)

    @property
    def __self__(self) -> Any:
        return self._self.value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Method):
            return NotImplemented
        same = self._compiled is other._compiled
        return same and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self._compiled), id(self.__self__)))

    def __reduce__(self) -> Any:
        return getattr, (self.__self__, self._compiled.__name__)

    def __repr__(self) -> str:
        return f"<bound {self._compiled!r} of {self.__self__!r}>"
