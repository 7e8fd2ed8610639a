"""The places of a trace's ops, each looked up once.

A loop makes its ops at the same few places, round by round. What is above a frame stays
as it is while the frame runs. So frames are remembered, from the outermost to that of
the last op, and a further op of the same frame only asks for its instruction.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from tapec.ir import Meta
from tapec.recording.places import is_library, user_frames

__all__ = ["Sites"]

_RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Frames that may go on below another caller."""


class _Call:
    """A call of the user's, made from one place.

    metas: of the ops made in it, by instruction. calls: made in it, by instruction and
    id of the code.
    """

    __slots__ = ("calls", "code", "metas", "resumed")

    def __init__(self, code: Any) -> None:
        self.code = code  # lives as long as its id is a key
        self.resumed = code is not None and bool(code.co_flags & _RESUMED)
        self.metas: dict[int, Meta] = {}
        self.calls: dict[tuple[int, int], _Call] = {}


class Sites:
    """Where a trace has made ops. It keeps frames alive, so it is short-lived itself.

    frame, metas: of the last op; no frame if that may be resumed. _running: the user's
    frames around it, the outermost first, with the call each is. _depth: how many there
    are up to each, by id; those that may be resumed are not in it.
    """

    def __init__(self, stop: Any) -> None:
        self._stop = stop
        self._outside = _Call(None)
        self._running: list[tuple[Any, _Call]] = []
        self._depth: dict[int, int] = {}
        self.frame: Any = None
        self.metas: dict[int, Meta] = {}

    def meta(self, scope: str, near: int) -> Meta:
        """That of an op that is made now. near: see `user_frames`."""
        frame = self._entered(sys._getframe(near))
        meta = self.metas.get(frame.f_lasti) if frame else None
        if meta is None or meta.scope != scope:
            meta = Meta(None, scope, user_frames(self._stop, near + 1))
            if frame:
                self.metas[frame.f_lasti] = meta
        return meta

    def _entered(self, frame: Any) -> Any:
        """The user's frame that is `frame` or the nearest above, made the last one."""
        running, depths = self._running, self._depth
        depth = depths.get(id(frame))
        above: list[Any] = []
        while depth is None:
            if not is_library(frame.f_globals):
                above.append(frame)
            frame = frame.f_back
            over = frame is None or (above and above[-1].f_code is self._stop)
            depth = 0 if over else depths.get(id(frame))
        while len(running) > depth:
            depths.pop(id(running.pop()[0]), None)
        while above:
            self._push(above.pop())
        if not running:
            return None
        frame, call = running[-1]
        self.frame = None if call.resumed else frame
        self.metas = call.metas
        return frame

    def _push(self, frame: Any) -> None:
        code = frame.f_code
        if self._running:
            caller, call = self._running[-1]
            key = caller.f_lasti, id(code)
        else:
            call, key = self._outside, (0, id(code))
        found = call.calls.get(key)
        if found is None:
            found = call.calls[key] = _Call(code)
        self._running.append((frame, found))
        if not found.resumed:
            self._depth[id(frame)] = len(self._running)
