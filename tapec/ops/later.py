"""SciPy's ufuncs by name: `scipy.special` is imported when one is first used."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

__all__ = ["Later", "sp"]


class Later:
    """A function of scipy.special; it has all that the function has, and is called
    as it is."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    @cached_property
    def function(self) -> Any:
        """What this stands for."""
        from scipy import special

        return getattr(special, self.__name__)

    def is_(self, other: Any) -> bool:
        """Whether `other` is the function; nobody has it without that import."""
        return "scipy.special" in sys.modules and self.function is other

    def __call__(self, *args: Any, **kw: Any) -> Any:
        return self.function(*args, **kw)

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(self.function, name)
        return found

    def __repr__(self) -> str:
        return f"<scipy.special.{self.__name__}>"


class _Special:
    """Takes the place of the module in records."""

    def __getattr__(self, name: str) -> Later:
        return Later(name)


sp: Any = _Special()
