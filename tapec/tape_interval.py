"""The interval of a tape on its thread's recording: begun, ended, and let go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from tapec.recording import Recording, free_lost, recording_in, state
from tapec.tape_sources import Asked, is_source, tensors_of, value_on
from tapec.tape_span import Span
from tapec.variable import Variable

__all__ = ["Interval"]


class Interval:
    """What a tape is before it is asked for gradients.

    _rec: the recording, until it is let go. _span: what of it was recorded inside.
    _open: whether it records now. _used: whether a gradient was given. _watched: by id,
    the sources and their values. _known: `_accessed` of a recording that is gone.
    _asked: the last question.
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        self.persistent = persistent
        self.watch_accessed_variables = watch_accessed_variables
        self._clear()

    def _clear(self) -> None:
        self._rec: Recording | None = None
        self._span = Span()
        self._open = False
        self._used = False
        self._watched: dict[int, tuple[Any, Any]] = {}
        self._known: tuple[list[Any], list[Variable]] = [], []
        self._asked = Asked()

    def __enter__(self) -> Self:
        if self._open:
            raise RuntimeError("the tape is already recording")
        try:
            self._start(sys._getframe(1).f_code)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.stop()
        except BaseException:  # interrupted: what was done is done again
            self.stop()
            raise

    def __del__(self) -> None:
        if getattr(self, "_rec", None) is not None:
            self.stop()
            self._let_go(lost=True)

    def _start(self, code: Any) -> None:
        if self._used and not self.persistent:
            self._clear()
        if self._rec is None:
            free_lost()
            rec = state.recording
            if rec is None or not rec.hold(self):
                rec = Recording(code)
                rec.walk()
                rec.holders.add(id(self))
            self._rec = rec
        elif state.recording not in (None, self._rec):
            raise RuntimeError(
                "a tape cannot be entered again inside another tape that it did not "
                "record with; make a new GradientTape"
            )
        self._open = True  # first: what was begun is ended, whatever happens
        self._span.open(self._rec._uid)
        self._rec.begin(self)

    def stop(self) -> None:
        """End the recording; `gradient` may follow."""
        if self._open and self._rec is not None:
            self._span.close(self._rec._uid)
            self._rec.end(self)
            self._open = False

    def _let_go(self, lost: bool = False) -> None:
        """No more gradients: the recording may be freed."""
        rec = self._rec
        if rec is not None and not rec.closed:
            if not lost:
                self._known = self._accessed()
            self._watched.clear()
            rec.release(self, lost)
        self._rec = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What happens inside has no gradient; recording resumes afterwards."""
        rec = self._rec
        if rec is None or not self._open:
            raise RuntimeError("stop_recording needs a tape that is recording")
        self._span.close(rec.position)
        rec.tapes.discard(id(self))
        try:
            yield
        finally:
            if self._open:
                rec.begin(self)
                self._span.open(rec.position)

    def reset(self) -> None:
        """Forget everything recorded so far."""
        self._watched.clear()
        self._span.forget()
        self._used = False
        if self._open and self._rec is not None:
            self._span.open(self._rec.position)

    def watch(self, tensor: Any) -> None:
        """Make a tensor (or a container of tensors) a source of gradients.

        Starts the recording of a tape that was never entered.
        """
        found = tensors_of(tensor, "watch needs a tensor")
        if not self._open and (self._rec is None or self._used):
            self._start(sys._getframe(1).f_code)
        for x in found:
            with recording_in(self._rec):
                value = value_on(self._rec, x) if is_source(x) else None
            self._watched[id(x)] = (x, value)

    def watched_variables(self) -> tuple[Variable, ...]:
        """Trainable variables read while the tape recorded, and those watched."""
        reads, watched = self._accessed()
        found = {id(v): v for _, v, _ in reads if v.trainable}
        return tuple((found | {id(v): v for v in watched}).values())

    def _accessed(self) -> tuple[list[Any], list[Variable]]:
        """What was read while the tape recorded, and the variables watched."""
        rec = self._rec
        if rec is None:
            return self._known
        reads = rec.reads[:] if self.watch_accessed_variables else []
        if not self._span.is_whole(rec._uid):
            reads = [read for read in reads if self._span.covers(read[0])]
        if not self._watched:
            return reads, []
        watched = self._watched.values()
        return reads, [x for x, _ in watched if isinstance(x, Variable)]
