"""What a tape is asked about, found on its recording."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import ShapeError
from tapec.ir import ArrayType, Value
from tapec.operators import Operators
from tapec.passes.vjp import differentiable
from tapec.recording import Recording, recording_in, warn
from tapec.tensor import Tensor, as_tensor
from tapec.variable import Variable

__all__ = [
    "SOURCES",
    "Asked",
    "Sources",
    "Span",
    "UnconnectedGradients",
    "is_row",
    "is_source",
    "none_or_zero",
    "targets_of",
    "tensors_of",
    "value_on",
    "zeros_for",
]


_TENSORS = frozenset((Tensor, Variable))
SOURCES = "a source of gradients must be a tensor or a variable"


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on.

    >>> import tapec
    >>> x, z = tapec.constant(1.0), tapec.constant(2.0)
    >>> with tapec.GradientTape() as tape:
    ...     y = x * x
    >>> zero = tapec.UnconnectedGradients.ZERO
    >>> float(tape.gradient(y, z, unconnected_gradients=zero))
    0.0
    """

    NONE = "none"
    ZERO = "zero"


class Span:
    """The positions of a recording at which one tape was recording."""

    def __init__(self) -> None:
        self._ends: list[tuple[int, int | None]] = []

    def open(self, position: int) -> None:
        self._ends.append((position, None))

    def close(self, position: int) -> None:
        if self._ends and self._ends[-1][1] is None:
            self._ends[-1] = (self._ends[-1][0], position)

    def forget(self) -> None:
        self._ends.clear()

    @property
    def ends(self) -> tuple[tuple[int, int | None], ...]:
        """The positions where recording began and ended."""
        return tuple(self._ends)

    @property
    def first(self) -> int:
        """Where the tape began; 0 if it never did."""
        return self._ends[0][0] if self._ends else 0

    def is_whole(self, position: int) -> bool:
        """Whether the tape recorded without a gap up to there."""
        if len(self._ends) != 1:
            return False
        first, end = self._ends[0]
        return first == 0 and (end is None or end == position)

    def covers(self, position: int) -> bool:
        """Whether the tape was recording then."""
        for first, end in self._ends:
            if first <= position and (end is None or position < end):
                return True
        return False

    def cuts(self, op: Value) -> bool:
        """Whether `op` is constant: not recorded by the tape, or not differentiable."""
        if type(op.type) is ArrayType and op.type.dtype.kind not in "fc":
            return True
        return op.prim.vjp is None or not self.covers(op.uid)


class Asked:
    """The last question of a tape: `explain` answers it when the recording is gone."""

    last: Any = None
    _targets: Sequence[weakref.ref[Any]] = ()
    _sources: Sequence[weakref.ref[Any]] = ()

    def note(self, target: Any, sources: list[Any], request: Any) -> None:
        """Remember a request without keeping its tensors alive."""
        self.last = request.without_cotangents()
        self._targets = list(map(weakref.ref, _tensors(target)))
        self._sources = list(map(weakref.ref, sources))

    def source(self, x: Any) -> tuple[Value, ...] | None:
        """The values that stood for `x`; None when it was not asked about."""
        found = (i for i, ref in enumerate(self._sources) if ref() is x)
        i = next(found, None)
        return None if i is None else self.last.wrt[i]

    def target(self, target: Any) -> list[Value] | None:
        """The values of the target asked about; None when this is another one."""
        asked = [id(ref()) for ref in self._targets]
        if self.last is None or asked != [id(t) for t in _tensors(target)]:
            return None
        values: list[Value] = self.last.targets
        return values


def _tensors(tree: Any) -> list[Any]:
    if type(tree) is Tensor:
        return [tree]
    return [t for t in containers.flatten(tree)[0] if isinstance(t, Operators)]


def is_row(tree: Any) -> bool:
    """Whether it is a plain list of tensors and variables."""
    return type(tree) is list and _TENSORS.issuperset(map(type, tree))


def tensors_of(tree: Any, demand: str) -> list[Any]:
    """The tensors and variables of a container; ValueError for anything else in it."""
    if type(tree) in _TENSORS:
        return [tree]
    if is_row(tree):
        return list(tree)
    leaves, structure = containers.flatten(tree)
    others = [s.data.get() for s in _nodes(structure) if s.kind == "static"]
    for x in (*leaves, *others):
        if not isinstance(x, Operators):
            raise ValueError(
                f"{demand}, not {type(x).__name__}; make one with tapec.constant(...)"
            )
    return leaves


def _nodes(s: containers.Structure) -> Iterator[containers.Structure]:
    yield s
    for child in s.children:
        yield from _nodes(child)


def is_source(x: Any) -> bool:
    """Whether `x` can have a gradient; a warning says so when it cannot."""
    if x.dtype.kind in "fc":
        return True
    name = f"variable {x.name!r}" if getattr(x, "name", "") else "a source"
    remedy = "give it as x.astype(float)" if isinstance(x, Tensor) else "make it float"
    warn(f"{name} of dtype {x.dtype} has no gradient; {remedy}")
    return False


def value_on(rec: Any, x: Any) -> Value:
    """The value of the recording that `x` is now."""
    t = as_tensor(x)
    if t.rec is rec:
        return t.value
    value: Value = rec.leaf_of(t) or rec.leaf(t, t.array)
    return value


class Sources:
    """What is asked of the sources of one gradient.

    watched: what `watch` noted, by id. everything: not only that is a source. target: a
    variable may be its own target without ever having been read.
    """

    def __init__(
        self, rec: Recording, watched: dict[int, tuple[Any, Any]], span: Span,
        everything: bool, target: Any,
    ) -> None:  # fmt: skip
        self._rec = rec
        self._watched = watched
        self._everything = everything
        self._targets = () if type(target) is Tensor else set(map(id, _tensors(target)))
        self._read = read = dict[int, tuple[Value, ...]]()
        whole = span.is_whole(rec.position)
        for position, v, leaf in rec.reads:
            if whole or span.covers(position):
                found = read.get(id(v))
                if found is None:
                    read[id(v)] = (leaf,)
                elif leaf not in found:
                    read[id(v)] = (*found, leaf)

    def of(self, named: list[Any]) -> list[tuple[Value, ...]]:
        """The values that stand for each of the sources, see `values`."""
        if self._watched or self._targets or not self._everything:
            return [self.values(x) for x in named]
        read = self._read
        return [
            read[id(x)]
            if id(x) in read and x.trainable and x.type.dtype.kind in "fc"
            else self.values(x)
            for x in named
        ]

    def values(self, x: Any) -> tuple[Value, ...]:
        """The values that stand for `x`: several for a variable assigned meanwhile."""
        watched = self._watched.get(id(x))
        if x.type.dtype.kind not in "fc":
            if watched is None:
                is_source(x)
            return ()
        if isinstance(x, Variable):
            if watched is None and not (self._everything and x.trainable):
                return ()
            found = self._read.get(id(x), ())
            if id(x) in self._targets:
                last = next(leaf for _, v, leaf in reversed(self._rec.reads) if v is x)
                return found if last in found else (*found, last)
            return found
        if watched is not None:
            return (watched[1],)
        if not self._everything:
            return ()
        value = x.value if x.rec is self._rec else self._rec.leaf_of(x)
        return () if value is None else (value,)


def targets_of(
    rec: Recording, target: Any, output_gradients: Any
) -> tuple[list[Value], list[Any]]:
    """Differentiable targets on the recording, with their cotangents (None: ones)."""
    if target is None:
        raise ValueError("the target is None; give the tensor to differentiate")
    if type(target) is Tensor and target.rec is rec and output_gradients is None:
        return ([target.value], [None]) if differentiable(target.type) else ([], [])
    leaves = [target] if type(target) is Tensor else containers.flatten(target)[0]
    given: list[Any] = [None] * len(leaves)
    if output_gradients is not None:
        flat, structure = containers.flatten(output_gradients)
        given = list(_with_gaps(structure, iter(flat)))
        if len(given) != len(leaves):
            raise ValueError(f"{len(given)} output_gradients for {len(leaves)} targets")
    values, cts = [], []
    for t, ct in zip(leaves, given, strict=True):
        value = _target(rec, t)
        if value is None or not differentiable(value.type):
            continue
        if ct is not None and np.shape(ct) != value.shape:
            raise ShapeError(
                f"output_gradients of shape {np.shape(ct)} for a target {value.type!r}"
            )
        values.append(value)
        cts.append(ct)
    return values, cts


def _with_gaps(s: containers.Structure, leaves: Iterator[Any]) -> Iterator[Any]:
    """The leaves in order, None where the structure says so."""
    if s.kind in ("leaf", "none"):
        yield next(leaves) if s.kind == "leaf" else None
    for child in s.children:
        yield from _with_gaps(child, leaves)


def _target(rec: Recording, t: Any) -> Value | None:
    if isinstance(t, Variable):
        found = next((leaf for _, v, leaf in reversed(rec.reads) if v is t), None)
        if found is None:
            with recording_in(rec):
                found = t.read().value
        return found
    return value_on(rec, t) if isinstance(t, Tensor) else None


def none_or_zero(unconnected: Any) -> bool:
    """Whether missing gradients are to be zeros; ValueError for an unknown choice."""
    if unconnected is UnconnectedGradients.NONE:
        return False
    choice = getattr(unconnected, "value", unconnected)
    if choice not in ("none", "zero"):
        raise ValueError(
            f'unconnected_gradients is "none" or "zero", not {unconnected!r}'
        )
    return bool(choice == "zero")


def zeros_for(source: Any) -> Tensor:
    """The gradient of a source that the target does not depend on."""
    return Tensor.holding(np.zeros(source.shape, source.dtype))
