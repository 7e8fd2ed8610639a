"""From a value to a node: texts, sizes, the place in the source."""

from __future__ import annotations

import linecache
from typing import Any, Literal

import numpy as np

from tapec.ir import DTYPE_NAMES, ArrayType, Constant, Function, Location, Type, Value
from tapec.viz.schema import Arg, Node, Place

__all__ = ["Memo", "is_literal", "literal_text", "node_of"]

LONGEST = 400
"""Texts of attributes and source lines are cut after this many characters."""


class Memo:
    """What the graphs of one program's stages share: a value that stays is one node."""

    def __init__(self) -> None:
        self.nodes: dict[Value, Node] = {}
        self.by_uid: dict[int, tuple[Value, Node]] = {}
        self.bodies: dict[Function, Any] = {}
        self.places: dict[tuple[Any, int], Place] = {}
        self.types: dict[Type, tuple[str, str, list[int | str], int | None]] = {}


def node_of(value: Value, literals: dict[Value, str], memo: Memo) -> Node:
    """One value without its bodies."""
    meta = value.meta
    args = [
        Arg(literal=literals[a]) if a in literals else Arg(uid=a.uid)
        for a in value.args
    ]
    before = memo.by_uid.get(value.uid)
    if before is not None and is_moved(before[0], value):
        node = before[1].copy()
        node["args"] = args
        return node
    fields = memo.types.get(value.type)
    if fields is None:
        fields = memo.types[value.type] = repr(value.type), *type_fields(value.type)
    text, dtype, shape, size = fields
    node = Node(
        uid=value.uid,
        op="" if value.prim is None else value.prim.name,
        name=value.name,
        kind=kind_of(value),
        type=text,
        dtype=dtype,
        shape=shape,
        bytes=size,
        args=args,
        attrs={key: attr_text(attr) for key, attr in value.attrs},
        primal=meta.primal,
        half="forward" if meta.primal is None else "gradient",
        scope=meta.scope,
        loc=place_of(meta.loc, memo.places),
        kernel=None,
    )
    memo.by_uid[value.uid] = value, node
    return node


def is_moved(before: Value, now: Value) -> bool:
    """Whether a pass changed nothing but the operands."""
    return (
        before.attrs is now.attrs
        and before.meta is now.meta
        and before.prim is now.prim
        and before.type is now.type
        and before.name == now.name
    )


def kind_of(value: Value) -> Literal["param", "op", "const", "effect"]:
    if value.prim is None:
        return "param"
    if value.prim.effect:
        return "effect"
    return "const" if value.prim.name == "const" else "op"


def type_fields(type_: Type) -> tuple[str, list[int | str], int | None]:
    """Dtype, shape, bytes."""
    if not isinstance(type_, ArrayType):
        sizes = [type_fields(t)[2] for t in type_.items]
        return "tuple", [], None if None in sizes else sum(s or 0 for s in sizes)
    dtype = repr(type_).split("[")[0]
    shape = [d if isinstance(d, int) else str(d) for d in type_.shape]
    static = all(isinstance(d, int) for d in shape)
    return dtype, shape, type_.nbytes if static else None


def is_literal(op: Value) -> bool:
    """Whether `op` is one number, to be drawn inside its users."""
    if op.prim.name != "const":
        return False
    array = payload(op)
    return array is not None and array.size == 1


def payload(op: Value) -> Any:
    """The number or array of a `const` op."""
    for _, attr in op.attrs:
        if isinstance(attr, Constant):
            return attr.array
        if isinstance(attr, (bool, int, float, complex, np.generic, np.ndarray)):
            return np.asarray(attr)
    return None


def literal_text(op: Value) -> str:
    array = payload(op)
    return f"{'[' * array.ndim}{array.item()!r}{']' * array.ndim}"


def attr_text(attr: Any) -> str:
    """A short, deterministic text of an attribute."""
    if isinstance(attr, Function):
        return f"@{attr.name}"
    if isinstance(attr, Constant):
        attr = attr.array
    if isinstance(attr, np.ndarray):
        body = np.array2string(attr, separator=", ", threshold=8, edgeitems=3)
        return cut(" ".join(body.split()))
    if isinstance(attr, np.dtype):
        return str(DTYPE_NAMES.get(attr, attr))
    if isinstance(attr, slice):
        ends = (attr.start, attr.stop, attr.step)
        start, stop, step = ("" if e is None else str(e) for e in ends)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if type(attr) is tuple:
        items = [attr_text(item) for item in attr[:16]] + ["..."] * (len(attr) > 16)
        return cut(f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})")
    return cut(repr(attr) if not isinstance(attr, str) else attr)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def place_of(
    loc: Location | None, places: dict[tuple[Any, int], Place]
) -> Place | None:
    if loc is None or not loc.frames:
        return None
    frame = loc.frames[0]
    if frame not in places:
        line, end_line, col, end_col = loc.span
        text = linecache.getline(loc.filename, line) if line else ""
        places[frame] = Place(
            file=loc.filename,
            line=line,
            end_line=end_line,
            col=col,
            end_col=end_col,
            function=loc.function,
            text=cut(text.rstrip("\r\n")),
        )
    return places[frame]
