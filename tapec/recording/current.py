"""Which recording the thread's operations go to."""

from __future__ import annotations

import gc
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapec.recording.recording import Recording

__all__ = [
    "free_lost",
    "isolated",
    "make_current",
    "recording_in",
    "state",
    "threads_recording",
]


class _State(threading.local):
    recording: Recording | None = None

    def __reduce__(self) -> str:
        return "state"  # functions sent to other processes read the one there


state = _State()

threads_recording: dict[int, bool] = {}
"""The threads (ids of their state's dictionaries) that record now.

Emitted code reads its length: while there is one, calls of decorated functions take
the way that looks at `state`.
"""


RARELY = 100_003
"""A threshold of the collector that nobody else sets."""

_usual: tuple[int, int, int] | None = None


def _pace_collector() -> None:
    """While somebody records, the cyclic collector runs rarely.

    Recordings make many objects and no cycles; looking through them again and again
    would double the time of an op. Other threads may do the same between any two lines,
    so what was usual is never forgotten, and never taken from one that records.
    """
    global _usual
    now = gc.get_threshold()
    if threads_recording:
        if 0 < now[0] < RARELY:
            _usual = now
            gc.set_threshold(RARELY)
    elif now[0] == RARELY and _usual is not None:
        gc.set_threshold(*_usual)


class _End:
    """Lives as long as its thread: one that ends with a tape open records no more."""

    __slots__ = ("home",)

    def __init__(self, home: int) -> None:
        self.home = home

    def __del__(self) -> None:
        if _pace_collector is None:
            return  # the interpreter is ending
        threads_recording.pop(self.home, None)
        _pace_collector()


_ends = threading.local()  # not `state`: a tape may keep that one's dictionary


def make_current(home: dict[str, Any], rec: Recording | None) -> None:
    """Make `rec` the recording of the thread whose state's dictionary is `home`.

    An interrupt may stop this between any two lines: then calls of decorated functions
    look at `state` without need, never the other way round.
    """
    if rec is None:
        home["recording"] = None
        threads_recording.pop(id(home), None)
    else:
        threads_recording[id(home)] = True
        home["recording"] = rec
        if not hasattr(_ends, "end") and home is state.__dict__:
            _ends.end = _End(id(home))
    _pace_collector()


def _forget_other_threads() -> None:
    threads_recording.clear()
    make_current(state.__dict__, state.recording)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


class recording_in:
    """A context in which `rec` is this thread's recording.

    Also left where an interrupt kept `__exit__` from it, when this object is freed.
    """

    _home: dict[str, Any] | None = None

    def __init__(self, rec: Recording | None) -> None:
        self._rec = rec

    def __enter__(self) -> None:
        home = state.__dict__
        self._before = home.get("recording")
        self._home = home
        try:
            make_current(home, self._rec)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *exc: object) -> None:
        try:
            self._leave()
        except BaseException:  # interrupted: what was done is done again
            self._leave()
            raise

    def __del__(self) -> None:
        if self._home is not None:
            now = self._home.get("recording")
            if now is self._rec or now is self._before:
                self._leave()

    def _leave(self) -> None:
        if self._home is not None:
            before = self._before
            ended = before is not None and before.closed and not before.is_trace
            make_current(self._home, None if ended else before)
            self._home = None


def isolated() -> Any:
    """Compute at once, whatever is being recorded outside."""
    return recording_in(None)


def free_lost() -> None:
    """Free the recordings of this thread whose tapes were lost meanwhile."""
    for ref in state.__dict__.pop("lost", ()):
        rec = ref()
        if rec is not None:
            with rec.lock:
                rec.let_go()
