"""A function with symbols in the place of the lengths of its loops.

    %1: f64[50] = scan %x ... length=50        %1: f64[T] = scan %x ... length=T
    %2: f64[50] = multiply %1, %1         ->   %2: f64[T] = multiply %1, %1
    %3: f64[1] = slice %2 start=(49,)          %3: f64[1] = slice %2 start=(T-1,)

Every number that may have to do with a length starts as a symbol of its own: lengths,
extents of parameters and constants, shapes in attributes. Type rules say which must be
equal; a symbol that nothing ties to a length is a number again in the end, and so are
the symbols of an op whose type rule refuses them. Where a region begins or ends near
the end of an axis, it is taken for the distance from there: another guess would be a
function for fewer lengths, not a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from tapec.ir import ArrayType, Dim, Extent, Function, TupleType, Value, sized
from tapec.ops.const import const, item
from tapec.ops.control import scan
from tapec.passes.lengths.symbols import Symbols

__all__ = ["Inference", "lengths_in"]

SHAPES = {
    "broadcast_to": "shape", "reshape": "shape", "unslice": "shape",
    "scatter_add": "shape", "random_bits": "shape", "iota": "length",
}  # fmt: skip
"""Attributes that are extents, or tuples of them."""

PLACES = {
    "slice": ("start", "stop"), "update_slice": ("start",), "unslice": ("start",),
}  # fmt: skip
"""Attributes that are places on the axes of an array."""

NEAR = 2
"""How far from a length, or from the end of an axis, a number may be."""


def lengths_in(fn: Function) -> Iterator[Extent]:
    """The lengths of all loops, those in bodies of loops too."""
    for op in fn.ops:
        if op.prim is scan:
            yield op.attr("length")
            yield from lengths_in(op.attr("body"))


class Inference:
    """One pass over a function. symbols: what was found out. lengths: of its loops."""

    def __init__(self, fn: Function) -> None:
        self.symbols = Symbols()
        self.lengths: dict[int, Extent] = {}
        self._plain = fn
        self._near = _near(n for n in lengths_in(fn) if isinstance(n, int))

    def result(self) -> Function:
        """The function with all symbols, before what was found is put in.

        Constants whose extents are symbols have a type that they do not fit yet.
        """
        fn = self._plain
        return self._function(fn, [self._type(p.type) for p in fn.params])

    def _function(self, fn: Function, types: Sequence[ArrayType]) -> Function:
        new: dict[Value, Value] = {}
        for p, t in zip(fn.params, types, strict=True):
            new[p] = Value(None, (), (), t, p.uid, p.name, p.meta)
        for op in fn.ops:
            new[op] = self._op(op, tuple([new[a] for a in op.args]))
        ops, results = [new[op] for op in fn.ops], [new[r] for r in fn.results]
        return Function(fn.name, [new[p] for p in fn.params], ops, results)

    # --- numbers

    def _symbol(self, n: int) -> Extent:
        """A symbol for a number that may have to do with a length."""
        return self.symbols.fresh(n) if self._near(n) else n

    def _type(self, t: ArrayType) -> ArrayType:
        return ArrayType(t.dtype, tuple([self._symbol(n) for n in t.shape]))

    def _normal(self, t: Any) -> Any:
        return sized(t, self.symbols.solved)

    def _place(self, n: int, whole: Extent) -> Extent:
        """A place on an axis."""
        if isinstance(whole, Dim):
            left = self.symbols.number_of(whole) - n
            if 0 <= left <= NEAR < n:
                return whole - left  # type: ignore[no-any-return]
        return self._symbol(n)

    # --- ops

    def _op(self, op: Value, args: tuple[Value, ...]) -> Value:
        if op.prim is scan:
            return self._scan(op, args)
        attrs = self._attrs(op, args)
        if op.prim is const:
            type_: Any = self._type(op.type)
        elif op.prim is item:
            type_ = args[0].type.items[op.attr("index")]
        else:
            type_ = self._typed(op, args, attrs)
        return Value(op.prim, args, attrs, type_, op.uid, op.name, op.meta)

    def _attrs(self, op: Value, args: tuple[Value, ...]) -> Any:
        shape, places = SHAPES.get(op.prim.name), PLACES.get(op.prim.name)
        if shape is None and places is None:
            return op.attrs
        found = dict(op.attrs)
        if shape is not None:
            extents = found[shape]
            if isinstance(extents, tuple):
                found[shape] = tuple([self._symbol(n) for n in extents])
            else:
                found[shape] = self._symbol(extents)
        whole = found[shape] if shape is not None else None
        for name in places or ():
            axes = whole if whole is not None else self._normal(args[0].type).shape
            pairs = zip(found[name], axes, strict=True)
            found[name] = tuple([self._place(n, m) for n, m in pairs])
        return tuple(found.items())

    def _typed(self, op: Value, args: Sequence[Value], attrs: Any) -> Any:
        """The type of an op; its own where nothing is a symbol, or must not be."""
        types = [self._normal(a.type) for a in args]
        now = [a.type for a in op.args]
        if types == now and attrs == op.attrs:
            return op.type
        try:
            with self.symbols.asked():
                found = op.prim.type_rule(*types, **dict(attrs))
            if sized(found, self.symbols.numbers) == op.type:
                return found
        except Exception:  # whatever a rule says of symbols that it does not take
            pass
        for n in _extents((types, attrs)):
            self.symbols.keep_numbers(n)
        return op.type

    # --- loops

    def _length(self, n: int) -> Extent:
        """The symbol for a length: one for each number, as loops that are the same in
        the end must have the same."""
        if n not in self.lengths:
            self.lengths[n] = self.symbols.fresh(n)
        return self.lengths[n]

    def _scan(self, op: Value, args: tuple[Value, ...]) -> Value:
        length = self._length(op.attr("length"))
        n = op.attr("carries")
        shared = n + op.attr("invariants")
        types = [a.type for a in args[:shared]]
        for a in args[shared:]:
            self.symbols.make_equal(a.shape[0], length)
            types.append(ArrayType(a.dtype, a.shape[1:]))
        body = self._function(op.attr("body"), types)
        for t, r in zip(types[:n], body.results, strict=False):
            for a, b in zip(t.shape, r.shape, strict=True):
                self.symbols.make_equal(a, b)
        outputs = [ArrayType(r.dtype, (length, *r.shape)) for r in body.results[n:]]
        attrs = tuple((dict(op.attrs) | {"body": body, "length": length}).items())
        type_ = TupleType((*types[:n], *outputs))
        return Value(scan, args, attrs, type_, op.uid, op.name, op.meta)


def _near(lengths: Iterable[int]) -> Callable[[int], bool]:
    """Whether a number may have to do with lengths: a sum of them, or a multiple."""
    plain = set(lengths)
    few = sorted(plain)[:8]
    sums = plain | {a + b for a in few for b in few}
    close = {n + k for n in sums for k in range(-NEAR, NEAR + 1)}

    @cache
    def near(n: int) -> bool:
        return n > NEAR and (n in close or any(n % m == 0 for m in few))

    return near


def _extents(value: Any) -> Iterator[Dim]:
    """The symbolic extents in types and attributes."""
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, ArrayType):
        yield from _extents(value.shape)
    elif isinstance(value, (tuple, list)):
        for x in value:
            yield from _extents(x)
