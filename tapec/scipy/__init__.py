"""SciPy's functions on tensors, for those that cannot find them by themselves.

The ufuncs of `scipy.special` work on tensors as they are. What SciPy writes in Python
(`logsumexp`, linear algebra, densities, `odeint`) is here under the same names, in
modules that are loaded when they are used.
"""

import importlib
import pkgutil
from types import ModuleType

__all__ = [found.name for found in pkgutil.iter_modules(__path__)]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'tapec.scipy' has no attribute {name!r}")
