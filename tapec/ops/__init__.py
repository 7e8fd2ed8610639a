"""Records only. Importing this package imports every family and fills `PRIMITIVES`."""

import importlib
import pkgutil

for _family in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_family.name}")
