"""`GradientTape`: an interval on the thread's recording, and what to differentiate."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import ShapeError
from tapec.ir import Function, Value
from tapec.operators import Operators
from tapec.passes.vjp import backpropagate, filled
from tapec.recording import Recording, recording_in, state
from tapec.tape_gradient import Request, explain_cut, gradient_program
from tapec.tensor import Tensor, as_tensor
from tapec.variable import Variable

__all__ = ["GradientTape", "UnconnectedGradients", "scope"]


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


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
        self._rec: Recording | None = None
        self._outside: Recording | None = None
        self._intervals: list[list[int | None]] = []
        self._watched: dict[int, tuple[Any, Value]] = {}
        self._used = False
        self._last: Request | None = None

    # recording

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise RuntimeError("the tape is already recording")
        self._start(sys._getframe(1).f_code)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __del__(self) -> None:
        if getattr(self, "_rec", None) is not None and self._recording:
            self.stop()

    @property
    def _recording(self) -> bool:
        return bool(self._intervals) and self._intervals[-1][1] is None

    def _start(self, code: Any) -> None:
        if self._rec is None or self._rec.closed:
            self._outside = state.recording
            self._rec = state.recording or Recording(code)
        state.recording = self._rec
        self._rec.tapes.append(self)
        self._intervals.append([self._rec.position, None])

    def stop(self) -> None:
        """End the recording; `gradient` may follow."""
        rec = self._rec
        if rec is None or not self._recording:
            return
        self._intervals[-1][1] = rec.position
        rec.tapes.remove(self)
        if not rec.tapes and not rec.is_trace and state.recording is rec:
            state.recording = self._outside

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What happens inside has no gradient; recording resumes afterwards."""
        rec = self._rec
        if rec is None or not self._recording:
            raise RuntimeError("stop_recording needs a tape that is recording")
        self._intervals[-1][1] = rec.position
        try:
            yield
        finally:
            self._intervals.append([rec.position, None])

    def reset(self) -> None:
        """Forget everything recorded so far."""
        self._watched.clear()
        self._intervals = (
            [[self._rec.position, None]] if self._recording and self._rec else []
        )
        self._used = False

    def watch(self, tensor: Any) -> None:
        """Make a tensor (or a container of tensors) a source of gradients.

        Starts the recording of a tape that was never entered.
        """
        if not self._intervals:
            self._start(sys._getframe(1).f_code)
        for x in _sources(tensor):
            if not isinstance(x, Operators):
                raise ValueError(
                    f"watch needs a tensor, not {type(x).__name__}; "
                    "make one with tapec.constant(...)"
                )
            if x.dtype.kind not in "fc":
                warnings.warn(
                    f"watch: a {x.dtype} tensor has no gradient", stacklevel=2
                )
            with recording_in(self._rec):
                self._watched[id(x)] = (x, _value_of(self._rec, x))

    def watched_variables(self) -> tuple[Variable, ...]:
        """Trainable variables read while the tape recorded, and those watched."""
        found: dict[int, Variable] = {}
        for position, v, _ in self._rec.reads if self._rec else ():
            if self.watch_accessed_variables and v.trainable and self._covers(position):
                found[id(v)] = v
        for x, _ in self._watched.values():
            if isinstance(x, Variable):
                found[id(x)] = x
        return tuple(found.values())

    def _covers(self, position: int) -> bool:
        return any(
            a <= position and (b is None or position < b)  # type: ignore[operator]
            for a, b in self._intervals
        )

    def _cuts(self, op: Value) -> bool:
        """Ops that were not recorded by this tape count as constant."""
        return not self._covers(op.uid)

    # gradients

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The gradient of `target` with respect to `sources`.

        target: tensor or container of tensors; several are summed. sources: tensor,
        variable or any nesting of them; any value the target was computed from.
        output_gradients: cotangents of the targets, default ones. Result: the structure
        of `sources`; for each the gradient (its shape and dtype), or None when the
        target does not depend on it ("zero": zeros instead).

        RuntimeError for a tape that never recorded, or a second call on one that is not
        persistent.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(f"unconnected_gradients: {unconnected_gradients!r}")
        request = self._request(target, sources, output_gradients)
        found = self._differentiate(request)
        leaves, structure = containers.flatten(sources)
        if unconnected_gradients == "zero":
            found = [
                Tensor.holding(np.zeros(s.shape, s.dtype)) if g is None else g
                for g, s in zip(found, leaves, strict=True)
            ]
        return containers.unflatten(structure, found)

    def _request(self, target: Any, sources: Any, output_gradients: Any) -> Request:
        """What `gradient` was asked for, as values of the recording."""
        rec = self._rec
        if rec is None or not self._intervals:
            raise RuntimeError(
                "gradient of a tape that never recorded; use `with GradientTape() as tape:`"
                " or tape.watch(x)"
            )
        if self._used and not self.persistent:
            raise RuntimeError(
                "gradient was already called on this tape; "
                "use GradientTape(persistent=True) to call it more than once"
            )
        if self._recording and not self.persistent:
            self.stop()
        self._used = True
        targets, cts = _targets(rec, target, output_gradients)
        wrt = [self._source(rec, s) for s in _sources(sources)]
        self._last = Request(rec, targets, cts, wrt, self._cuts)
        return self._last

    def _source(self, rec: Recording, x: Any) -> list[Value]:
        """The values that stand for one source; none when it was not recorded."""
        if not isinstance(x, Operators):
            raise ValueError(
                f"a source of gradients must be a tensor or a variable, "
                f"not {type(x).__name__}; make one with tapec.constant(...)"
            )
        if x.dtype.kind not in "fc":
            name = f" of variable {x.name!r}" if isinstance(x, Variable) else ""
            warnings.warn(
                f"a source{name} of dtype {x.dtype} has no gradient", stacklevel=4
            )
            return []
        watched = self._watched.get(id(x))
        if isinstance(x, Variable):
            if watched is None and not (self.watch_accessed_variables and x.trainable):
                return []
            return list(dict.fromkeys(leaf for _, v, leaf in rec.reads if v is x))
        if watched is not None:
            return [watched[1]]
        if not self.watch_accessed_variables:
            return []
        value = x.value if x.rec is rec else rec.leaf_of(x)  # type: ignore[attr-defined]
        return [] if value is None else [value]

    def _differentiate(self, request: Request) -> list[Tensor | None]:
        """Record the gradient where somebody else may differentiate it, else run it."""
        rec = request.rec
        if rec.is_trace or rec.tapes:
            with recording_in(rec):
                return _record_gradient(request)
        found = gradient_program(request)
        if not self.persistent:
            rec.release()
            rec.closed = True
        return found

    def explain(self, target: Any, source: Any) -> str:
        """In one sentence: how the gradient reaches `source`, or where it is cut."""
        last = self._last
        rec = self._rec
        if rec is None:
            return "the tape never recorded"
        if last is not None and getattr(target, "rec", None) is not rec:
            targets = last.targets
        else:
            targets, _ = _targets(rec, target, None)
        return explain_cut(rec, targets, self._source(rec, source), self._cuts)

    def inspect(self, target: Any, sources: Any) -> Any:
        """The gradient program, stage by stage: see `tapec.inspect`."""
        from tapec.inspect import Inspection

        return Inspection(self.function(target, sources))

    def function(self, target: Any = None, sources: Any = None) -> Function:
        """The recorded function with its gradient, before any pass."""
        from tapec.tape_gradient import recorded_gradient

        used, self._used = self._used, False
        try:
            request = self._request(target, sources, None)
        finally:
            self._used = used
        return recorded_gradient(request)

    # matrices

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """d target / d source for every element: shape `target.shape + source.shape`."""
        from tapec.jacobians import jacobian

        return jacobian(self, target, sources, unconnected_gradients)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: Any = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The Jacobian of each example: `(b, ...)` and `(b, ...)` give `(b, ..., ...)`."""
        from tapec.jacobians import batch_jacobian

        return batch_jacobian(self, target, source, unconnected_gradients)


def _sources(tree: Any) -> list[Any]:
    """All sources of a container, also those that are no tensors (to complain about)."""
    leaves, structure = containers.flatten(tree)
    bad = [s for s in _statics(structure) if s.kind == "static"]
    return leaves + [s.data.get() for s in bad]


def _statics(s: containers.Structure) -> Iterator[containers.Structure]:
    yield s
    for child in s.children:
        yield from _statics(child)


def _value_of(rec: Any, x: Any) -> Value:
    t = as_tensor(x)
    if t.rec is rec:
        return t.value
    value: Value = rec.leaf(t, t.array)
    return value


def _targets(
    rec: Recording, target: Any, output_gradients: Any
) -> tuple[list[Value], list[Any]]:
    """Differentiable targets on the recording, with their cotangents (None: ones)."""
    leaves, _ = containers.flatten(target)
    given = [None] * len(leaves)
    if output_gradients is not None:
        given = containers.flatten(output_gradients)[0]
        if len(given) != len(leaves):
            raise ValueError(f"{len(given)} output_gradients for {len(leaves)} targets")
    values: list[Value] = []
    cts: list[Any] = []
    for t, ct in zip(leaves, given, strict=True):
        if isinstance(t, Variable):
            reads = [leaf for _, v, leaf in rec.reads if v is t]
            value = reads[-1] if reads else None
        elif isinstance(t, Tensor):
            value = t.value if t.rec is rec else rec.leaf_of(t)
        else:
            value = None
        if value is None or value.dtype.kind not in "fc":
            continue
        if ct is not None and np.shape(ct) != value.shape:
            raise ShapeError(
                f"output_gradients of shape {np.shape(ct)} for a target {value.type!r}"
            )
        values.append(value)
        cts.append(ct)
    return values, cts


def _record_gradient(request: Request) -> list[Tensor | None]:
    """Append the gradient to the recording, so that outer tapes differentiate it."""
    rec = request.rec
    fn, _ = rec.function(request.targets, whole=True)
    seeds: dict[Value, Any] = {}
    for value, ct in zip(request.targets, request.cts, strict=True):
        seed = filled(rec, value.type, 1.0) if ct is None else as_tensor(ct)
        seeds[value] = seeds[value] + seed if value in seeds else seed
    flat: Sequence[Value] = [v for group in request.wrt for v in group]
    grads = dict(
        zip(flat, backpropagate(rec, fn.ops, seeds, flat, request.cuts), strict=True)
    )
    return [_total([grads[v] for v in group]) for group in request.wrt]


def _total(parts: list[Any]) -> Any:
    """A variable read several times gets the sum."""
    present = [p for p in parts if p is not None]
    if not present:
        return None
    total = present[0]
    for p in present[1:]:
        total = total + p
    return total


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name the ops recorded inside: `with tapec.scope("encoder"):`."""
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
