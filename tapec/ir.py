"""The intermediate representation: straight-line SSA over typed arrays.

An op *is* the value it defines. A `Function` is a schedule of such values, operands
first; nothing is ever mutated. Passes are functions from `Function` to `Function` and
rebuild through `rewrite`, which keeps every value whose operands did not change.

    func @loss(%x: f64[3], %w: f64[3]) {
      %2: f64[3] = mul %x, %w
      %3: f64[] = sum %2 axis=(0,)
      return %3
    }

This module imports nothing of tapec.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "ArrayType",
    "Attrs",
    "Constant",
    "Dim",
    "Emitter",
    "Function",
    "Location",
    "Meta",
    "Rule",
    "TupleType",
    "Type",
    "Value",
    "exact",
    "has_effect",
    "prune",
    "renumber",
    "rewrite",
    "substitute",
    "users",
]

DTYPE_NAMES: Mapping[np.dtype[Any], str] = {
    np.dtype(np.bool_): "bool",
    **{np.dtype(f"i{n}"): f"i{8 * n}" for n in (1, 2, 4, 8)},
    **{np.dtype(f"u{n}"): f"u{8 * n}" for n in (1, 2, 4, 8)},
    **{np.dtype(f"f{n}"): f"f{8 * n}" for n in (2, 4, 8)},
    **{np.dtype(f"c{n}"): f"c{8 * n}" for n in (8, 16)},
}
DTYPES: Mapping[str, np.dtype[Any]] = {name: dt for dt, name in DTYPE_NAMES.items()}


class Dim:
    """A symbolic extent: a dimension whose size is known only at run time."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and other.name == self.name

    def __hash__(self) -> int:
        return hash(("Dim", self.name))


class ArrayType:
    """Dtype and shape of an array value. Interned: equal types are one object."""

    __slots__ = ("dtype", "shape")
    _interned: dict[tuple[Any, ...], ArrayType] = {}

    dtype: np.dtype[Any]
    shape: tuple[Any, ...]

    def __new__(cls, dtype: Any, shape: Iterable[Any] = ()) -> ArrayType:
        key = (dtype, shape if type(shape) is tuple else tuple(shape))
        found = cls._interned.get(key)
        if found is None:
            found = cls._intern(np.dtype(dtype), key[1])
            cls._interned[key] = found
        return found

    @classmethod
    def _intern(cls, dtype: np.dtype[Any], shape: tuple[Any, ...]) -> ArrayType:
        dtype = dtype.newbyteorder("=")
        if dtype not in DTYPE_NAMES:
            raise TypeError(f"arrays of dtype {dtype} cannot be traced")
        dtype = np.dtype(dtype.type)  # NumPy's own object: compiled code compares it
        shape = tuple(d if isinstance(d, Dim) else int(d) for d in shape)
        found = cls._interned.get((dtype, shape))
        if found is None:
            found = object.__new__(cls)
            found.dtype, found.shape = dtype, shape
            cls._interned[dtype, shape] = found
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayType, (self.dtype, self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements; needs a static shape."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{DTYPE_NAMES[self.dtype]}[{','.join(map(str, self.shape))}]"


class TupleType(NamedTuple):
    """The type of an op with several results, read one by one through `item`."""

    items: tuple[ArrayType, ...]

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self.items))})"


Type = ArrayType | TupleType
Attrs = tuple[tuple[str, Any], ...]


class Constant:
    """An array used as an attribute: equal when dtype, shape and bytes are equal.

    Python's `1 == True` and `0.0 == -0.0` must not merge constants, and nan must equal
    itself, hence the comparison by bytes.
    """

    __slots__ = ("_key", "array")

    def __init__(self, array: Any) -> None:
        native = np.asarray(array)
        if not native.dtype.isnative:
            native = native.astype(native.dtype.newbyteorder("="))
        self.array: np.ndarray[Any, Any] = native.view()
        self.array.flags.writeable = False
        self._key: tuple[Any, ...] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        if self._key is None:
            a = self.array
            self._key = (a.dtype.str, a.shape, a.tobytes())
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Constant, (np.array(self.array),)

    def __repr__(self) -> str:
        return f"Constant({self.array!r})"


class Location:
    """Where the user's code made an op: frames innermost first, resolved when read."""

    __slots__ = ("frames",)

    def __init__(self, frames: tuple[tuple[CodeType, int], ...]) -> None:
        self.frames = frames

    @property
    def filename(self) -> str:
        return self.frames[0][0].co_filename

    @property
    def function(self) -> str:
        return self.frames[0][0].co_name

    @property
    def span(self) -> tuple[int | None, int | None, int | None, int | None]:
        """(line, end line, column, end column) of the expression; columns in bytes."""
        code, lasti = self.frames[0]
        return next(itertools.islice(code.co_positions(), lasti // 2, None))

    @property
    def line(self) -> int | None:
        return self.span[0]

    def __repr__(self) -> str:
        return f"{self.filename}:{self.line}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_location, ()  # code objects do not pickle


def _no_location() -> None:
    return None


class Meta:
    """What is known of an op besides its meaning; shared between values, never compared.

    primal: uid of the forward value a gradient op belongs to; scope: name scope path.
    """

    __slots__ = ("_loc", "primal", "scope")

    def __init__(self, primal: int | None = None, scope: str = "", loc: Any = None):
        self.primal = primal
        self.scope = scope
        self._loc = loc

    @property
    def loc(self) -> Location | None:
        """The place in the user's code; kept as a flat tuple of frames until asked for."""
        if type(self._loc) is tuple:
            self._loc = Location(tuple(zip(self._loc[::2], self._loc[1::2], strict=True)))
        return self._loc  # type: ignore[no-any-return]

    def belonging_to(self, primal: int | None) -> Meta:
        """The same for an op of the gradient of `primal`."""
        return Meta(primal, self.scope, self._loc)

    def __reduce__(self) -> tuple[Any, ...]:
        return Meta, (self.primal, self.scope)


NO_META = Meta()


class Value:
    """One SSA value. `prim is None` marks a parameter; otherwise it is that op's result."""

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

    __slots__ = ("name", "ops", "params", "results")

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
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Function(**(fields | changes))

    def __repr__(self) -> str:
        from tapec.text import format_module

        return format_module(self, elide=True)

    def _key(self) -> tuple[Any, ...]:
        """Structure without names, uids and locations: equal keys mean equal meaning."""
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


def has_effect(op: Value) -> bool:
    """Whether an op, or one in its bodies, does more than define its result."""
    if op.prim.effect:
        return True
    bodies = [value for _, value in op.attrs if isinstance(value, Function)]
    return any(has_effect(inner) for body in bodies for inner in body.ops)


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


class Emitter:
    """Collects the ops of a function under construction.

    reason: why the rule puts something else in the place of an op, for the log.
    """

    def __init__(self, next_uid: int) -> None:
        self.ops: list[Value] = []
        self.reason = ""
        self._next = next_uid

    def keep(self, op: Value) -> Value:
        """Append an existing op as it is."""
        self.ops.append(op)
        return op

    def new(
        self, prim: Any, *args: Value, like: Value | None = None, **attrs: Any
    ) -> Value:
        """Append a new op; its type comes from the primitive's type rule.

        `like` lends its `meta`: the op whose work the new one does.
        """
        type_ = prim.type_rule(*[a.type for a in args], **attrs)
        return self.make(prim, args, tuple(attrs.items()), type_, like)

    def make(
        self,
        prim: Any,
        args: tuple[Value, ...],
        attrs: Attrs,
        type_: Type,
        like: Value | None = None,
    ) -> Value:
        """Append a new op of known type."""
        meta = NO_META if like is None else like.meta
        op = Value(prim, args, attrs, type_, self._next, meta=meta)
        self._next += 1
        self.ops.append(op)
        return op


Rule = Callable[[Value, Emitter], Value]


class Replaced(NamedTuple):
    """A line of the rewrite log: the op `old` is now the value `new`."""

    old: int
    new: int
    reason: str


_log: ContextVar[list[Replaced] | None] = ContextVar("rewrite log", default=None)


@contextmanager
def logged() -> Iterator[list[Replaced]]:
    """What `rewrite` replaces inside, for those who ask why."""
    lines: list[Replaced] = []
    token = _log.set(lines)
    try:
        yield lines
    finally:
        _log.reset(token)


def rewrite(fn: Function, rule: Rule) -> Function:
    """Rebuild `fn` op by op: the only loop that does.

    `rule(op, emit)` gets each op with its operands already rewritten and returns the
    value that takes its place: `emit.keep(op)`, a new op, or an earlier value. An op
    whose operands changed keeps its uid.
    """
    emit = Emitter(fn.next_uid)
    log = _log.get()
    new: dict[Value, Value] = {}
    get = new.get
    for op in fn.ops:
        args = op.args
        if any(a in new for a in args):
            args = tuple([get(a, a) for a in args])
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
        else:
            moved = op
        result = rule(moved, emit)
        if result is not op:
            new[op] = result
        if log is not None and result is not moved:
            log.append(Replaced(op.uid, result.uid, emit.reason))
            emit.reason = ""
    return Function(fn.name, fn.params, emit.ops, [get(r, r) for r in fn.results])


def substitute(fn: Function, new: Mapping[Value, Value]) -> Function:
    """`fn` with ops or parameters replaced by other values.

    New parameters come last, new ops (which have no operands) first.
    """
    mapping = dict(new)
    ops = [v for v in new.values() if v.prim is not None]
    for op in fn.ops:
        if op in new:
            continue
        if any(a in mapping for a in op.args):
            args = tuple(mapping.get(a, a) for a in op.args)
            moved = Value(op.prim, args, op.attrs, op.type, op.uid, op.name, op.meta)
            mapping[op] = moved
        ops.append(mapping.get(op, op))
    params = [p for p in fn.params if p not in new]
    params += [v for v in new.values() if v.prim is None]
    return Function(fn.name, params, ops, [mapping.get(r, r) for r in fn.results])


def prune(fn: Function) -> Function:
    """Drop ops that no result and no effect needs."""
    needed = set(fn.results)
    kept: list[Value] = []
    for op in reversed(fn.ops):
        if op in needed or has_effect(op):
            kept.append(op)
            needed.update(op.args)
    if len(kept) == len(fn.ops):
        return fn
    return Function(fn.name, fn.params, reversed(kept), fn.results)


def renumber(fn: Function) -> Function:
    """Number parameters and ops 0, 1, 2, ... (for goldens and printing)."""
    new: dict[Value, Value] = {}
    numbers = {v.uid: i for i, v in enumerate(itertools.chain(fn.params, fn.ops))}
    for i, v in enumerate(itertools.chain(fn.params, fn.ops)):
        meta = v.meta
        if meta.primal is not None:
            meta = meta.belonging_to(numbers.get(meta.primal))
        args = tuple(new[a] for a in v.args)
        new[v] = Value(v.prim, args, v.attrs, v.type, i, v.name, meta)
    return Function(
        fn.name,
        [new[p] for p in fn.params],
        [new[op] for op in fn.ops],
        [new[r] for r in fn.results],
    )


def users(fn: Function) -> dict[Value, list[Value]]:
    """For each value the ops that read it, in schedule order."""
    found: dict[Value, list[Value]] = {v: [] for v in (*fn.params, *fn.ops)}
    for op in fn.ops:
        for a in dict.fromkeys(op.args):
            found[a].append(op)
    return found
