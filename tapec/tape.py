"""`GradientTape`: an interval on the thread's recording, and what to differentiate."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tapec import containers
from tapec.errors import TraceError
from tapec.ir import Function
from tapec.recording import Recording, free_lost, recording_in, state
from tapec.tape_again import answered
from tapec.tape_explain import explain
from tapec.tape_gradient import Request, gradients, recorded_gradient
from tapec.tape_sources import (
    SOURCES,
    Asked,
    Sources,
    UnconnectedGradients,
    all_read,
    is_row,
    is_source,
    none_or_zero,
    targets_of,
    tensors_of,
    value_on,
    zeros_for,
)
from tapec.tape_span import Span
from tapec.tensor import Tensor
from tapec.variable import Variable

__all__ = ["GradientTape", "UnconnectedGradients", "scope"]

NONE = UnconnectedGradients.NONE
_QUICK = frozenset((list, tuple, Variable))


class GradientTape:
    """Records what happens inside its `with` block, for differentiation.

    persistent: `gradient` may be called more than once.
    watch_accessed_variables: every value that the target was computed from can be a
        source. False: only what `watch` named.

    >>> import tapec
    >>> x = tapec.constant(3.0)
    >>> with tapec.GradientTape() as tape:
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
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

    # recording

    def __enter__(self) -> GradientTape:
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

    # gradients

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: str = NONE,
    ) -> Any:  # fmt: skip
        """The gradient of `target` with respect to `sources`.

        target: tensor or container of tensors; several are summed. sources: tensor,
        variable or any nesting of them; any value the target was computed from.
        output_gradients: cotangents of the targets, default ones. Result: the structure
        of `sources`; for each the gradient (its shape and dtype), or None when the
        target does not depend on it ("zero": zeros instead).

        RuntimeError for a tape that never recorded, or for a second call.
        """
        kind = type(sources)
        if (
            kind in _QUICK
            and output_gradients is None
            and unconnected_gradients is NONE
        ):
            again = self._again(target, [sources] if kind is Variable else sources)
            if again is not None:
                if kind is list:
                    return again
                return again[0] if kind is Variable else tuple(again)
        zero = none_or_zero(unconnected_gradients)
        row = is_row(sources)
        request = self._request(target, sources, output_gradients, row)
        found = gradients(request)
        self._done()
        if row and not zero:
            return found
        leaves, structure = containers.flatten(sources)
        if zero:
            pairs = zip(found, leaves, strict=True)
            found = [zeros_for(s) if g is None else g for g, s in pairs]
        return containers.unflatten(structure, found)

    def _again(self, target: Any, named: Sequence[Any]) -> list[Tensor] | None:
        """The gradient, if recordings like this one were asked for it before."""
        rec = self._rec
        step = None if rec is None else rec.step
        if (
            rec is None
            or step is None
            or step.answer is None
            or type(target) is not Tensor
            or target.rec is not rec
            or rec.tapes
            or self._watched
            or not self.watch_accessed_variables
            or state.recording is not None
            or not self._span.is_whole(rec._uid)
        ):
            return None
        answer, value, last = step.answer, target.value, not self.persistent
        found = answered(rec, answer, value, named, last and len(rec.holders) == 1)
        if found is None:
            return None
        grads, alive = found
        request = Request(rec, [value], [None], answer.wrt, self._span)
        self._asked.note_variables(target, named, request)
        self._used = True
        if last:
            self._known = rec.reads[:], []
            rec.release(self, alive=alive)
            self._rec = None
        return grads

    def _request(
        self, target: Any, sources: Any, output_gradients: Any, row: bool = False
    ) -> Request:
        """What `gradient` was asked for, as values of the recording.

        row: the sources are known to be a plain list of tensors and variables.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "gradient was already called on this tape; "
                "use GradientTape(persistent=True) to call it more than once"
            )
        rec = self._rec
        if rec is None:
            raise RuntimeError(
                "gradient of a tape that never recorded; use "
                "`with GradientTape() as tape:` or tape.watch(x)"
            )
        if rec.is_trace and rec.closed:
            raise TraceError("a tape was used after the trace it belongs to had ended")
        named = sources if row else tensors_of(sources, SOURCES)
        request = self._question(rec, target, named, output_gradients)
        if not self.persistent:
            self.stop()
        return request

    def _question(
        self, rec: Recording, target: Any, named: list[Any], output_gradients: Any
    ) -> Request:
        targets, cts = targets_of(rec, target, output_gradients)
        plain = type(target) is Tensor and not self._watched
        wrt = None
        if plain and self.watch_accessed_variables and self._span.is_whole(rec._uid):
            wrt = all_read(rec, named)
        if wrt is None:
            find = self._sources(rec, target)
            wrt = [find.values(x) for x in named]
        request = Request(rec, targets, cts, wrt, self._span)
        self._asked.note(target, named, request.without_cotangents())
        return request

    def _sources(self, rec: Recording, target: Any) -> Sources:
        everything = self.watch_accessed_variables
        return Sources(rec, self._watched, self._span, everything, target)

    def _done(self) -> None:
        """A gradient was given: a tape that is not persistent is finished."""
        self._used = True
        if not self.persistent:
            self._let_go()

    def explain(self, target: Any, source: Any) -> str:
        """How the gradient reaches `source`, op by op, or where and why it is cut.

        >>> import numpy as np, tapec
        >>> x = tapec.constant([1.0, 2.0])
        >>> with tapec.GradientTape() as tape:
        ...     y = np.sum(np.floor(x))
        >>> print(tape.explain(y, x).splitlines()[0])
        the gradient is cut at floor, which has no derivative
        """
        if self._rec is None and self._asked.last is None:
            return "the tape never recorded"
        wrt = self._asked.source(source)
        if wrt is None and self._rec is not None:
            wrt = self._sources(self._rec, target).values(source)
        targets = self._asked.target(target)
        if targets is None and self._rec is not None:
            targets = targets_of(self._rec, target, None)[0]
        if wrt is None or targets is None:
            return (
                "the recording was freed by gradient(), which was not asked about "
                "this; use GradientTape(persistent=True)"
            )
        rec = self._rec or self._asked.last.rec
        if not wrt and id(source) not in self._watched:
            if not self.watch_accessed_variables:
                return (
                    "the source was not watched: with watch_accessed_variables=False "
                    "only what tape.watch(...) named has a gradient"
                )
            if not getattr(source, "trainable", True):
                return (
                    "the source is a Variable with trainable=False; tape.watch(...) "
                    "makes it a source"
                )
        return explain(rec, targets, source, wrt, self._span)

    def inspect(self, target: Any, sources: Any) -> Any:
        """The gradient program, stage by stage: see `tapec.inspect`."""
        from tapec.inspect import Inspection

        return Inspection(*self._recorded(target, sources))

    def function(self, target: Any = None, sources: Any = None) -> Function:
        """The recorded function with its gradient, before any pass.

        After `gradient` on a tape that is not persistent: that of what it was asked.
        """
        return self._recorded(target, sources)[0]

    def _recorded(self, target: Any, sources: Any) -> tuple[Function, list[Any]]:
        if self._rec is None or target is None:
            if self._asked.last is None:
                raise RuntimeError("the tape was not asked for a gradient yet")
            return recorded_gradient(self._asked.last)
        named = tensors_of(sources, SOURCES)
        return recorded_gradient(self._question(self._rec, target, named, None))

    def jacobian(
        self, target: Any, sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: Any = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """d target / d source, of shape `target.shape + source.shape`.

        target: a tensor. sources: in containers or not; the result has their
        structure, with `None` (or zeros) where `gradient` has them. All rows are
        computed together. The last two arguments are TensorFlow's and change nothing.

        >>> import tapec
        >>> x = tapec.constant([1.0, 2.0])
        >>> with tapec.GradientTape() as tape:
        ...     y = x * x
        >>> tape.jacobian(y, x).numpy()
        array([[2., 0.],
               [0., 4.]])
        """
        from tapec.jacobians import jacobian

        return jacobian(self, target, sources, none_or_zero(unconnected_gradients))

    def batch_jacobian(
        self, target: Any, source: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: Any = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """The Jacobian of each example: `(b, *target.shape[1:], *source.shape[1:])`.

        Example `i` of the target must depend on example `i` of the source alone.
        ValueError where the first axes, the examples, do not have one length.

        >>> import tapec
        >>> x = tapec.constant([[1.0], [2.0]])
        >>> with tapec.GradientTape() as tape:
        ...     y = x * x
        >>> tape.batch_jacobian(y, x).shape
        (2, 1, 1)
        """
        from tapec.jacobians import batch_jacobian

        return batch_jacobian(self, target, source, none_or_zero(unconnected_gradients))


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name the ops recorded inside; names of nested scopes are joined by a slash.

    Pictures frame the ops of a scope together; numbers do not change.

    >>> import numpy as np, tapec
    >>> def f(x):
    ...     with tapec.scope("encoder"):
    ...         return np.tanh(x)
    >>> float(tapec.grad(f)(0.0))
    1.0
    """
    rec = state.recording
    if rec is None:
        yield
        return
    before = rec.scope
    rec.scope = f"{before}/{name}" if before else name
    try:
        yield
    finally:
        rec.scope = before
