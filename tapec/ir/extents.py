"""Functions with symbolic extents, and what they become for given sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tapec.ir.dim import Dim, names_in
from tapec.ir.function import Function, Value
from tapec.ir.types import ArrayType, TupleType

__all__ = [
    "dims_of",
    "is_dynamic",
    "op_with_sizes",
    "sized",
    "sizes_of",
    "with_sizes",
]


def is_dynamic(fn: Function) -> bool:
    """Whether a parameter of `fn` has a symbolic extent."""
    return any(type(d) is Dim for p in fn.params for d in p.type.shape)


def dims_of(fn: Function) -> tuple[str, ...]:
    """The names of the sizes in types and attributes, in order of appearance."""
    found: dict[str, None] = {}
    for v in (*fn.params, *fn.ops):
        types = v.type.items if type(v.type) is TupleType else (v.type,)
        for t in types:
            _collect(t.shape, found)
        for _, value in v.attrs:
            _collect(value, found)
    return tuple(found)


def _collect(value: Any, found: dict[str, None]) -> None:
    if type(value) is Dim:
        found.update(dict.fromkeys(names_in(value)))
    elif type(value) is tuple:
        for item in value:
            _collect(item, found)
    elif type(value) is slice:
        _collect((value.start, value.stop, value.step), found)
    elif type(value) is ArrayType:
        _collect(value.shape, found)
    elif type(value) is Function:
        found.update(dict.fromkeys(dims_of(value)))


def sized(value: Any, sizes: Mapping[str, Any], kernels: bool = False) -> Any:
    """A type or attribute with numbers for names; `kernels` as in `with_sizes`."""
    kind = type(value)
    if kind is Dim:
        return value.at(sizes)
    if kind is tuple:
        return tuple([sized(item, sizes, kernels) for item in value])
    if kind is ArrayType:
        dynamic = any(type(d) is Dim for d in value.shape)
        return ArrayType(value.dtype, sized(value.shape, sizes)) if dynamic else value
    if kind is TupleType:
        return TupleType(sized(tuple(value.items), sizes))
    if kind is slice:
        return slice(*sized((value.start, value.stop, value.step), sizes))
    return with_sizes(value, sizes, kernels) if kind is Function else value


def sizes_of(fn: Function, shapes: Sequence[Sequence[int]]) -> dict[str, int]:
    """The sizes that the shapes of the arguments give to the names."""
    found: dict[str, int] = {}
    for number, (p, shape) in enumerate(zip(fn.params, shapes, strict=True)):
        for axis, (d, n) in enumerate(zip(p.type.shape, shape, strict=True)):
            expected = found.setdefault(d.name, n) if _is_name(d) else d
            if n != expected and not isinstance(expected, Dim):
                where = f"argument {p.name or number}: axis {axis} of {p.type!r}"
                raise ValueError(f"{where} has size {n}, not {expected}")
    return found


def _is_name(d: Any) -> bool:
    return type(d) is Dim and d.name.isidentifier()


def op_with_sizes(op: Value, sizes: Mapping[str, Any]) -> Value:
    """One op for these sizes; its operands stay what they are."""
    attrs, type_ = sized(op.attrs, sizes), sized(op.type, sizes)
    return Value(op.prim, op.args, attrs, type_, op.uid, op.name, op.meta)


def with_sizes(
    fn: Function, sizes: Mapping[str, Any], kernels: bool = False
) -> Function:
    """`fn` for these sizes, or with other extents for them.

    kernels: bodies of fused ops stay as they are, and the op has the sizes of its body
    as the attribute `sizes`; so all sizes share the code of a body.
    """
    new: dict[Value, Value] = {}
    for v in (*fn.params, *fn.ops):
        args = tuple([new[a] for a in v.args])
        if kernels and v.prim is not None and v.prim.name == "fused":
            attrs = _called(v, sizes)
        else:
            attrs = sized(v.attrs, sizes, kernels) if v.attrs else v.attrs
        type_ = sized(v.type, sizes)
        new[v] = Value(v.prim, args, attrs, type_, v.uid, v.name, v.meta)
    parts: Sequence[Sequence[Value]] = (fn.params, fn.ops, fn.results)
    return Function(fn.name, *[[new[v] for v in part] for part in parts])


def _called(op: Value, sizes: Mapping[str, Any]) -> Any:
    names = dims_of(op.attr("body"))
    if not names:
        return op.attrs
    return (*op.attrs, ("sizes", tuple(sizes[name] for name in names)))
