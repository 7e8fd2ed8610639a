"""What a tape is asked about, found on its recording."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tapec import containers
from tapec.errors import ShapeError
from tapec.ir import Value
from tapec.operators import Operators
from tapec.passes.vjp import differentiable
from tapec.recording import Recording, recording_in, warn
from tapec.tape_span import Span
from tapec.tensor import Tensor, as_tensor
from tapec.variable import Variable

__all__ = [
    "SOURCES",
    "Asked",
    "Sources",
    "UnconnectedGradients",
    "all_read",
    "are_read",
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


class Asked:
    """The last question of a tape: `explain` answers it when the recording is gone."""

    last: Any = None
    _targets: Sequence[weakref.ref[Any]] = ()
    _sources: Sequence[Any] = ()

    def note(self, target: Any, sources: list[Any], request: Any) -> None:
        """Remember a request, which holds no tensor, without keeping these alive."""
        self.last = request
        targets = (target,) if type(target) is Tensor else _tensors(target)
        self._targets = tuple(map(weakref.ref, targets))
        self._sources = tuple(map(weakref.ref, sources))

    def note_variables(self, target: Tensor, read: Sequence[Any], request: Any) -> None:
        """The same for one target and variables that the tape keeps alive anyway."""
        self.last = request
        self._targets = (weakref.ref(target),)
        self._sources = tuple(read)

    def source(self, x: Any) -> tuple[Value, ...] | None:
        """The values that stood for `x`; None when it was not asked about."""
        for i, s in enumerate(self._sources):
            if (s() if type(s) is weakref.ref else s) is x:
                values: tuple[Value, ...] = self.last.wrt[i]
                return values
        return None

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


def all_read(rec: Recording, named: list[Any]) -> list[tuple[Value, ...]] | None:
    """The values of sources that are variables, each of which was read, or None.

    For a tape without gaps that watched nothing. Quick where the recording went along
    the trail of another one: the same was read then, of perhaps other variables.
    """
    reads, step = rec.reads, rec.step
    if step is None or len(reads) < len(named):
        return None
    asked = step.asked
    if asked is None or not are_read(reads, named, *asked):
        asked = step.asked = _owners(reads, named)
        if asked is None:
            return None
    for x in named:
        if not x.trainable or x.type.dtype.kind not in "fc":
            return None
    values: list[tuple[Value, ...]] = asked[1]
    return values


def _owners(reads: list[Any], named: list[Any]) -> tuple[list[Any], list[Any]] | None:
    """The source (or -1) and the leaf of each read, and the values of each source.

    None if a source was not read.
    """
    number = {id(x): k for k, x in enumerate(named)}
    owners = [(number.get(id(v), -1), leaf) for _, v, leaf in reads]
    values: list[tuple[Value, ...]] = [()] * len(named)
    for k, leaf in owners:
        if k >= 0 and leaf not in values[k]:
            values[k] += (leaf,)
    return (owners, values) if all(values) else None


def are_read(
    reads: list[Any], named: Sequence[Any], owners: list[Any], values: list[Any]
) -> bool:
    """Whether what `_owners` found out holds for these, and they may be trained."""
    if len(owners) != len(reads) or len(values) != len(named):
        return False
    for (_, v, leaf), (k, known) in zip(reads, owners):  # noqa: B905
        if leaf is not known:
            return False
        if k < 0:
            if any(v is x for x in named):
                return False
        elif v is not named[k] or not v.trainable:
            return False
    return True


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
