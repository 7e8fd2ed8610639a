"""Recordings: a growing schedule of values, computed when somebody looks."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tapec.ir import (
    ArrayType,
    Attrs,
    Function,
    Meta,
    Type,
    Value,
    asked,
    substitute,
)
from tapec.locks import lock
from tapec.ops.const import const
from tapec.recording.current import make_current, state
from tapec.recording.literals import literal_of
from tapec.recording.looks import Inside, Look
from tapec.recording.places import called_from_tapec, locate, user_frames
from tapec.recording.referring import Referring
from tapec.recording.running import Array, array_of, run_program
from tapec.recording.sites import Sites
from tapec.recording.trail import Step, root

__all__ = [
    "PLANS",
    "Recording",
]

_new = object.__new__
_getframe = sys._getframe

PLANS: dict[Any, Any] = {}
"""What `tensor.bind` has worked out, by operation and kinds of operands."""


_life = lock()
"""Held while tapes come and go, never while waiting for anything."""


class Recording(Referring):
    """A growing schedule of values and the leaves it starts from.

    values: every op in order; a value's uid is its number here (leaves have one too).
    leaves: parameters of the programs, with the numbers each stands for (an array of
        this moment; in a traced function the object that is read again at each call).
    tapes: ids of those that record now. holders: of those that may ask for gradients.
    reads: variables read, with position and value. looks: where numbers left.
    ranges: index arrays whose range is checked later, if so. inside: what
        a body, or one element of many, leaves to be checked. flushes: how many.
    step: where on its trail the recording is; None beside it.
    home: the dictionary of the owning thread's state.
    """

    is_trace = False
    is_body = False
    closed = False
    scope = ""
    step: Step | None = None
    meta: Meta | None = None
    sites: Sites | None = None
    flushes = 0
    _uid = 0
    ranges: list[Any] | None = None
    inside: list[Inside] | None = None

    def __init__(self, stop: Any = None) -> None:
        super().__init__()
        self.values: list[Value] = []
        self.leaves: dict[Value, Any] = {}
        self.stop = stop
        self.tapes: set[int] = set()
        self.holders: set[int] = set()
        self.reads: list[tuple[int, Any, Value]] = []
        self.looks: list[Look] = []
        self.home = state.__dict__
        self.lock = lock()
        sizes = asked.get()
        self.plans = PLANS if sizes is None else getattr(sizes, "plans", PLANS)
        self.leaf_by_id: dict[int, tuple[Any, Value]] = {}

    @property
    def position(self) -> int:
        """The uid of the next value: tapes are intervals of positions."""
        return self._uid

    # tapes

    def hold(self, tape: Any) -> bool:
        """`tape` may ask for gradients; False when the recording is closed already."""
        with _life:
            if not self.closed or self.is_trace:
                self.holders.add(id(tape))
            return id(tape) in self.holders

    def begin(self, tape: Any) -> None:
        """`tape` records from now on."""
        with _life:
            self.tapes.add(id(tape))
            make_current(self.home, self)

    def end(self, tape: Any) -> None:
        """`tape` stops; after the last one its thread computes at once again.

        May be called again, if an interrupt stopped it half way.

        May be called by any thread: the collector decides where a lost tape dies.
        """
        with _life:
            self.tapes.discard(id(tape))
            last = not self.tapes and not self.is_trace
            if last and self.home.get("recording") in (self, None):
                make_current(self.home, None)

    def release(
        self, tape: Any, lost: bool = False, alive: list[Any] | None = None
    ) -> None:
        """One tape less will ask for gradients; the last one frees the recording.

        lost: the tape died, which the collector may bring about in another thread or in
        the middle of an operation; then the next tape of the thread does the freeing.
        alive: the tensors that are, if somebody knows.
        """
        with _life:
            self.holders.discard(id(tape))
            if self.holders or self.is_trace:
                return
            self.closed = True
        idle = self.home is state.__dict__ and not (lost and called_from_tapec())
        if idle and self.lock.acquire(blocking=False):
            try:
                self.let_go(alive)
            finally:
                self.lock.release()
        else:
            self.home.setdefault("lost", []).append(weakref.ref(self))

    def let_go(self, alive: list[Any] | None = None) -> None:
        """Forget everything, and let tensors that are known forget the recording.

        What a pending tensor was computed from stays until its number is asked for.
        """
        self._detach(alive)
        self.leaf_by_id.clear()
        self.reads.clear()
        self.values.clear()
        if not self._fresh:
            self.leaves.clear()

    def settle(self, tensors: list[Any], arrays: Sequence[Array]) -> None:
        """All tensors that were pending have their numbers now."""
        super().settle(tensors, arrays)
        if self.closed and not self.is_trace:
            if self.home is state.__dict__:
                self.let_go()
            else:
                self.home.setdefault("lost", []).append(weakref.ref(self))

    # recording

    def here(self, near: int = 3) -> Meta | None:
        """What ops that are recorded now have in common; None on a trail.

        near: see `user_frames`.
        """
        if self.meta is not None or self.step is not None:
            return self.meta
        sites = self.sites
        if sites is None:
            return Meta(None, self.scope, user_frames(self.stop, near))
        frame = _getframe(near - 1)
        if frame is sites.frame:
            meta = sites.metas.get(frame.f_lasti)
            if meta is not None and meta.scope == self.scope:
                return meta
        return sites.meta(self.scope, near)

    def append(
        self, prim: Any, args: tuple[Value, ...], attrs: Attrs, type_: Type,
        here: Meta | None = None,
    ) -> Value:  # fmt: skip
        """Note one op of known type."""
        if self.step is not None:
            value = self._along(self.step, prim, args, attrs, type_, 5)
        else:
            value = _new(Value)
            value.prim = prim
            value.args = args
            value.attrs = attrs
            value.type = type_
            value.uid = self._uid
            value.name = ""
            value.meta = self.here() if here is None else here  # type: ignore[assignment]
        self._uid += 1
        self.values.append(value)
        return value

    def walk(self) -> None:
        """Follow the trail of the tapes of this line, as long as it goes."""
        if self.plans is PLANS:
            self.step = root(self.stop)

    def origin(self, near: int) -> tuple[Any, ...]:
        """Primal, scope and frames of the ops recorded now; see `user_frames`."""
        meta = self.meta
        if meta is None:
            return None, self.scope, user_frames(self.stop, near)
        return meta.primal, meta.scope, meta._loc

    def _along(
        self, step: Step, prim: Any, args: tuple[Value, ...], attrs: Attrs,
        type_: Type, near: int,
    ) -> Value:  # fmt: skip
        """The next op's value: that of the trail, or the first that leads elsewhere."""
        origin = self.origin(near)
        found = step.after(prim, args, attrs, type_, origin)
        if found is not None:
            self.step = found
            return found.value
        meta = self.meta or Meta(*origin)
        value = Value(prim, args, attrs, type_, self._uid, "", meta)
        self.step = step.lengthened(value, origin)
        return value

    def literal(
        self, number: Any, dtype: np.dtype[Any] | None = None, here: Meta | None = None
    ) -> Value:
        """A scalar from the user's text or a rule."""
        attrs, type_ = literal_of(number, dtype)
        return self.append(const, (), attrs, type_, here)

    def leaf(self, source: Any, array: Array, name: str = "") -> Value:
        """The parameter that stands for `source`; `array` types it.

        A trace has one per object. A tape has one per array: tensors that share their
        numbers are the same source, and one that was assigned to is another.
        """
        what = source if self.is_trace else array
        found = self.leaf_by_id.get(id(what))
        if found is None:
            value = self._new_leaf(ArrayType(array.dtype, array.shape), name)
            self.leaves[value] = what
            found = self.leaf_by_id[id(what)] = (what, value)
        return found[1]

    def _new_leaf(self, type_: ArrayType, name: str = "") -> Value:
        step = self.step
        found = None if step is None else step.after_leaf(type_, name)
        if found is not None:
            self.step, value = found, found.value
        else:
            value = Value(None, (), (), type_, self._uid, name)
            if step is not None:
                self.step = step.lengthened(value)
        self._uid += 1
        return value

    def leaf_of(self, source: Any) -> Value | None:
        """The leaf that stands for a tensor, if there is one."""
        what = source if self.is_trace else getattr(source, "known", None)
        found = self.leaf_by_id.get(id(what))
        return None if found is None else found[1]

    def behalf_of(self, primal: Value) -> None:
        """Ops recorded from now on belong to the gradient of `primal`.

        A caller that sets this puts `meta` back to what it was before.
        """
        self.meta = primal.meta.belonging_to(primal.uid)

    # programs

    def flush(self, wanted: Iterable[Value] = ()) -> dict[Value, Array]:
        """Compute `wanted` and every value that a live tensor still refers to."""
        with self.lock:
            self.flushes += 1
            pending = self.pending()
            outputs = dict.fromkeys([*wanted, *(t.value for t in pending)])
            fn, sources = self.function(outputs)
            arrays = run_program(fn, [array_of(s) for s in sources])
            found = dict(zip(outputs, arrays, strict=True))
            self.settle(pending, [found[t.value] for t in pending])
            return found

    def function(
        self, outputs: Iterable[Value], whole: bool = False
    ) -> tuple[Function, list[Any]]:
        """The program for `outputs` and what its parameters stand for.

        A value that a live tensor already holds is a parameter, not computed again,
        unless the `whole` history is asked for.
        """
        outputs = list(outputs)
        params: dict[Value, Any] = {}
        ops: set[Value] = set()
        stack = list(outputs)
        while stack:
            v = stack.pop()
            if v in ops or v in params:
                continue
            if v.prim is None:
                params[v] = self.leaves.get(v)
            elif not whole and (known := self.known(v)) is not None:
                params[v] = known
            else:
                ops.add(v)
                stack.extend(v.args)
        order = sorted(params, key=lambda v: v.uid)
        schedule = sorted(ops, key=lambda v: v.uid)
        fn = Function("tape", order, schedule, outputs)
        computed = [v for v in order if v.prim is not None]
        if computed:
            leaves = [v for v in order if v.prim is None]
            given = {v: Value(None, (), (), v.type, v.uid, v.name) for v in computed}
            fn = substitute(fn.with_(params=leaves), given)
            order = leaves + computed
        return fn, [params[v] for v in order]

    # looks

    def decided(self, truth: bool) -> None:
        """A number decided in the user's code."""

    def look(self, x: Any, how: str) -> None:
        """Note that the numbers of `x` are taken out of the recording here."""
        value = getattr(x, "value", None) if getattr(x, "rec", None) is self else None
        place = locate(self.stop)
        self.looks.append(Look(weakref.ref(x), value or self.leaf_of(x), how, place))

    def differentiable(self, x: Any) -> bool:
        """Whether a gradient could pass through `x`: floating numbers feed it."""
        if x.dtype.kind not in "fc" or not getattr(x, "trainable", True):
            return False
        if getattr(x, "rec", None) is not self:
            return True
        seen: set[Value] = set()
        stack = [x.value]
        while stack:
            v = stack.pop()
            if v in seen or (type(v.type) is ArrayType and v.dtype.kind not in "fc"):
                continue
            seen.add(v)
            if v.prim is None:
                return True
            if v.prim.vjp is not None:
                stack.extend(v.args)
        return False
