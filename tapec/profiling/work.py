"""The bytes that a step moves and the operations it does, from its types alone."""

from __future__ import annotations

import math

from tapec.ir import Function, TupleType, Value, dims_of, with_sizes
from tapec.native.lowering import cost, is_view
from tapec.native.steps import Step

__all__ = ["moved", "operations"]


def moved(step: Step) -> int:
    """Bytes of the arrays that the step reads and writes, each once."""
    values = dict.fromkeys([*step.reads, *(v for v in step.written if v is not None)])
    types = [v.type for v in values]
    return sum(int(t.nbytes) for t in types if not isinstance(t, TupleType))


def operations(step: Step) -> int | None:
    """Instructions on elements; 24 for a mathematical function. None: not known."""
    if step.product is not None:
        return step.product.flops
    return _operations(step.op)


def _operations(op: Value) -> int | None:
    name = op.prim.name
    if name in ("const", "item") or is_view(op):
        return 0
    if name == "matmul":
        return int(2 * op.type.size * op.args[0].shape[-1])
    bodies = _bodies(op)
    if not bodies:
        each = cost(op)
        return None if each is None else each * _elements(op)
    inside = [_operations(inner) for body in bodies for inner in body.ops]
    if name not in ("fused", "scan", "tile") or None in inside:
        return None
    rounds = op.attr("length") if name == "scan" else 1
    return int(rounds * sum(n for n in inside if n is not None))


def _bodies(op: Value) -> list[Function]:
    """The functions it runs, with numbers for their symbolic extents."""
    if op.prim.name == "tile":  # all its tiles as one
        body = op.attr("body")
        return [with_sizes(body, dict.fromkeys(dims_of(body), op.attr("length")))]
    sizes = dict(op.attrs).get("sizes")
    bodies = Function("", (), [op], ()).bodies()
    if sizes is None:
        return list(bodies)
    return [with_sizes(fn, dict(zip(dims_of(fn), sizes, strict=True))) for fn in bodies]


def _elements(op: Value) -> int:
    """How many elements it computes, or combines."""
    return max(int(math.prod(v.shape)) for v in (op, *op.args))
