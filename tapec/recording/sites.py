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


class _Site:
    """An instruction of a call: its meta, and the calls made there, by code."""

    __slots__ = ("calls", "meta")

    def __init__(self) -> None:
        self.meta: Meta | None = None
        self.calls: dict[int, _Call] = {}


class _Call:
    """A call of the user's, made from one place: its sites by instruction."""

    __slots__ = ("code", "sites")

    def __init__(self, code: Any) -> None:
        self.code = code  # lives as long as its id is a key
        self.sites: dict[int, _Site] = {}

    def site(self, instruction: int) -> _Site:
        found = self.sites.get(instruction)
        if found is None:
            found = self.sites[instruction] = _Site()
        return found


class Sites:
    """Where a trace has made ops. It keeps frames alive, so it is short-lived itself.

    _running: the user's frames around the last op, the outermost first, with the call
    each is. _depth: how many there are up to each, by id; resumed ones are not in it.
    _frame, _sites: of the last op, unless that frame may be resumed.
    """

    def __init__(self, stop: Any) -> None:
        self._stop = stop
        self._outside = _Site()
        self._running: list[tuple[Any, _Call]] = []
        self._depth: dict[int, int] = {}
        self._frame: Any = None
        self._sites: dict[int, _Site] = {}

    def meta(self, scope: str, near: int) -> Meta:
        """That of an op that is made now. near: see `user_frames`."""
        frame: Any = sys._getframe(near)
        if frame is not self._frame:
            frame = self._entered(frame)
        site = self._sites.get(frame.f_lasti) if frame else None
        if site is not None and (meta := site.meta) and meta.scope == scope:
            return meta
        meta = Meta(None, scope, user_frames(self._stop, near + 1))
        if self._running:
            frame, call = self._running[-1]
            call.site(frame.f_lasti).meta = meta
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
        self._frame = frame if id(frame) in depths else None
        self._sites = call.sites
        return frame

    def _push(self, frame: Any) -> None:
        site, code = self._outside, frame.f_code
        if self._running:
            caller, call = self._running[-1]
            site = call.site(caller.f_lasti)
        found = site.calls.get(id(code))
        if found is None:
            found = site.calls[id(code)] = _Call(code)
        self._running.append((frame, found))
        if not code.co_flags & _RESUMED:
            self._depth[id(frame)] = len(self._running)
