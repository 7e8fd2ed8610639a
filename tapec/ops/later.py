"""SciPy's ufuncs by name: `scipy.special` is imported when one is first needed.

Those with a native form are not needed to trace and compile: their loops are known.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tapec.locks import cached_property

__all__ = ["LOOPS", "Later", "sp"]

LOOPS = {"erf": "dfDF", "erfc": "dfDF", "expit": "df", "ndtri": "fd"}
"""The dtypes that ufuncs of one operand compute in, in SciPy's order."""


class Later:
    """A function of scipy.special, which is called as it and has all that it has."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        if name in LOOPS:
            self.nin = self.nout = 1
            self.resolve_dtypes = self._resolve

    @cached_property
    def function(self) -> Any:
        """What this stands for."""
        from scipy import special

        return getattr(special, self.__name__)

    def is_(self, other: Any) -> bool:
        """Whether `other` is the function; nobody has it without that import."""
        return "scipy.special" in sys.modules and self.function is other

    def _resolve(self, dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
        """As the ufunc's own: the operand's loop, or the first that can take it."""
        loops = [np.dtype(char) for char in LOOPS[self.__name__]]
        fitting = [loop for loop in loops if np.can_cast(dtypes[0], loop)]
        if not fitting:
            raise TypeError(f"{self.__name__} is not defined for {dtypes[0]}")
        loop = dtypes[0] if dtypes[0] in fitting else fitting[0]
        return np.dtype(loop), np.dtype(loop)

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
        if name.startswith("__"):  # asked for by those who look at any object
            raise AttributeError(name)
        return Later(name)


sp: Any = _Special()
