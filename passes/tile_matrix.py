"""The loop over the matrices of a batch, and its body: the same ops for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tapec.ir import ArrayType, Emitter, Extent, Function, Value
from tapec.ops.const import const, item
from tapec.ops.control import scan
from tapec.ops.shape import reshape
from tapec.passes.tile_body import EXTENTS
from tapec.passes.tile_products import with_products

__all__ = ["emit_loop"]

Spot = tuple[Value, bool]
"""An operand, and whether a step reads one matrix of it."""


def emit_loop(
    members: Mapping[Value, set[int]],
    results: list[Value],
    emit: Emitter,
    new: dict[Value, Value],
) -> None:
    """Append a loop that does what `members` do; `new` gets what takes their place.

    members: with the numbers of the operands that they read matrix by matrix. results:
    those that others read.
    """
    operands = _operands(members)
    op = emit.new(
        scan,
        *[new.get(a, a) for a, _ in operands],
        like=results[-1],
        body=_body(members, operands, results),
        carries=0,
        invariants=sum(not part for _, part in operands),
        length=results[0].shape[0],
        reverse=False,
    )
    for index, result in enumerate(results):
        new[result] = emit.new(item, op, like=result, index=index)


def _operands(members: Mapping[Value, set[int]]) -> list[Spot]:
    """What the body reads: first what all steps share."""
    found = {
        (a, i in parts): None
        for op, parts in members.items()
        for i, a in enumerate(op.args)
        if a not in members and a.prim is not const
    }
    return sorted(found, key=lambda spot: spot[1])


def _body(
    members: Mapping[Value, set[int]], operands: list[Spot], results: list[Value]
) -> Function:
    """A batch of one matrix: the ops stay what they are."""
    params = [_param(a, part, uid) for uid, (a, part) in enumerate(operands)]
    emit = Emitter(len(params))
    new: dict[Spot, Value] = {}

    def reshaped(v: Value, shape: tuple[Extent, ...]) -> Value:
        return emit.new(reshape, v, like=v, shape=shape)

    for (a, part), p in zip(operands, params, strict=True):
        new[a, part] = reshaped(p, (1, *p.shape)) if part else p
    for op, parts in members.items():
        for a in op.args:
            if a.prim is const and (a, False) not in new:
                new[a, False] = emit.make(const, (), a.attrs, a.type, a)
        args = tuple([new[a, i in parts] for i, a in enumerate(op.args)])
        attrs = tuple((name, _of_one(op, name, value)) for name, value in op.attrs)
        type_ = ArrayType(op.dtype, (1, *op.shape[1:]))
        new[op, True] = emit.make(op.prim, args, attrs, type_, op)
    found = [new[r, True] for r in results]
    last = [reshaped(r, r.shape[1:]) for r in found]
    return with_products(Function("matrix", params, emit.ops, last))


def _param(a: Value, part: bool, uid: int) -> Value:
    shape = a.shape[1:] if part else a.shape
    return Value(None, (), (), ArrayType(a.dtype, shape), uid)


def _of_one(op: Value, name: str, value: Any) -> Any:
    """An attribute that has the extent of the batch in it."""
    return (1, *value[1:]) if (op.prim.name, name) in EXTENTS else value
