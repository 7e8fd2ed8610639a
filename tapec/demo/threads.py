"""One thread for matrix products: the demo's are too small to be shared.

On a busy machine a thread that waits for another one costs more than the product. The
OpenBLAS libraries that NumPy and SciPy bring are told by symbol; where there are none
(another BLAS), nothing happens.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["one_thread"]

PREFIXES = ("scipy_openblas_", "openblas_")
SUFFIXES = ("64_", "")


@contextmanager
def one_thread() -> Iterator[int]:
    """Inside, BLAS uses one thread; gives the number of libraries that were told."""
    found = list(_controls())
    before = [get() for get, _ in found]
    for _, set_ in found:
        set_(1)
    try:
        yield len(found)
    finally:
        for (_, set_), count in zip(found, before, strict=True):
            set_(count)


def _controls() -> Iterator[tuple[Any, Any]]:
    """The functions `get_num_threads`, `set_num_threads` of each library."""
    for path in _libraries():
        try:
            library = ctypes.CDLL(str(path))  # loaded already: this only finds it
        except OSError:
            continue
        for prefix, suffix in ((p, s) for p in PREFIXES for s in SUFFIXES):
            try:
                get = library[f"{prefix}get_num_threads{suffix}"]
                set_ = library[f"{prefix}set_num_threads{suffix}"]
            except AttributeError:
                continue
            get.argtypes, get.restype = [], ctypes.c_int
            set_.argtypes, set_.restype = [ctypes.c_int], None
            yield get, set_
            break


def _libraries() -> Iterator[Path]:
    for package in ("numpy", "scipy"):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        home = Path(spec.origin).parent
        for folder in (home.parent / f"{package}.libs", home / ".dylibs"):
            yield from folder.glob("*openblas*")
