"""`GradientTape`: an interval on the thread's recording, and what to differentiate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapec import containers
from tapec.errors import TraceError
from tapec.ir import Function
from tapec.recording import Recording, state
from tapec.tape_again import answered
from tapec.tape_explain import explain
from tapec.tape_gradient import Request, gradients, recorded_gradient
from tapec.tape_interval import Interval
from tapec.tape_sources import (
    SOURCES,
    Sources,
    UnconnectedGradients,
    all_read,
    is_row,
    none_or_zero,
    targets_of,
    tensors_of,
    zeros_for,
)
from tapec.tensor import Tensor
from tapec.variable import Variable

__all__ = ["GradientTape", "UnconnectedGradients"]

NONE = UnconnectedGradients.NONE
_QUICK = frozenset((list, tuple, Variable))


class GradientTape(Interval):
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
