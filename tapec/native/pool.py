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
from tapec.native.pool_code import emit, emit_sharing
from tapec.native.pool_state import CONDITION, LINE, LINES, MUTEX, TURN, State
from tapec.settings import MOST, config, threads_address, when_threads_change

__all__ = ["Pool", "pool"]


class Pool:
    """address: of the step `parallel`. state, threads: what its indices begin with.

    workers: how many exist now; none before they are needed.
    """

    def __init__(self) -> None:
        self._functions = platform.thread_functions()
        some = bool(self._functions)
        self._library = engine.compiled(
            ("pool", some), lambda module: emit(module, some), ["parallel"],
            effort=engine.Effort.PLAIN,
        )  # fmt: skip
        self._sharing: engine.Library | None = None
        self._lock = lock()
        size = LINES + LINE * (MOST + 1)
        self._memory = (ctypes.c_int64 * ((size + LINE) // 8))()
        begin = ctypes.addressof(self._memory)
        self.state = begin + -begin % LINE
        self.threads = threads_address()
        self.address = self._library.address("parallel")
        self.reset()
        self.ready()

    def ready(self) -> None:
        """Have what several threads need, if there are to be several."""
        if config.threads == 1 or not self._functions:
            return
        replace = int(getattr(signal, "SIG_SETMASK", 0))
        with self._lock:
            if self._sharing is None:
                self._sharing = engine.compiled(
                    "sharing", lambda module: emit_sharing(module, replace), ["share"],
                    self._functions, engine.Effort.PLAIN,
                )  # fmt: skip
                self._tell()

    def _tell(self) -> None:
        if self._sharing is not None:
            where = ctypes.c_int64.from_address(self.state + 8 * State.share)
            where.value = self._sharing.address("share")

    def reset(self) -> None:
        """Know of no worker, whatever was; for a process that has just begun."""
        ctypes.memset(self.state, 0, LINES + LINE * (MOST + 1))
        self._tell()
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
    when_threads_change(made.ready)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made.reset)
    return made
