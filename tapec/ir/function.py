"""Values and functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from tapec.ir.origin import NO_META, Meta
from tapec.ir.types import Attrs, Type

__all__ = ["Function", "Value", "exact", "has_body", "has_effect"]


class Value:
    """One SSA value: the result of op `prim`, or a parameter when that is None."""

    __slots__ = ("args", "attrs", "meta", "name", "prim", "type", "uid")

    def __init__(
        self,
        prim: Any,
        args: tuple[Value, ...],
        attrs: Attrs,
        type: Type,
        uid: int,
        name: str = "",
        meta: Meta = NO_META,
    ) -> None:
        self.prim = prim
        self.args = args
        self.attrs = attrs
        self.type: Any = type  # ArrayType; TupleType where there are several results
        self.uid = uid
        self.name = name
        self.meta = meta

    @property
    def dtype(self) -> Any:
        return self.type.dtype

    @property
    def shape(self) -> Any:
        return self.type.shape

    def attr(self, name: str) -> Any:
        """The attribute called `name`."""
        for key, value in self.attrs:
            if key == name:
                return value
        raise KeyError(name)

    def __repr__(self) -> str:
        head = f"%{self.name or self.uid}: {self.type!r}"
        if self.prim is None:
            return head
        args = ", ".join(f"%{a.name or a.uid}" for a in self.args)
        return f"{head} = {self.prim.name} {args}".rstrip()


class Function:
    """Parameters, a schedule of ops (operands first), results.

    Effects (`check`, `assign`, `print`, `assert`) are ops of the schedule that define
    no result; their primitive says `effect`, and they are roots of every pass.
    """

    __slots__ = ("_structure", "name", "ops", "params", "results")

    def __init__(
        self,
        name: str,
        params: Iterable[Value],
        ops: Iterable[Value],
        results: Iterable[Value],
    ) -> None:
        self.name = name
        self.params = tuple(params)
        self.ops = tuple(ops)
        self.results = tuple(results)
        self._structure: tuple[Any, ...] | None = None

    @property
    def effects(self) -> tuple[Value, ...]:
        return tuple(op for op in self.ops if op.prim.effect)

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What running the function gives: the results, then what it assigns."""
        return (
            *self.results,
            *(e.args[0] for e in self.effects if e.prim.name == "assign"),
        )

    @property
    def next_uid(self) -> int:
        """The first uid above all those in use."""
        return 1 + max(
            (v.uid for v in itertools.chain(self.params, self.ops)), default=-1
        )

    def bodies(self) -> Iterator[Function]:
        """Functions named in attributes of the ops, in order, with repetitions."""
        for op in self.ops:
            for _, value in op.attrs:
                if isinstance(value, Function):
                    yield value

    def with_(self, **changes: Any) -> Function:
        """A copy with some fields replaced."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return Function(**(fields | changes))

    def __repr__(self) -> str:
        from tapec.text import format_module

        return format_module(self, elide=True)

    def __reduce__(self) -> tuple[Any, ...]:
        from tapec.ir.flat import Tables

        return _unpickled, (Tables([self]),)

    def __copy__(self) -> Function:
        return self  # nothing is ever mutated

    def __deepcopy__(self, memo: Any) -> Function:
        return self

    def _key(self) -> tuple[Any, ...]:
        """Structure without names, uids, locations: equal keys mean equal meaning."""
        if self._structure is None:
            self._structure = self._make_key()
        return self._structure

    def _make_key(self) -> tuple[Any, ...]:
        place = {p: i for i, p in enumerate(self.params)}
        rows = []
        for op in self.ops:
            args = tuple(place[a] for a in op.args)
            rows.append((op.prim.name, args, exact(op.attrs), op.type))
            place[op] = len(place)
        head = tuple(p.type for p in self.params)
        return head, tuple(rows), tuple(place[r] for r in self.results)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Function) and self._key() == other._key()

    def __hash__(self) -> int:
        prims = tuple(op.prim.name for op in self.ops)
        return hash((tuple(p.type for p in self.params), prims, len(self.results)))


_FIELDS = ("name", "params", "ops", "results")


def _unpickled(tables: Any) -> Function:
    (fn,) = tables.functions()
    return fn  # type: ignore[no-any-return]


def has_body(op: Value) -> bool:
    """Whether an op holds a function."""
    return bool(op.attrs) and any(type(value) is Function for _, value in op.attrs)


def has_effect(op: Value) -> bool:
    """Whether an op, or one in its bodies, does more than define its result."""
    if op.prim.effect:
        return True
    for _, value in op.attrs:
        if type(value) is Function and any(map(has_effect, value.ops)):
            return True
    return False


def exact(value: Any) -> Any:
    """A key for an attribute value (or tuple of them) that tells 1, 1.0 and True apart.

    0.0 and -0.0 differ, nan equals itself, and slices are hashable.
    """
    kind = type(value)
    if kind is tuple:
        return tuple([exact(item) for item in value])
    if kind in (bool, int, float, complex):
        return kind, str(value)
    if kind is slice:
        return slice, exact((value.start, value.stop, value.step))
    return value
