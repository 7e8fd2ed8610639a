"""Functions that are compiled while the program that calls them is made.

Each is in a library of its own, and is kept: others will need it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapec.locks import lock
from tapec.native import engine
from tapec.native.addresses import Address
from tapec.native.ahead import Ahead
from tapec.settings import config

__all__ = ["Begun", "begun"]

NAME = "code"


class Begun:
    """A function whose code is there, or will be soon."""

    def __init__(self, key: Any, emit: Callable[[Any, str], object]) -> None:
        def work() -> engine.Library:
            return engine.compiled(
                key, lambda module: emit(module, NAME), [NAME],
                effort=engine.Effort.NONE,
            )  # fmt: skip

        self._result = Ahead(work).result if config.threads > 1 else work
        self._library: engine.Library | None = None

    @property
    def address(self) -> Address:
        """Where it begins."""
        with _lock:
            if self._library is None:
                self._library = self._result()
            return self._library.address(NAME)


_lock = lock()
_known: dict[Any, Begun] = {}


def begun(key: Any, emit: Callable[[Any, str], object]) -> Begun:
    """The function that `emit(module, name)` adds to a module; `key` decides what."""
    with _lock:
        if key not in _known:
            _known[key] = Begun(key, emit)
        return _known[key]
