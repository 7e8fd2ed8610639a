"""Work that another thread does meanwhile: LLVM leaves the interpreter to us."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Ahead", "apart"]

T = TypeVar("T")


class Ahead(Generic[T]):
    """The result of `work`, which has begun."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._found: list[T] = []
        self._error: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,))
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """What came out, when it is there; its error, if it failed."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        if not self._found:  # the thread was left behind: this is a forked process
            self._found.append(self._work())
        return self._found[0]


def apart(work: Callable[[], T]) -> T:
    """What `work` gives, done by another thread than the main one.

    Signals are for the main thread: an interrupt is raised there at once, and cannot
    stop `work` half way.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    try:
        ahead = Ahead(work)
    except RuntimeError:  # no thread can be started, as when the interpreter ends
        return work()
    return ahead.result()
