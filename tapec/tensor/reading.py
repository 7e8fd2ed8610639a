"""Operands with numbers of their own, and what reading them does to a recording.

A variable, an array or a tensor from outside becomes a leaf when an operation first
meets it. `read` does so and notes how it went; `again` repeats it for other objects of
which the same can be said, in one go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapec.ir import Value
from tapec.operators import PLAIN, Operators
from tapec.recording import Recording
from tapec.tensor.operands import as_tensor, own
from tapec.tensor.tensor import Tensor

__all__ = ["Source", "again", "is_source", "read"]


class Source(NamedTuple):
    """An operand that was read.

    place: among the operands. kind: that of a tensor. fresh: whether the leaf was not
    on the recording before. position: where a variable was read.
    """

    place: int
    class_: Any
    leaf: Value
    kind: Any
    fresh: bool
    position: int | None


def is_source(rec: Recording, a: Any) -> bool:
    """Whether an operand has numbers, and `read` takes it."""
    if type(a) is Tensor:
        return a.rec is not rec and a.known is not None
    return type(a) is np.ndarray or (type(a) in PLAIN and isinstance(a, Operators))


def read(rec: Recording, place: int, a: Any) -> tuple[Tensor, Source]:
    """An operand as a tensor of the recording, and how that came about."""
    before = rec.position
    t = as_tensor(a)
    if t.rec is not rec:
        leaf = rec.leaf_of(t) or rec.leaf(t, t.array)
        t = Tensor(rec, leaf, t.kind, t.known)
        rec.track(t)
    fresh = rec.position != before
    position = None if type(a) in (Tensor, np.ndarray) else rec.position
    return t, Source(place, type(a), t.value, t.kind, fresh, position)


def again(rec: Recording, sources: tuple[Source, ...], args: tuple[Any, ...]) -> bool:
    """Read the operands, if that goes as it did before."""
    known = rec.leaf_by_id
    for source in sources:
        place, class_, leaf, kind, fresh, position = source
        a: Any = args[place]
        if type(a) is not class_:
            return _unread(rec, sources, source)
        if position is not None:
            array = a._array
            if a.type is not kind or a.name != leaf.name:
                return _unread(rec, sources, source)
        elif class_ is Tensor:
            array = a.known
            if array is None or a.rec is rec or a.kind is not kind:
                return _unread(rec, sources, source)
        else:
            if a.dtype is not kind.dtype or a.shape != kind.shape:
                return _unread(rec, sources, source)
            array = a.copy() if a.flags.writeable else own(a)
        key = id(array)
        if fresh:
            if key in known:
                return _unread(rec, sources, source)
            known[key] = array, leaf
            rec.leaves[leaf] = array
        elif key not in known or known[key][1] is not leaf:
            return _unread(rec, sources, source)
        if position is not None:
            rec.reads.append((position, a, leaf))
    return True


def _unread(rec: Recording, sources: tuple[Source, ...], last: Source) -> bool:
    """Undo what was read before the `last`, which is another one."""
    for source in sources[: sources.index(last)]:
        if source.fresh:
            array = rec.leaves.pop(source.leaf)
            del rec.leaf_by_id[id(array)]
        if source.position is not None:
            rec.reads.pop()
    return False
