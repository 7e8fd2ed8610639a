"""Traces: recordings with parameters."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tapec.errors import TraceError
from tapec.interpret import apply
from tapec.ir import ArrayType, Function, Value, asked, op_with_sizes
from tapec.recording.recording import Recording
from tapec.recording.running import Array, array_of
from tapec.recording.sites import Sites

__all__ = ["Trace"]

HOLDERS = 5


class Trace(Recording):
    """A recording with parameters: the body of a traced function.

    Numbers looked at during the trace come from the example arguments and are computed
    on demand; each look that decides something leaves a `check` behind. rounds: what
    sees these, and turns Python's loops that they end into ops.
    """

    is_trace = True

    def __init__(self, name: str, stop: Any = None) -> None:
        super().__init__(stop)
        self.name = name
        self.params: list[Value] = []
        self.assigned: dict[int, tuple[Any, Any]] = {}
        self._examples: dict[Value, Any] = {}
        self.rounds: Any = None

    def decided(self, truth: bool) -> None:
        """The last op is the check that a decision of Python's left behind."""
        if self.rounds is not None:
            self.rounds.decided(self, self.values[-1], truth)

    def watched(self, fun: Any, args: Sequence[Any], kw: Mapping[str, Any]) -> Any:
        """The results of a call that is recorded."""
        self.sites = Sites(self.stop)
        try:
            return fun(*args, **kw)
        finally:
            self.sites = None
            if self.rounds is not None:
                self.rounds.close()

    def drop(self, begin: int, end: int) -> None:
        """Forget ops, by position, that later ones stand for."""
        del self.values[begin:end]

    def know(self, value: Value, example: Array) -> None:
        """What `value` is for the example arguments."""
        self.flushes += 1
        self._examples[value] = example

    def is_whole(self, results: Iterable[Value]) -> bool:
        """Whether nothing refers to ops that were dropped."""
        if self.rounds is None or not self.rounds.found:
            return True
        known = {op for op in self.values if op.prim is not None}
        used = itertools.chain(results, *[op.args for op in self.values])
        return all(v.prim is None or v in known for v in used)

    def param(self, example: Array, name: str = "", shape: Any = None) -> Value:
        """A new parameter, typed and exemplified by `example`.

        shape: the example's with symbolic extents, if some are.
        """
        shape = example.shape if shape is None else shape
        value = self.add_param(ArrayType(example.dtype, shape), name)
        self._examples[value] = example
        return value

    def add_param(self, type_: ArrayType, name: str = "") -> Value:
        """A new parameter that has no example."""
        value = self._new_leaf(type_, name)
        self.params.append(value)
        return value

    @classmethod
    def extending(cls, fn: Function) -> Trace:
        """A trace that continues where `fn` ends (for passes that record)."""
        trace = cls(fn.name)
        trace.params = list(fn.params)
        trace.values = list(fn.ops)
        trace._uid = fn.next_uid
        return trace

    def private(self) -> dict[Value, Array]:
        """Captured arrays that cannot change: nobody else holds them, or read-only.

        They stop being leaves: the caller makes them constants of the function.
        """
        found: dict[Value, Array] = {}
        self._examples.clear()
        for value, source in list(self.leaves.items()):
            if type(source) is not np.ndarray:
                continue
            # held by: leaves, _leaf_of, the list above, `source`, the argument
            alone = sys.getrefcount(source) == HOLDERS and source.base is None
            frozen = not source.flags.writeable and source.flags.owndata
            if alone or frozen:
                found[value] = source
                del self.leaves[value]
        return found

    def finish(self, results: Sequence[Value]) -> Function:
        """The recorded function; captured values are its last parameters."""
        self.closed = True
        params = [*self.params, *self.leaves]
        return Function(self.name, params, self.values, results)

    def example(self, value: Value) -> Array:
        """What `value` is for the example arguments."""
        env = self._examples
        sizes = getattr(asked.get(), "examples", None)
        needed: set[Value] = set()
        stack = [value]
        while stack:
            v = stack.pop()
            if v in env or v in needed:
                continue
            if v.prim is None:
                env[v] = array_of(self.leaves[v])
            else:
                needed.add(v)
                stack.extend(v.args)
        with np.errstate(all="ignore"):
            for op in sorted(needed, key=lambda v: v.uid):
                args = [env[a] for a in op.args]
                env[op] = apply(op if sizes is None else op_with_sizes(op, sizes), args)
        return env[value]  # type: ignore[no-any-return]

    def track(self, tensor: Any) -> None:
        """Tensors of a trace stay symbolic."""

    def flush(self, wanted: Iterable[Value] = ()) -> dict[Value, Array]:
        if self.closed:
            raise TraceError(
                f"a value traced in {self.name} was used after the trace had ended; "
                "return it from the function instead"
            )
        return {v: self.example(v) for v in wanted}
