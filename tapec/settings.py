"""Settings of this process: `tapec.config`."""

from __future__ import annotations

import ctypes
import operator
import os
from collections.abc import Callable

__all__ = ["MOST", "Config", "config"]

MOST = 64
"""Threads that one call uses at most."""

VARIABLE = "TAPEC_NUM_THREADS"


class Config:
    """The settings, as attributes of `tapec.config`.

    >>> import tapec
    >>> tapec.config.threads = 2  # that compiled functions use from now on

    A change holds for calls that begin after it, also of functions compiled before;
    results do not depend on it (but those of large matrix products may: that is BLAS).
    """

    __slots__ = ("_threads", "_told")

    def __init__(self) -> None:
        self._threads = ctypes.c_int64(0)  # 0: not asked for yet
        self._told: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"<tapec.config: threads={self.threads}>"

    def __setattr__(self, name: str, value: object) -> None:
        if not hasattr(type(self), name):
            raise AttributeError(f"tapec.config has no setting {name!r}, only threads")
        super().__setattr__(name, value)

    @property
    def threads(self) -> int:
        """Threads that the native code of one call may use, an integer from 1 to 64.

        At first this is `TAPEC_NUM_THREADS`, or the number of cores that this process
        may run on. Large matrix products, which are left to BLAS, use at most so many,
        and not more than BLAS is set to use (`OPENBLAS_NUM_THREADS`, say).

        Raises TypeError for what is no integer, ValueError for one out of range.

        >>> import tapec
        >>> tapec.config.threads = 2
        >>> tapec.config.threads
        2
        """
        if not self._threads.value:
            self._threads.value = _at_first()
        return self._threads.value

    @threads.setter
    def threads(self, number: int) -> None:
        if isinstance(number, bool):
            raise TypeError("tapec.config.threads is an integer from 1 to 64, no bool")
        try:
            count = operator.index(number)
        except TypeError:
            text = f"tapec.config.threads is an integer from 1 to 64, not {number!r}"
            raise TypeError(text) from None
        if not 1 <= count <= MOST:
            raise ValueError(f"tapec.config.threads is from 1 to 64, not {count}")
        self._threads.value = count
        for tell in self._told:
            tell()


def _at_first() -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        if not text.isdecimal() or not 1 <= int(text) <= MOST:
            raise ValueError(f"{VARIABLE} is an integer from 1 to 64, not {text!r}")
        return int(text)
    return max(1, min(_cores(), MOST))


def _cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_address() -> int:
    """Where emitted code finds `config.threads`."""
    config.threads  # noqa: B018  (decides what it is at first)
    return ctypes.addressof(config._threads)


def when_threads_change(tell: Callable[[], object]) -> None:
    """Call this then, as long as the process lives."""
    config._told.append(tell)


config = Config()
