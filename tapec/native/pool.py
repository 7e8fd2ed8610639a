"""Threads that share the chunks of large kernels: one pool per process.

Workers are threads of the system that know nothing of Python. They are made when a
step first needs them and wait for the next one ever after, a moment awake and then
asleep; they end with the process. A forked process has none, and makes its own.
"""

from __future__ import annotations

import ctypes
import os
import signal
from functools import lru_cache

from tapec.locks import lock
from tapec.native import engine, platform
from tapec.native.pool_code import emit
from tapec.native.pool_state import CONDITION, LINE, LINES, MUTEX, TURN, State
from tapec.settings import MOST, threads_address

__all__ = ["Pool", "pool"]


class Pool:
    """address: of the step `parallel`. state, threads: what its indices begin with.

    workers: how many exist now; none before they are needed.
    """

    def __init__(self) -> None:
        functions = platform.thread_functions()
        key = "pool", bool(functions)
        replace = int(getattr(signal, "SIG_SETMASK", 0))
        library = engine.compiled(
            key, lambda module: emit(module, bool(functions), replace), ["parallel"],
            functions, engine.Effort.PLAIN,
        )  # fmt: skip
        self._library = library
        self._functions = functions
        size = LINES + LINE * (MOST + 1)
        self._memory = (ctypes.c_int64 * ((size + LINE) // 8))()
        begin = ctypes.addressof(self._memory)
        self.state = begin + -begin % LINE
        self.threads = threads_address()
        self.address = library.address("parallel")
        self.reset()

    def reset(self) -> None:
        """Know of no worker, whatever was; for a process that has just begun."""
        ctypes.memset(self.state, 0, LINES + LINE * (MOST + 1))
        for name, offset in (
            ("pthread_mutex_init", MUTEX),
            ("pthread_cond_init", TURN),
            ("pthread_cond_init", CONDITION),
        ):
            if self._functions:
                make = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
                    self._functions[name]
                )
                make(self.state + offset, None)

    @property
    def workers(self) -> int:
        """How many workers there are."""
        where = self.state + 8 * State.started
        return int(ctypes.c_int64.from_address(where).value)


_lock = lock()


def pool() -> Pool:
    """The pool of this process."""
    with _lock:
        return _pool()


@lru_cache(maxsize=1)
def _pool() -> Pool:
    made = Pool()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made.reset)
    return made
